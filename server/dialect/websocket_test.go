package dialect_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

func TestASocketIsToldEveryStateOfItsLogin(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c := w.opens("app=" + wxApp + "&state=s&lang=en")
		q := c.hears("qr")
		code := q.Text[len(q.Text)-4:]
		if want := fmt.Sprintf(`{"type":"qr","id":"%s","text":"https://login.example/l/%s","image":"https://login.example/qrcode/%s.png?v=%s","expires_in":20}`,
			q.ID, strings.TrimPrefix(q.Text, "https://login.example/l/"), q.ID, code); q.raw != want {
			t.Errorf("heard %s, want %s", q.raw, want)
		}
		l := w.scans(q.Text)
		if s := c.hears("scanned"); s.raw != `{"type":"scanned"}` {
			t.Errorf("an app that discloses nothing says %s", s.raw)
		}
		w.approves(l)
		a := c.hears("approved")
		if want := `{"type":"approved","redirect_uri":"` + strings.ReplaceAll(a.RedirectURI, "&", `\u0026`) + `","resume":"` + a.Resume + `"}`; a.raw != want || len(a.Resume) != 60 {
			t.Errorf("heard %s", a.raw)
		}
		if !strings.HasPrefix(a.RedirectURI, wxPage+"?ticket=") || !strings.Contains(a.RedirectURI, "&lang=en&") || !strings.Contains(a.RedirectURI, "&state=s&") {
			t.Errorf("goes to %s", a.RedirectURI)
		}
		w.redeems(a.RedirectURI)
		if r := c.hears("redeemed"); r.raw != `{"type":"redeemed","resume":"`+a.Resume+`"}` {
			t.Errorf("heard %s", r.raw)
		}
		c.quiet(10 * time.Minute)
	})
}

func TestWhatASocketShowsOfThePersonIsTheAppsChoice(t *testing.T) {
	for _, tt := range []struct {
		disclose login.Disclosure
		number   login.NumberRule
		want     string
	}{
		{login.DiscloseNothing, login.NumberNever, `{"type":"scanned"}`},
		{login.DiscloseAvatar, login.NumberNever, `{"type":"scanned","user":{"picture":"a.png"}}`},
		{login.DiscloseName, login.NumberNever, `{"type":"scanned","user":{"name":"Alice","picture":"a.png"}}`},
		{login.DiscloseNothing, login.NumberAlways, `{"type":"scanned","number":"NN"}`},
	} {
		t.Run(tt.want, func(t *testing.T) {
			inWS(t, func(w *wsWorld) {
				c := w.opens("app=" + wxApp)
				who := alice()
				who.Profile = login.Profile{Name: "Alice", Picture: "a.png"}
				l, err := w.service.Scan(w.t.Context(), who, c.hears("qr").Text, time.Time{})
				w.must(err)
				number, _ := w.service.Number(l)
				if s := c.hears("scanned"); s.raw != strings.Replace(tt.want, "NN", number, 1) {
					t.Errorf("heard %s, want %s", s.raw, tt.want)
				}
			}, func(c *login.Config) { c.Apps[0].Disclose, c.Apps[0].Number = tt.disclose, tt.number })
		})
	}
}

func TestASocketEndsWithItsLogin(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(w *wsWorld, c *wsClient)
		want string
	}{
		{"denied by the phone", func(w *wsWorld, c *wsClient) {
			l := w.scans(c.hears("qr").Text)
			c.hears("scanned")
			_, err := w.service.Deny(w.t.Context(), alice().Phone, string(l.Handle))
			w.must(err)
		}, "denied"},
		{"never scanned", func(_ *wsWorld, c *wsClient) {
			for range 15 { // 5 minutes
				c.hears("qr")
			}
		}, "expired"},
		{"scanned and left", func(w *wsWorld, c *wsClient) {
			w.scans(c.hears("qr").Text)
			c.hears("scanned")
			time.Sleep(5*time.Minute - time.Second)
		}, "expired"},
		{"approved and not collected", func(w *wsWorld, c *wsClient) {
			w.approvedURI(c)
			time.Sleep(59 * time.Second)
		}, "expired"},
		{"its id scanned out of a picture: it is no proof any more", func(w *wsWorld, c *wsClient) {
			w.scans(c.hears("qr").ID)
		}, "expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWS(t, func(w *wsWorld) {
				c := w.opens("app=" + wxApp)
				tt.end(w, c)
				if h := c.hears(tt.want); h.raw != `{"type":"`+tt.want+`"}` {
					t.Errorf("heard %s", h.raw)
				}
				c.mustClose(1000, "")
			})
		})
	}
}

