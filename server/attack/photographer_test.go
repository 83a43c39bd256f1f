package attack

import (
	"strings"
	"testing"
	"time"
)

// pictures are the texts of every picture that the server draws of a login's code.
func (w *world) pictures(b begun) map[string]string {
	w.t.Helper()
	v := w.from(home)
	said := map[string]string{
		"png":       w.readPNG(v.get("/qrcode/" + b.id + ".png").body),
		"bare":      w.readPNG(v.get("/qrcode/" + b.id + "?t=webwx").body),
		"posted":    w.readPNG(v.post("/qrcode/"+b.id, "a=b").body),
		"small":     w.readPNG(v.get("/qrcode/" + b.id + ".png?size=64").body),
		"large":     w.readPNG(v.get("/qrcode/" + b.id + ".png?size=1024").body),
		"svg":       w.readSVG(v.get("/qrcode/" + b.id + ".svg").body),
		"in a page": w.find(`"text":"([^"]+)"`, v.get("/v1/logins/"+b.id).body),
	}
	for i, text := range w.readGIF(v.get("/qrcode/" + b.id + ".gif").body) {
		said["gif "+string(rune('a'+i))] = text
	}
	return said
}

// T1: whoever has every picture of a login, whatever he makes of what they say, gets
// nothing at any door, before the approval or after.
func TestAPhotographerCannotCollectTheLogin(t *testing.T) {
	for _, app := range []string{"shop", "bank"} {
		long := func(s *setup) { s.login.LoginTTL, s.login.TicketTTL = 24*time.Hour, 24*time.Hour } // wrong keys are slow
		inTime(t, long, func(w *world) {
			b := w.from(home).begins(app)
			said := w.pictures(b)
			if len(said) < 20 {
				t.Fatalf("%d pictures", len(said))
			}
			tries := map[string]bool{}
			for kind, text := range said {
				if strings.Contains(text, b.id) || strings.Contains(text, b.id[12:]) {
					t.Fatalf("%s says the login id", kind)
				}
				if len(tries) < 45 { // frames are made alike
					for _, value := range w.loot(text) {
						tries[value] = true
					}
				}
			}
			thief := w.from(away)
			knockEverywhere := func(when string) {
				for value := range tries {
					for _, d := range doors() {
						if got, open := opened(d, thief, value); open {
							t.Errorf("%s %s opens with %s: %v", when, d.name, value, got)
						}
					}
				}
			}
			knockEverywhere("pending")
			time.Sleep(time.Minute) // rates fill again
			alice := w.phone("token-of-alice")
			q := alice.scans(b.code)
			knockEverywhere("scanned")
			alice.approves(q.ID, w.number(b))
			if w.status(b) != "approved" {
				t.Fatal("the test sees nothing: " + w.status(b))
			}
			knockEverywhere("approved")
		})
	}
}

// A test that knocks at walls proves nothing: the true secret opens each of these doors.
func TestTheDoorsThatThePhotographerTriedAreDoors(t *testing.T) {
	inTime(t, nil, func(w *world) {
		b := w.approved("bank")
		keys := map[lock]string{byID: b.id, byResume: resumeOf(w, b), byPush: w.wechatIn().jar["webwx_auth_ticket/"].Value, byBearer: "token-of-alice"}
		for _, d := range doors() {
			key, ok := keys[d.lock]
			if d.lock == byTicket {
				key, ok = w.onward(w.approved("shop")).Query().Get("ticket"), d.name == "a site" // the page wants a signature as well
			}
			if !ok || d.name == "the demo's phone" {
				continue
			}
			if got, open := opened(d, w.from(home), key); !open {
				t.Errorf("%s stays shut: %v", d.name, got)
			}
		}
	})
}
