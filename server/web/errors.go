package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"qrlatch/server/pages"
	"qrlatch/server/problem"
)

// errorHandler answers an error in the words of whoever asked: problem+json on the
// JSON interface, a page for people, a line of text for everybody else.
func errorHandler(people *pages.Pages) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		// Whether the answer arrives, nobody can do anything about.
		p := problem.Of(err)
		switch r := c.Request(); {
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			_ = problem.Write(c, err)
		case strings.Contains(r.Header.Get("Accept"), "text/html"):
			_ = people.Error(c, p.Status, p.Title, whatToDo(p))
		default:
			_ = c.String(p.Status, p.Title+". "+whatToDo(p)+"\n")
		}
	}
}

func whatToDo(p *problem.Problem) string {
	switch {
	case p.Detail != "":
		return p.Detail
	case p.Status == http.StatusNotFound:
		return "There is nothing at this address."
	case p.Status == http.StatusMethodNotAllowed:
		return "This address does not take that kind of request."
	}
	return "Go back and try again."
}