func TestASocketShowsANewCodeInEverySlot(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c := w.opens("app=" + wxApp)
		began, seen := time.Now(), map[string]bool{}
		for slot := range 15 {
			q := c.hears("qr")
			if at := time.Since(began); at != time.Duration(slot)*20*time.Second || q.ExpiresIn != 20 {
				t.Errorf("code %d came after %v and says %d s", slot, at, q.ExpiresIn)
			}
			if seen[q.Text] || seen[q.Image] {
				t.Errorf("code %d was there before", slot)
			}
			seen[q.Text], seen[q.Image] = true, true
		}
		c.hears("expired")
	})
}

func TestASocketSendsThePictureOnRequest(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c := w.opens("app=" + wxApp)
		c.hears("qr")
		c.say(`{"type":"picture"}`)
		first := c.hears("picture")
		time.Sleep(20 * time.Second)
		q := c.hears("qr")
		for range 2 {
			c.say(`{"type":"picture","further":"members are ignored"}`)
			p := c.hears("picture")
			data, ok := strings.CutPrefix(p.Image, "data:image/png;base64,")
			picture, err := base64.StdEncoding.DecodeString(data)
			if !ok || err != nil || p.Image == first.Image || p.raw != `{"type":"picture","image":"`+p.Image+`"}` {
				t.Fatalf("heard %s, %v", p.raw, err)
			}
			if text := wxDecode(t, picture); text != q.Text {
				t.Errorf("the picture says %q, want %q", text, q.Text)
			}
		}
		for _, other := range []string{`{"type":"hello"}`, `{}`, `[]`, `?,,`, ``} {
			c.say(other)
		}
		c.quiet(time.Second)
		w.scans(q.Text)
		c.hears("scanned")
		c.say(`{"type":"picture"}`)
		c.quiet(time.Second)
	})
}

func TestABrowserMayAttachToALoginUntilItIsRedeemed(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		first := w.opens("app=" + wxApp)
		q := first.hears("qr")
		time.Sleep(7 * time.Second)
		second := w.opens("id=" + q.ID)
		if h := second.hears("qr"); h.Text != q.Text || h.ExpiresIn != 13 {
			t.Errorf("the second is told %s", h.raw)
		}
		first.cut()
		l := w.scans(q.Text)
		second.hears("scanned")
		third := w.opens("id=" + q.ID)
		third.hears("scanned")
		w.approves(l)
		a := second.hears("approved")
		for _, c := range []*wsClient{third, w.opens("id=" + q.ID)} {
			if h := c.hears("approved"); h.raw != a.raw {
				t.Errorf("another is told %s, not %s", h.raw, a.raw)
			}
		}
		w.redeems(a.RedirectURI)
		second.hears("redeemed")
		_, refused := w.dial("id=" + q.ID)
		wsRefused(t, refused, http.StatusConflict, "/problems/redeemed")

		for state, want := range map[string]string{"denied": "denied", "expired": "expired"} {
			a, _ := (&wxCase{wxServer: w.wxServer}).loginIn(state, wxApp)
			c := w.opens("id=" + string(a.id))
			c.hears(want)
			c.mustClose(1000, "")
		}
	})
}

// A login that began in another dialect, and whose ticket was collected before the
// socket heard of the approval, is as good as any.
func TestASocketThatIsLateHearsTheLatestState(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		a := w.approved(wxApp)
		c := w.opens("id=" + string(a.id))
		h := c.hears("approved")
		w.redeems(h.RedirectURI)
		if r := c.hears("redeemed"); r.Resume != h.Resume {
			t.Errorf("heard %s", r.raw)
		}
	})
}
