package site

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// sockets are those of one session, as the API sees them.
type sockets struct {
	of   login.SessionID
	fail error
	got  []string
}

func (s *sockets) Send(_ context.Context, id login.SessionID, message []byte) (bool, error) {
	if id != s.of || s.fail != nil {
		return false, s.fail
	}
	s.got = append(s.got, string(message))
	return true, nil
}

func TestASiteSendsMessagesToItsSessions(t *testing.T) {
	s := newServer(t)
	open := &sockets{}
	s.echo = echo.New()
	s.echo.HTTPErrorHandler = func(err error, c echo.Context) { _ = problem.Write(c, err) }
	api := &API{Service: s.Service, Issuer: issuer, Messages: open}
	api.Routes(s.echo)

	session := func(app string) string {
		v, err := s.RedeemTicket(t.Context(), app, s.ticket(t, app))
		if err != nil {
			t.Fatal(err)
		}
		return string(v.ID)
	}
	mine, closed, ended, foreign := session("shop"), session("shop"), session("shop"), session("bank")
	open.of = login.SessionID(mine)
	if err := s.SignOut(t.Context(), "shop", ended); err != nil {
		t.Fatal(err)
	}
	const shop = "shop:shop:secret"
	for _, tt := range []struct {
		name, as, id, body string
		fail               error
		want               int
		got                string
	}{
		{"an object", shop, mine, `{"data":{"a":1}}`, nil, 202, `{"a":1}`},
		{"a number", shop, mine, `{"data":0}`, nil, 202, `0`},
		{"null is a message too", shop, mine, `{"data":null,"more":1}`, nil, 202, `null`},
		{"the longest", shop, mine, `{"data":"` + strings.Repeat("x", 16<<10-11) + `"}`, nil, 202, `"` + strings.Repeat("x", 16<<10-11) + `"`},
		{"longer than that", shop, mine, `{"data":"` + strings.Repeat("x", 16<<10-10) + `"}`, nil, 413, ""},
		{"no data", shop, mine, `{}`, nil, 400, ""},
		{"no body", shop, mine, ``, nil, 400, ""},
		{"no JSON", shop, mine, `{"data":}`, nil, 400, ""},
		{"data twice", shop, mine, `{"data":1,"data":2}`, nil, 400, ""},
		{"no socket is open", shop, closed, `{"data":1}`, nil, 404, ""},
		{"signed out", shop, ended, `{"data":1}`, nil, 404, ""},
		{"another app's session", shop, foreign, `{"data":1}`, nil, 404, ""},
		{"another app asks", "bank:bank-secret", mine, `{"data":1}`, nil, 404, ""},
		{"no such session", shop, "x", `{"data":1}`, nil, 404, ""},
		{"a wrong secret", "shop:wrong", mine, `{"data":1}`, nil, 401, ""},
		{"nobody", "", mine, `{"data":1}`, nil, 401, ""},
		{"the sockets cannot be reached", shop, mine, `{"data":1}`, errors.New("no route"), 503, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open.got, open.fail = nil, tt.fail
			w := s.call(t, tt.as, http.MethodPost, "/v1/sessions/"+tt.id+"/messages", tt.body)
			if w.Code != tt.want || strings.Join(open.got, "|") != tt.got || strings.Contains(w.Body.String(), "no route") {
				t.Errorf("answered %d %s, sent %.40q", w.Code, w.Body, open.got)
			}
		})
	}
}

func TestWithoutSocketsNoMessageIsDelivered(t *testing.T) {
	s := newServer(t)
	v, err := s.RedeemTicket(t.Context(), "shop", s.ticket(t, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	if w := s.call(t, "shop:shop:secret", http.MethodPost, "/v1/sessions/"+string(v.ID)+"/messages", `{"data":1}`); w.Code != http.StatusNotFound {
		t.Errorf("answered %d", w.Code)
	}
}
