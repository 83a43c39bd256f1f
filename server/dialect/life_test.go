package dialect_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// An hour's login outlives every stream that watches it.
func long(c *login.Config) { c.LoginTTL = time.Hour }

func TestAStreamEndsAfterAWhileAndItsCursorLosesNothing(t *testing.T) {
	inSSE(t, func(w *sseWorld) {
		config := login.Config{Keys: w.service.Keys(), Apps: wxApps()}
		long(&config)
		w.service.Configure(config)
		a := w.pending(wxApp)
		lives := map[time.Duration]bool{}
		for range 4 {
			s := w.opens(eventsOf(a.id))
			time.Sleep(12*time.Minute + time.Second)
			heard := s.events(w.t)
			if s.over < 8*time.Minute || s.over > 12*time.Minute {
				t.Errorf("a stream lasted %v", s.over)
			}
			if last := heard[len(heard)-1].text; !strings.HasPrefix(last, "retry: ") || strings.Contains(last, "id:") {
				t.Errorf("it ended with %q", last)
			}
			lives[s.over] = true
			s.Body.Close()
		}
		if len(lives) < 2 {
			t.Error("all streams last equally long")
		}
		s := w.opens(eventsOf(a.id), "Last-Event-ID: pending")
		defer s.Body.Close()
		if names := s.names(w.t); names != "qr" {
			t.Errorf("the reconnect heard %s", names)
		}
	})
}

func TestASocketBeforeItsSessionEndsAfterAWhile(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		began := time.Now()
		c := w.opens("app=" + wxApp)
		q := c.hears("qr")
		for c.hearsOrCloses("qr") {
		}
		if took := time.Since(began); took < 8*time.Minute || took > 13*time.Minute {
			t.Errorf("it lasted %v", took)
		}
		c = w.opens("id=" + q.ID)
		w.scans(c.hears("qr").Text)
		c.hears("scanned")
		c.cut()
	}, long)
}

// hearsOrCloses reports whether the next frame is a message of a kind, and not the
// goodbye of a server that wants the client back.
func (c *wsClient) hearsOrCloses(kind string) bool {
	c.t.Helper()
	f, ok := c.next(time.Minute)
	text := string(f.Payload)
	if ok && strings.Contains(text, `"type":"`+kind+`"`) {
		return true
	}
	if !strings.HasPrefix(text, "\x03\xe9going away, retry in ") {
		c.t.Fatalf("heard %q", text)
	}
	return false
}

// The site's messages to a session would be lost in between, so its socket is not cut as
// long as it answers pings.
func TestTheSocketOfASessionLasts(t *testing.T) {
	inWS(t, func(w *wsWorld) {
		c, v, _ := w.signedIn()
		c.quiet(3 * time.Hour)
		w.sends(v.ID, `{"data":1}`)
		c.hears("message")
		c.pongs.Store(false)
		time.Sleep(36 * time.Second)
		synctest.Wait()
		for f := range c.frames {
			if f.Header.OpCode != 9 {
				t.Errorf("heard %v %q", f.Header.OpCode, f.Payload)
			}
		}
	})
}

func TestPicturesAreDrawnSoManyTimesAMinute(t *testing.T) {
	for _, tt := range []struct {
		suffix   string
		atOnce   int
		inMinute int // more
	}{
		{"", 40, 120}, {".png", 40, 120}, {".svg?size=300", 40, 120}, {".gif", 10, 30},
	} {
		t.Run(tt.suffix, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newWX(t)
				target := "/qrcode/" + string(s.pending(wxApp).id) + tt.suffix
				for n := range tt.atOnce {
					if got := s.get(target); got.status != 200 {
						t.Fatalf("picture %d: %d %s", n+1, got.status, got.body)
					}
				}
				got := s.get(target)
				if got.status != 429 || got.took != time.Second || got.header.Get("Retry-After") == "" {
					t.Errorf("one more: %d after %v, Retry-After %q", got.status, got.took, got.header.Get("Retry-After"))
				}
				if got := s.get("/qrcode/" + string(s.pending(wxApp).id) + tt.suffix); got.status != 200 {
					t.Errorf("another login: %d", got.status)
				}
				drawn := 0
				for began := time.Now(); time.Since(began) < time.Minute; {
					if s.get(target).status == 200 {
						drawn++
					}
				}
				if drawn < tt.inMinute-2 || drawn > tt.inMinute+3 {
					t.Errorf("%d in a minute, want about %d", drawn, tt.inMinute)
				}
			})
		})
	}
}

// A page without scripts asks for its animation every five seconds.
func TestAnAnimationEveryFiveSecondsIsWithinTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWX(t)
		id := s.pending(wxApp).id
		for range 50 {
			if got := s.get("/qrcode/" + string(id) + ".gif"); got.status != 200 {
				t.Fatal(got.status)
			}
			time.Sleep(5 * time.Second)
		}
	})
}

func TestAnimationsAreLimitedByAddressAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWX(t)
		drawn := 0
		for range 30 {
			id := s.pending(wxApp).id
			for range 9 {
				if got := s.get("/qrcode/" + string(id) + ".gif?size=1"); got.status == 200 {
					drawn++
				}
			}
		}
		if drawn < 240 || drawn == 30*9 { // who is refused is held for a second, in which 4 more may be drawn
			t.Errorf("%d were drawn, want 240 at first", drawn)
		}
	})
}
