package dialect

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/park"
	"qrlatch/server/problem"
	"qrlatch/server/qr"
)

// WebSocket is a dialect in the way of WhatsApp Web: the login is bound to its socket,
// which is told of every new code and every state, and after the approval stays open for
// what the site sends to the session. A socket that was cut is opened again with id
// while the login is under way, and with resume from the approval on.
//
// What is said, and how a socket ends, stands in websocket_socket.go; how the client's
// bytes are read, in websocket_frames.go.
//
// Deliberately different from the original: messages are plain JSON without tags, the
// text of the code is a URL, and no key is exchanged, since TLS protects the socket.
type WebSocket struct {
	Service   *login.Service
	PublicURL string
	Symbols   *qr.Encoder              // see [NewEncoder]; nil: one that learned nothing
	Limit     func(login.Browser) bool // whether this browser may start one more login; nil: any may
	Waiters   *limit.Waiters           // counts those who wait; nil: any number may
	Messages  Messages
	Lot       *park.Lot // where sockets wait; nil: on goroutines
}

// Messages is where a session's messages come from.
type Messages interface {
	// Listen gives take every message for the session, which is JSON, until stop has
	// returned. take does not block; it reports whether it kept the message. Then ring is
	// called, which may.
	Listen(id login.SessionID, take func(message []byte) (kept bool), ring func()) (stop func())
}

// Routes adds the dialect's endpoint.
func (w *WebSocket) Routes(e *echo.Echo) { e.GET("/v1/ws", w.serve) }

func (w *WebSocket) serve(c echo.Context) error {
	if err := upgradable(c); err != nil {
		return err
	}
	if w.Lot.Draining() {
		return problem.Unavailable(errors.New("draining"))
	}
	s, err := w.prepare(c)
	if err != nil {
		return err
	}
	c.Response().Committed = true // from here on, nobody else may answer
	conn, rw, _, err := ws.HTTPUpgrader{Timeout: wsHandshake}.Upgrade(c.Request(), c.Response())
	if err != nil {
		if conn != nil {
			conn.Close()
		}
		s.Gone()
		return nil // the client is gone
	}
	c.Response().Status = http.StatusSwitchingProtocols
	first, _ := rw.Peek(rw.Reader.Buffered()) // sent before our answer: it is there
	w.Lot.Adopt(conn, first, s)
	return nil
}

// upgradable refuses whatever is no handshake (RFC 6455, section 4.2.1) before anything
// is started for it. A body would be taken for frames. An Upgrade that names others beside
// websocket is one that the upgrader would refuse, when it is too late.
func upgradable(c echo.Context) error {
	r := c.Request()
	h := r.Header
	switch {
	case r.ProtoMajor != 1 || !r.ProtoAtLeast(1, 1) || !strings.EqualFold(h.Get("Upgrade"), "websocket") ||
		!hasToken(h.Get("Connection"), "upgrade"), h.Get("Sec-WebSocket-Version") != "13":
		c.Response().Header().Set("Connection", "Upgrade")
		c.Response().Header().Set("Upgrade", "websocket")
		c.Response().Header().Set("Sec-WebSocket-Version", "13")
		return echo.NewHTTPError(http.StatusUpgradeRequired)
	case len(h.Get("Sec-WebSocket-Key")) != 24:
		return problem.BadRequest("Sec-WebSocket-Key is 16 bytes in base64.")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return problem.BadRequest("A WebSocket begins without a body.")
	}
	return nil
}

func hasToken(list, token string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}

// mayOpen tells whether a page may have a socket of app. A browser lets every page open
// one and sends its cookies, and asks nobody (cross-site WebSocket hijacking), so here
// Origin is a wall and not a hint. Clients that are not browsers send none.
func mayOpen(r *http.Request, app *login.App) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	origin := origins[0]
	return len(origins) == 1 && origin != "null" && (registered(app, origin) || ours(r, origin))
}

