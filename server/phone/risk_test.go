package phone

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

func TestAScanSaysWhyItIsRiskyAndWhetherItsNumberCanBeSeen(t *testing.T) {
	for _, test := range []struct {
		name    string
		app     string
		pause   time.Duration
		browser func(t *testing.T, s *server, h login.Holder) // just before the scan
		risk    any
		shown   any // nil: no number is required
	}{
		{"a common scan", "shop", time.Second, nil, nil, nil},
		{"a stale code of a browser that can show the number", "shop", time.Minute, func(t *testing.T, s *server, h login.Holder) {
			h.ShowsNumber = true
			get(t, s, h)
		}, []any{"stale_code"}, true},
		{"a stale code of a browser that cannot", "shop", time.Minute, get, []any{"stale_code"}, false},
		{"a stale code of a browser that is gone", "shop", time.Minute, nil, []any{"stale_code", "delay"}, false},
		{"an app that always asks", "bank", time.Second, get, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				id, code := s.start(t, test.app)
				time.Sleep(test.pause)
				if test.browser != nil {
					test.browser(t, s, login.Holder{ID: string(id)})
				}
				scanned := read(t, s.call(t, "alice-token", "POST", "/v1/scans", `{"code":"`+code+`"}`), 201)
				path := "/v1/scans/" + scanned["id"].(string)
				for _, got := range []map[string]any{
					scanned, read(t, s.call(t, "alice-token", "GET", path, ""), 200), readAll(t, s.call(t, "alice-token", "GET", "/v1/scans", ""))[0],
				} {
					if !reflect.DeepEqual(got["risk"], test.risk) || got["number_shown"] != test.shown || got["number_required"] != (test.shown != nil) {
						t.Errorf("risk %v, shown %v, required %v", got["risk"], got["number_shown"], got["number_required"])
					}
				}
				if test.shown == nil {
					return
				}
				// Whatever can be seen: without the number nobody gets in.
				detail := read(t, s.call(t, "alice-token", "POST", path+"/approve", ""), 422)["detail"].(string)
				if said := strings.Contains(detail, "fresh code"); said == test.shown.(bool) {
					t.Errorf("refused with %q", detail)
				}
				read(t, s.call(t, "alice-token", "POST", path+"/approve", `{"number":"0"}`), 422)
				read(t, s.call(t, "alice-token", "POST", path+"/approve", `{"number":"0"}`), 422)
				read(t, s.call(t, "alice-token", "POST", path+"/approve", `{"number":"0"}`), 410)
			})
		})
	}
}

// get is a short poll of a browser.
func get(t *testing.T, s *server, h login.Holder) {
	t.Helper()
	if _, err := s.Get(t.Context(), h); err != nil {
		t.Fatal(err)
	}
}

type atlas map[netip.Addr][2]string

func (a atlas) Place(addr netip.Addr, lang string) (place, network string) {
	if lang != "en" {
		return "", ""
	}
	return a[addr][0], a[addr][1]
}

func TestABrowserHasAPlaceWhereItIsKnown(t *testing.T) {
	s := newServer(t, func(a *API) {
		a.Places = atlas{firefox.Addr: {"Lisbon, Portugal", "Home Telecom"}}
	})
	id, path := s.scanned(t, "shop")
	got := read(t, s.call(t, "alice-token", "GET", path, ""), 200)["browser"].(map[string]any)
	if got["place"] != "Lisbon, Portugal" || got["network"] != "Home Telecom" || got["ip"] != "203.0.113.7" {
		t.Errorf("%v", got)
	}
	s.redeemed(t, id, path)
	got = readAll(t, s.call(t, "alice-token", "GET", "/v1/sessions", ""))[0]["browser"].(map[string]any)
	if got["place"] != "Lisbon, Portugal" {
		t.Errorf("%v", got)
	}
}

func TestWhatIsDoneIsRecordedWithThePhonesAddress(t *testing.T) {
	var events []login.Event
	s := newServer(t, func(a *API) {
		keys := a.Service.Keys()
		a.Service.Configure(login.Config{Keys: keys, Apps: a.Service.Apps(), Audit: func(e login.Event) { events = append(events, e) }})
	})
	id, path := s.scanned(t, "shop")
	v := s.redeemed(t, id, path)
	if w := s.call(t, "alice-token", "DELETE", "/v1/sessions/"+string(v.ID)+"?reason=not_me", ""); w.Code != 204 {
		t.Fatal(w.Code, w.Body)
	}
	var names []string
	for _, e := range events {
		names = append(names, string(e.Name))
		if phone := e.Name != login.EventRedeem; e.PhoneAddr.IsValid() != phone || phone && e.PhoneAddr.String() != "192.0.2.1" {
			t.Errorf("%s from %v", e.Name, e.PhoneAddr)
		}
	}
	if got := strings.Join(names, " "); got != "scan approve redeem not_me" {
		t.Errorf("told %s", got)
	}
}
