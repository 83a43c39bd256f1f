package phone

import (
	"encoding/json"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

func TestLinkedDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		if all := readAll(t, s.call(t, "alice-token", "GET", "/v1/sessions", "")); len(all) != 0 {
			t.Fatalf("got %v", all)
		}
		id, path := s.scanned(t, "shop")
		v := s.redeemed(t, id, path)
		now := time.Now().UTC().Format(time.RFC3339)
		want := map[string]any{
			"id":         string(v.ID),
			"app":        map[string]any{"id": "shop", "name": "Corner Shop", "origin": "https://shop.example:8443"},
			"browser":    map[string]any{"ip": "203.0.113.7", "user_agent": "Firefox"},
			"created_at": now, "last_seen_at": now,
		}
		all := readAll(t, s.call(t, "alice-token", "GET", "/v1/sessions", ""))
		if len(all) != 1 || !reflect.DeepEqual(all[0], want) {
			t.Errorf("got  %v\nwant %v", all, want)
		}
		time.Sleep(12 * time.Hour)
		if all := readAll(t, s.call(t, "alice-token", "GET", "/v1/sessions", "")); len(all) != 0 {
			t.Errorf("expired, and yet %v", all)
		}
	})
}

func TestPhoneSignsItsBrowserOut(t *testing.T) {
	for _, query := range []string{"", "?reason=not_me"} {
		s := newServer(t)
		id, path := s.scanned(t, "shop")
		v := s.redeemed(t, id, path)
		target := "/v1/sessions/" + string(v.ID) + query

		read(t, s.call(t, "bob-token", "DELETE", target, ""), 404) // as if it were not there
		if _, err := s.SessionOf(t.Context(), "shop", string(v.ID)); err != nil {
			t.Fatalf("bob signed alice out: %v", err)
		}
		if w := s.call(t, "alice-token", "DELETE", target, ""); w.Code != 204 || w.Body.Len() != 0 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		if _, err := s.SessionOf(t.Context(), "shop", string(v.ID)); err == nil {
			t.Error("still signed in")
		}
		read(t, s.call(t, "alice-token", "DELETE", target, ""), 404)
	}
}

func TestPushLoginIsListed(t *testing.T) {
	s := newServer(t)
	id, path := s.scanned(t, "chat")
	c, err := s.Credentials(s.redeemed(t, id, path))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.StartPush(t.Context(), c.PushTicket, decimal(c.UIN), login.Request{Browser: firefox}); err != nil {
		t.Fatal(err)
	}
	all := readAll(t, s.call(t, "alice-token", "GET", "/v1/scans", ""))
	if len(all) != 1 || all[0]["push"] != true || all[0]["state"] != "scanned" {
		t.Fatalf("got %v", all)
	}
	read(t, s.call(t, "alice-token", "POST", "/v1/scans/"+all[0]["id"].(string)+"/approve", ""), 200)
}

func decimal(n int64) string { b, _ := json.Marshal(n); return string(b) }