// prepare finds, or starts, what the socket is for. Everything that can be refused is
// refused here, while there is still HTTP to say why.
func (w *WebSocket) prepare(c echo.Context) (*socket, error) {
	p, err := parameters(c, "app", "redirect_uri", "state", "lang", "id", "resume")
	if err != nil {
		return nil, problem.BadRequest(err.Error())
	}
	given := 0
	for _, name := range []string{"app", "id", "resume"} {
		if p.Has(name) {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, problem.BadRequest("Send one of app (starts a login), id (of a login) and resume (a secret from an approved message).")
	case p.Has("resume"):
		return w.resume(c, p.Get("resume"))
	case p.Has("id"):
		return w.attach(c, p.Get("id"))
	}
	app, ok := w.Service.App(p.Get("app"))
	if !ok {
		return nil, problem.FromLogin(login.ErrUnknownApp)
	}
	if !mayOpen(c.Request(), app) {
		return nil, errForeignPage()
	}
	v, err := (&JSON{Service: w.Service, PublicURL: w.PublicURL, Limit: w.Limit, Waiters: w.Waiters}).begin(c, limit.ByWebSocket, startRequest{
		App: app.ID, RedirectURI: p.Get("redirect_uri"), State: p.Get("state"), Lang: p.Get("lang"),
	})
	if err != nil {
		return nil, err
	}
	return w.attach(c, string(v.ID))
}

// attach is for a login of the browser that has its id, up to its redemption: after
// that, only the resume secret speaks for the session.
func (w *WebSocket) attach(c echo.Context, id string) (*socket, error) {
	who := login.Holder{ID: id, Addr: browserOf(c).Addr, ShowsNumber: true}
	l, err := w.Service.Get(c.Request().Context(), who)
	if err != nil {
		return nil, w.refuse(c, err)
	}
	if err := w.checkPage(c, l.App); err != nil {
		return nil, err
	}
	if l.State == login.Redeemed {
		return nil, problem.FromLogin(login.ErrRedeemed).WithDetail("This login was redeemed already. Open the session's socket with resume.")
	}
	s := &socket{WebSocket: w, id: login.ID(strings.Clone(id)), now: &l, watch: w.Service.NewWatch(who, l)}
	return s, w.seat(c, s, waiterFor(c, limit.ByWebSocket, who, l))
}

func (w *WebSocket) resume(c echo.Context, secret string) (*socket, error) {
	r, err := w.Service.Resume(c.Request().Context(), secret)
	if err != nil {
		return nil, w.refuse(c, err)
	}
	if err := w.checkPage(c, r.App); err != nil {
		return nil, err
	}
	l := r.Login
	if r.Begun() {
		// The login that it came of may be forgotten; for the socket it is redeemed.
		l = login.Login{App: r.App, State: login.Redeemed, Redeemed: r.Session.Created}
		_ = w.Service.Touch(c.Request().Context(), r.Session) // only for the list of devices
	}
	s := &socket{WebSocket: w, now: &l, session: r.ID, secret: strings.Clone(secret), watch: w.Service.NewResumedWatch()}
	return s, w.seat(c, s, limit.Waiter{
		Dialect: limit.ByWebSocket, Topic: string(r.ID), Addr: browserOf(c).Addr, Bound: true,
	})
}

// seat gives s a place among those who wait, or says while there is HTTP to say it that
// there is none.
func (w *WebSocket) seat(c echo.Context, s *socket, v limit.Waiter) error {
	switch s.enter(w.Waiters, v) {
	case limit.Admitted:
		return nil
	case limit.Held:
		limit.Pause(c.Request().Context(), limit.Patience)
	case limit.TurnedAway:
	}
	s.Gone()
	return tooManyWait(c)
}

// refuse holds unknown ids and secrets a while, as a poll of them is.
func (w *WebSocket) refuse(c echo.Context, err error) error {
	if errors.Is(err, login.ErrNotFound) {
		pause(c.Request().Context(), c, w.Waiters, slowPoll)
	}
	return problem.FromLogin(err)
}

func (w *WebSocket) checkPage(c echo.Context, id string) error {
	app, ok := w.Service.App(id)
	if !ok {
		return problem.FromLogin(login.ErrNotFound) // the app was taken out of the configuration
	}
	if !mayOpen(c.Request(), app) {
		return errForeignPage()
	}
	return nil
}

// The times of a socket.
const (
	// wsPing keeps proxies from taking a quiet socket for a dead one, wsPong is how long
	// after that the client may be silent before it is taken for gone.
	wsPing = 25 * time.Second
	wsPong = 10 * time.Second
	// wsHandshake is how long the client may take to accept our answer.
	wsHandshake = 10 * time.Second
	// wsGoodbye is how long the client has to answer a close frame. Closed at once, the
	// connection might be reset before the client has read why.
	wsGoodbye = 2 * time.Second
	// wsAgain is when something that could not be read is read again; wsBegin is how long
	// after its redemption a login's session must be there.
	wsAgain = time.Second
	wsBegin = time.Minute
)
