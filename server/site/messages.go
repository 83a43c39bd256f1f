package site

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// Messages leads to the sockets that a session's browser holds open.
type Messages interface {
	// Send reports whether any socket of the session took the message, which is JSON.
	// An error means that they could not be reached.
	Send(ctx context.Context, id login.SessionID, message []byte) (delivered bool, err error)
}

// message handles POST /v1/sessions/{id}/messages. 202 says that the message is on its
// way; whether the page has read it, only the page can say.
func (a *API) message(c echo.Context, app *login.App) error {
	var body struct {
		Data json.RawMessage `json:"data"`
	}
	if err := problem.ReadJSON(c, &body); err != nil {
		return err
	}
	if body.Data == nil {
		return problem.BadRequest(`Member "data" is missing. Send the message there, as any JSON.`)
	}
	v, err := a.Service.SessionOf(c.Request().Context(), app.ID, c.Param("id"))
	if err != nil {
		return sessionProblem(err)
	}
	delivered := false
	if a.Messages != nil {
		if delivered, err = a.Messages.Send(c.Request().Context(), v.ID, body.Data); err != nil {
			return problem.Unavailable(err)
		}
	}
	if !delivered {
		return problem.FromLogin(login.ErrNotFound).
			WithDetail("The browser of this session has no WebSocket open. Nothing is kept for later: send it again when the browser is back.")
	}
	return c.NoContent(http.StatusAccepted)
}
