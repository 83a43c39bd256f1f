package dialect_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// FuzzLastEventID holds what browsers may send against what they may hear: a cursor is
// the name of a state, and everything else is as good as none.
func FuzzLastEventID(f *testing.F) {
	for _, seed := range []string{
		"", "redeemed", "pending", "REDEEMED", " redeemed", "redeemed ", "redeemed\r\nX: y", "redeemed\n\ndata: x", "0", "-1",
		"17", "18446744073709551616", "\x00", "\ufeffredeemed", "ｒｅｄｅｅｍｅｄ", "redeemed,redeemed", "null", strings.Repeat("9", 4096),
	} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	handler, id := overLogin(f)
	f.Fuzz(func(t *testing.T, header, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/logins/"+id+"/events?since="+url.QueryEscape(query), nil)
		r.Header["Last-Event-Id"] = []string{header}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		seen, ok := login.ParseState(header)
		if !ok || seen == 0 {
			seen, _ = login.ParseState(query)
		}
		body := w.Body.String()
		switch {
		case seen == login.Redeemed:
			if w.Code != 204 || body != "" {
				t.Errorf("%d %q", w.Code, body)
			}
		case w.Code != 200 || body != sseHello+"id: redeemed\ndata: {\"id\":\""+id+"\",\"state\":\"redeemed\",\"expires_in\":0}\nevent: redeemed\n\n":
			t.Errorf("%d %q", w.Code, body)
		}
	})
}

// overLogin serves a redeemed login for longer than a fuzzer runs.
func overLogin(f *testing.F) (handler http.Handler, id string) {
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		f.Fatal(err)
	}
	store := memstore.New(memstore.Options{})
	f.Cleanup(store.Close)
	service := login.NewService(store.Store, login.Config{Keys: keys, Apps: wxApps(), TicketTTL: 24 * time.Hour})
	started, l, err := service.Start(f.Context(), login.Request{App: wxApp})
	if err != nil {
		f.Fatal(err)
	}
	code, _, _ := service.Code(l, time.Now())
	phone := login.Phone{Issuer: "test", Subject: "x"}
	if _, err := service.Scan(f.Context(), login.Identity{Phone: phone}, code, time.Time{}); err != nil {
		f.Fatal(err)
	}
	if l, err = service.Approve(f.Context(), phone, string(l.Handle), ""); err != nil {
		f.Fatal(err)
	}
	uri, _ := service.RedirectURI(l)
	u, err := url.Parse(uri)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := service.RedeemPage(f.Context(), u.Query(), firefox()); err != nil {
		f.Fatal(err)
	}
	e := echo.New()
	(&dialect.SSE{Service: service}).Routes(e)
	return e, string(started)
}
