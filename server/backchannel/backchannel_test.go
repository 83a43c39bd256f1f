package backchannel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/backchannel"
	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

var (
	alice = login.Identity{Phone: login.Phone{Issuer: "test", Subject: "alice"}}
	desk  = login.Browser{Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: "Desk/1.0"}
	thief = login.Browser{Addr: netip.MustParseAddr("192.0.2.2"), UserAgent: "Desk/1.0"}
)

// query signs alice in at app, up to what her browser brings to it.
func query(t *testing.T, s *login.Service, app string) url.Values {
	t.Helper()
	_, l, err := s.Start(t.Context(), login.Request{App: app, Browser: desk})
	if err != nil {
		t.Fatal(err)
	}
	code, _, _ := s.Code(l, time.Now())
	if _, err := s.Scan(t.Context(), alice, code, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if l, err = s.Approve(t.Context(), alice.Phone, string(l.Handle), ""); err != nil {
		t.Fatal(err)
	}
	text, _ := s.RedirectURI(l)
	to, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return to.Query()
}

func TestASiteIsToldOnceOfEveryEndButItsOwn(t *testing.T) {
	type try struct {
		*world
		*login.Service
		ctx context.Context
	}
	session := func(t *testing.T, s *login.Service, app string) login.Session {
		t.Helper()
		v, err := s.RedeemTicket(t.Context(), app, query(t, s, app).Get("ticket"))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range []struct {
		name string
		app  string
		end  func(t *testing.T, w try) (login.SessionID, error) // says which has ended
		told bool
	}{
		{"by the phone", "shop", func(t *testing.T, w try) (login.SessionID, error) {
			v := session(t, w.Service, "shop")
			return v.ID, w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID))
		}, true},
		{"it was not me", "bank", func(t *testing.T, w try) (login.SessionID, error) {
			v := session(t, w.Service, "bank")
			return v.ID, w.Disown(w.ctx, alice.Phone, string(v.ID))
		}, true},
		{"by the browser, at the login server", "shop", func(t *testing.T, w try) (login.SessionID, error) {
			v := session(t, w.Service, "shop")
			return v.ID, w.SignOut(w.ctx, "shop", string(v.ID))
		}, true},
		{"by a sign-in elsewhere", "shop", func(t *testing.T, w try) (login.SessionID, error) {
			w.config.Apps[0].OneSession = true
			w.Configure(w.config)
			v := session(t, w.Service, "shop")
			time.Sleep(time.Second)
			session(t, w.Service, "shop")
			return v.ID, nil
		}, true},
		{"by a ticket that two presented", "shop", func(t *testing.T, w try) (login.SessionID, error) {
			q := query(t, w.Service, "shop")
			v, err := w.RedeemPage(w.ctx, q, desk)
			if err != nil {
				return "", err
			}
			for range 2 {
				_, _ = w.RedeemPage(w.ctx, q, thief) // is refused, and ends the session
			}
			return v.ID, nil
		}, true},
		{"by the site itself", "shop", func(t *testing.T, w try) (login.SessionID, error) {
			v := session(t, w.Service, "shop")
			return v.ID, w.SignOutBySite(w.ctx, "shop", string(v.ID))
		}, false},
		{"of a site that wants to hear nothing", "mute", func(t *testing.T, w try) (login.SessionID, error) {
			v := session(t, w.Service, "mute")
			return v.ID, w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID))
		}, false},
		{"by its time", "shop", func(t *testing.T, w try) (login.SessionID, error) {
			v := session(t, w.Service, "shop")
			time.Sleep(13 * time.Hour)
			return v.ID, nil
		}, false},
		{"not at all", "shop", func(t *testing.T, w try) (login.SessionID, error) {
			return session(t, w.Service, "shop").ID, nil
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, status(http.StatusOK))
				mem := memstore.New(memstore.Options{})
				defer mem.Close()
				s := login.NewService(mem.Store, w.config)
				id, err := test.end(t, try{w, s, t.Context()})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.SessionOf(t.Context(), test.app, string(id)); errors.Is(err, login.ErrNotFound) == (test.name == "not at all") {
					t.Errorf("the session has not ended as it should: %v", err)
				}
				synctest.Wait()
				got := w.sites.notices()
				if len(got) != 0 != test.told || len(got) > 1 {
					t.Fatalf("%d notices, want one: %v", len(got), test.told)
				}
				if test.told && (got[0].session != string(id) || got[0].to != map[string]string{"shop": shop, "bank": bank}[test.app]) {
					t.Errorf("%+v, want it of session %s at %s", got[0], id, test.app)
				}
			})
		})
	}
}

func TestANoticeSaysWhatTheSpecificationAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, status(http.StatusNoContent))
		w.ended("shop", "session1")
		synctest.Wait()
		got := w.sites.notices()
		if len(got) != 1 {
			t.Fatalf("%d notices", len(got))
		}
		now := time.Now().Unix()
		want := map[string]any{
			"iss": issuer, "aud": "shop", "sub": "alice", "sid": "session1", "iat": float64(now), "exp": float64(now + 120),
			"jti": got[0].id, "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		if said := fmt.Sprint(got[0].said); said != fmt.Sprint(want) || len(got[0].id) < 22 {
			t.Errorf("says  %v\nwant %v", said, want)
		}
		w.expect(map[string]int{backchannel.Sent: 1})
	})
}

func TestWhatASiteAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer answer
		tries  int
		result string
		log    string
	}{
		"200":           {status(200), 1, backchannel.Sent, ""},
		"204":           {status(204), 1, backchannel.Sent, ""},
		"400":           {status(400), 1, backchannel.Refused, "it answers 400"},
		"201":           {status(201), 7, backchannel.GivenUp, "it answers 201"},
		"a redirect":    {status(302), 7, backchannel.GivenUp, "it answers 302"},
		"another one":   {status(307), 7, backchannel.GivenUp, "it answers 307"},
		"401":           {status(401), 7, backchannel.GivenUp, "it answers 401"},
		"404":           {status(404), 7, backchannel.GivenUp, "it answers 404"},
		"429":           {status(429), 7, backchannel.GivenUp, "it answers 429"},
		"500":           {status(500), 7, backchannel.GivenUp, "it answers 500"},
		"nothing":       {dead, 7, backchannel.GivenUp, "no answer in time"},
		"no connection": {func(*http.Request, int) (int, error) { return 0, errGone }, 7, backchannel.GivenUp, "connection refused"},
		"at last": {func(_ *http.Request, try int) (int, error) {
			return map[bool]int{true: 200, false: 503}[try == 7], nil
		}, 7, backchannel.Sent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.answer)
				w.ended("shop", "session1")
				time.Sleep(2 * time.Hour)
				got := w.sites.notices()
				if len(got) != test.tries {
					t.Fatalf("%d tries, want %d", len(got), test.tries)
				}
				ids, tokens := map[string]bool{}, map[string]bool{}
				for i, x := range got {
					ids[x.id], tokens[x.token] = true, true
					if x.to != shop || int64(x.said["iat"].(float64)) != x.at.Unix() || int64(x.said["exp"].(float64)) != x.at.Unix()+120 {
						t.Errorf("try %d: %+v", i, x)
					}
				}
				if len(ids) != 1 || len(tokens) != test.tries {
					t.Errorf("%d ids and %d tokens, want one id and a token for each try", len(ids), len(tokens))
				}
				w.expect(map[string]int{backchannel.Failed: test.tries - 1, test.result: 1})
				log := w.log.String()
				if test.log == "" && log != "" || strings.Count(log, "\n") > 1 || !strings.Contains(log, test.log) {
					t.Errorf("the log says %q, want one line with %q", log, test.log)
				}
				for _, secret := range append([]string{"hunter2", "nobody is to log", "elsewhere", got[0].id}, strings.Split(got[0].token, ".")...) {
					if strings.Contains(log, secret) {
						t.Errorf("%q is in the log: %s", secret, log)
					}
				}
				if test.log != "" && (!strings.Contains(log, "session=session1") || !strings.Contains(log, "app=shop")) {
					t.Errorf("the log does not say whose notice that was: %s", log)
				}
			})
		})
	}
}

func TestTriesAreSpreadOverThreeQuartersOfAnHour(t *testing.T) {
	pauses := map[time.Duration]bool{}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, status(503))
			w.ended("shop", "session1")
			time.Sleep(2 * time.Hour)
			got := w.sites.notices()
			if len(got) != 7 {
				t.Fatalf("%d tries", len(got))
			}
			for i, mean := range []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute} {
				pause := got[i+1].at.Sub(got[i].at)
				if pause < mean*3/4 || pause > mean*5/4 {
					t.Errorf("pause %d is %s, want about %s", i, pause, mean)
				}
				pauses[pause] = true
			}
		})
	}
	if len(pauses) < 60 {
		t.Errorf("only %d different pauses: all would come again together", len(pauses))
	}
}
