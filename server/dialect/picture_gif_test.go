package dialect_test

import (
	"bytes"
	"image/gif"
	"image/png"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// wxFrames reads the animation of a login: what each frame says, and for how long.
func (s *wxServer) wxFrames(t *testing.T, target string) (texts []string, shown []time.Duration) {
	t.Helper()
	got := s.get(target)
	if got.status != 200 || got.header.Get("Content-Type") != "image/gif" {
		t.Fatalf("%s: %d %s", target, got.status, got.header.Get("Content-Type"))
	}
	animation, err := gif.DecodeAll(strings.NewReader(got.body))
	s.must(err)
	if animation.LoopCount != -1 {
		t.Errorf("it plays again: %d", animation.LoopCount)
	}
	for i, frame := range animation.Image {
		var file bytes.Buffer
		s.must(png.Encode(&file, frame))
		texts = append(texts, wxDecode(t, file.Bytes()))
		shown = append(shown, time.Duration(animation.Delay[i])*10*time.Millisecond)
	}
	return texts, shown
}

func TestEachFrameOfTheAnimationIsTheCodeOfItsOwnSlot(t *testing.T) {
	for _, begin := range []time.Duration{0, 13 * time.Second, 20 * time.Second, 251 * time.Second} {
		inWX(t, func(t *testing.T, s *wxServer) {
			a := s.pending(wxApp)
			time.Sleep(begin) // virtual
			texts, shown := s.wxFrames(t, "/qrcode/"+string(a.id)+".gif")
			if want := 15 - int(begin/(20*time.Second)); len(texts) != want {
				t.Fatalf("after %v: %d frames, want %d", begin, len(texts), want)
			}
			for i, text := range texts {
				if i > 0 && shown[i] != 20*time.Second {
					t.Errorf("after %v: frame %d is shown for %v", begin, i, shown[i])
				}
				// Both ends of the time in which it is on the screen.
				for _, at := range []time.Duration{0, shown[i] - 1} {
					code, _, _ := s.service.Code(a.Login, time.Now().Add(at))
					if text != "https://login.example/l/"+code {
						t.Errorf("after %v: frame %d says %s, %v after it came", begin, i, text, at)
					}
				}
				time.Sleep(shown[i])
			}
			if left := time.Until(a.Deadline); left != 0 {
				t.Errorf("after %v: it ends %v before the login", begin, left)
			}
		})
	}
}

func TestTheAnimationHasTwentyFramesAtMost(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		texts, _ := s.wxFrames(t, "/qrcode/"+string(s.pending(wxApp).id)+".gif?size=64")
		if len(texts) != 20 {
			t.Errorf("%d frames", len(texts))
		}
	}, func(c *login.Config) { c.LoginTTL = time.Hour })
}

func TestTheAnimationIsOfTheSizeOfThePicture(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		id := string(s.pending(wxApp).id)
		for _, query := range []string{"", "?size=1", "?size=64", "?size=300"} {
			still, err := png.Decode(strings.NewReader(s.get("/qrcode/" + id + ".png" + query).body))
			s.must(err)
			moving, err := gif.DecodeConfig(strings.NewReader(s.get("/qrcode/" + id + ".gif" + query).body))
			s.must(err)
			if moving.Width != still.Bounds().Dx() || moving.Height != still.Bounds().Dy() {
				t.Errorf("%q: %d×%d, the picture is %v", query, moving.Width, moving.Height, still.Bounds())
			}
		}
		for _, query := range []string{"?size=0", "?size=1025", "?size=x", "?size=64&size=65"} {
			if got := s.get("/qrcode/" + id + ".gif" + query); got.status != 400 {
				t.Errorf("%q: %d", query, got.status)
			}
		}
	})
}

func TestAnAnimationMayStandOnAnyPageAndIsNotKept(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		h := s.get("/qrcode/" + string(s.pending(wxApp).id) + ".gif").header
		for name, want := range map[string]string{
			"Cache-Control": "no-store, private", "Cross-Origin-Resource-Policy": "cross-origin",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %q", name, h.Get(name))
			}
		}
	})
}

func TestWhatShowsNoCodeHasNoAnimation(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		expired := s.pending(wxApp)
		time.Sleep(5 * time.Minute)
		for _, id := range []login.ID{
			expired.id, s.scanned(wxApp).id, s.approved(wxApp).id, s.denied(wxApp).id, "x", login.ID(strings.Repeat("A", 36)),
		} {
			if got := s.get("/qrcode/" + string(id) + ".gif"); got.status != 404 || got.body != "This code is not shown any more." {
				t.Errorf("%s: %d %q", id, got.status, got.body)
			}
		}
	})
}

// A code that nobody could have seen is a guess; once the animation is out, it may be
// on somebody's screen too early, and the number tells whose.
func TestComingCodesAreTakenOnlyOfAnAnimationAndWithTheNumber(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a, quiet := s.pending(wxApp), s.pending(wxApp)
		texts, _ := s.wxFrames(t, "/qrcode/"+string(a.id)+".gif")
		coming, _, _ := s.service.Code(quiet.Login, quiet.Started.Add(100*time.Second))
		if _, err := s.service.Scan(t.Context(), alice(), coming, time.Time{}); err == nil {
			t.Error("a coming code was taken of a login without an animation")
		}
		s.get("/qrcode/" + string(quiet.id) + ".png")
		s.get("/qrcode/" + string(quiet.id) + ".svg")
		if _, err := s.service.Scan(t.Context(), alice(), coming, time.Time{}); err == nil {
			t.Error("a coming code was taken after a picture that shows the present one only")
		}
		l, err := s.service.Scan(t.Context(), alice(), texts[5], time.Time{})
		s.must(err)
		if digits, ok := s.service.Number(l); !ok || !l.NumberRequired {
			t.Errorf("it needs no number: %q", digits)
		}
	})
}

// Viewers load late, sleep and are photographed: whoever scans the frame on the screen
// gets in, and only one that is out of its slot costs him a number.
func TestALateViewerIsNotRefused(t *testing.T) {
	for _, test := range []struct {
		late   time.Duration
		number bool
	}{
		{-30 * time.Second, true}, {-4 * time.Second, false}, {0, false}, {15 * time.Second, false},
		{35 * time.Second, false}, // the slot before the current one
		{45 * time.Second, true}, {3 * time.Minute, true},
	} {
		inWX(t, func(t *testing.T, s *wxServer) {
			a := s.pending(wxApp)
			texts, shown := s.wxFrames(t, "/qrcode/"+string(a.id)+".gif")
			at := shown[0] + shown[1]                                            // when the third frame begins
			time.Sleep(at + test.late)                                           // and when it is scanned
			_, err := s.service.Get(t.Context(), login.Holder{ID: string(a.id)}) // the page refreshes itself
			s.must(err)
			l, err := s.service.Scan(t.Context(), alice(), texts[2], time.Time{})
			s.must(err)
			if l.NumberRequired != test.number {
				t.Errorf("%v late: number %v", test.late, l.NumberRequired)
			}
		})
	}
}
