package pages_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/pages"
	"qrlatch/server/qr"
)

// picture is a frame with a code in it, drawn as cleanly as codes get.
func picture(t *testing.T, text string) []byte {
	t.Helper()
	symbol, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := png.Decode(bytes.NewReader(symbol.PNG(300)))
	if err != nil {
		t.Fatal(err)
	}
	frame := image.NewRGBA(image.Rect(0, 0, 480, 480))
	draw.Draw(frame, frame.Bounds(), image.NewUniform(color.Gray{120}), image.Point{}, draw.Src)
	draw.Draw(frame, drawn.Bounds().Add(image.Pt(90, 60)), drawn, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, frame, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// look sends a frame as the page's script does, and as change changes it.
func (v *visitor) look(token string, body io.Reader, change func(*http.Request)) page {
	r, err := http.NewRequestWithContext(v.w.t.Context(), http.MethodPost, base+"/phone/frame", body)
	if err != nil {
		v.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "image/jpeg")
	r.Header.Set("X-CSRF-Token", token)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if change != nil {
		change(r)
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.w.t.Error(err)
		return page{}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.w.t.Error(err)
	}
	return page{status: answer.StatusCode, header: answer.Header, body: strings.TrimSpace(string(text))}
}

func TestTheCameraScans(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.phone("Alice")
	token := alice.get("/phone").form.Get("csrf")
	id, _, code := w.begin()
	seen := alice.look(token, bytes.NewReader(picture(t, base+"/l/"+code)), nil)
	if seen.expect(t, http.StatusOK); seen.body != `{"code":"`+code+`"}` {
		t.Fatal(seen.body)
	}
	if kind := seen.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") || seen.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s, %s", kind, seen.header.Get("Cache-Control"))
	}
	if w.state(id) != login.Pending {
		t.Errorf("a look made it %s", w.state(id))
	}
	form := alice.get("/phone").form
	form.Set("code", code)
	if alice.post("/phone/scan", form).expect(t, http.StatusOK, "Let this browser in as"); w.state(id) != login.Scanned {
		t.Errorf("it is %s", w.state(id))
	}
}

func TestWhoseCodeItIs(t *testing.T) {
	const code = "abcdefghijklmnopqrstuvwxyzab"
	const foreign = `{"foreign":true}`
	for text, want := range map[string]string{
		base + "/l/" + code:                               `{"code":"` + code + `"}`,
		"https://login.example/l/" + code + "?from=x#y":   `{"code":"` + code + `"}`,
		"https://LOGIN.example/l/" + code:                 `{"code":"` + code + `"}`,
		"https://login.wechat.example/l/4aV_-x9w==":       `{"code":"4aV_-x9w=="}`,
		"https://login.wechat.example:8443/l/" + code:     `{"code":"` + code + `"}`,
		"http://[::1]:8080/l/" + code:                     `{"code":"` + code + `"}`,
		"https://evil.example/l/" + code:                  foreign,
		"https://evil.login.example/l/" + code:            foreign,
		"https://login.example.evil.example/l/" + code:    foreign,
		"https://login.example@evil.example/l/" + code:    foreign,
		"https://login.example:8080/l/" + code:            foreign,
		"https://evil.example/?https://login.example/l/a": foreign,
		"https://evil.example/#https://login.example/l/a": foreign,
		"https://login.example/l/" + code + "/more":       foreign,
		"https://login.example/l/":                        foreign,
		"https://login.example/phone":                     foreign,
		"ftp://login.example/l/" + code:                   foreign,
		"javascript://login.example/l/" + code:            foreign,
		" https://login.example/l/" + code:                foreign,
		code:                                              foreign,
		"WIFI:S:guests;T:WPA;P:secret;;":                  foreign,
		"https://login.example/l/\u2028\n<script>":        foreign,
	} {
		t.Run(text, func(t *testing.T) {
			w := newWorld(t, func(o *pages.Options, _ *login.Config) {
				o.Hosts = []string{"Login.WeChat.example", "[::1]:8080", "*"}
			})
			alice := w.phone("Alice")
			seen := alice.look(alice.get("/phone").form.Get("csrf"), bytes.NewReader(picture(t, text)), nil)
			if seen.expect(t, http.StatusOK); seen.body != want {
				t.Errorf("%s, want %s", seen.body, want)
			}
		})
	}
}

func TestFramesThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		alice, bob := w.phone("Alice"), w.phone("Bob")
		token := alice.get("/phone").form.Get("csrf")
		good := picture(t, base+"/l/abcdefghijklmnopqrstuvwxyzab")
		header := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		for _, test := range []struct {
			name   string
			who    *visitor
			token  string
			body   []byte
			change func(*http.Request)
			status int
		}{
			{"the good one", alice, token, good, nil, 200},
			{"nobody is signed in", w.visitor(), token, good, nil, 401},
			{"no token", alice, "", good, nil, 403},
			{"another's token", bob, token, good, nil, 403},
			{"a token in the address", alice, "", good, func(r *http.Request) { r.URL.RawQuery = "csrf=" + token }, 403},
			{"of a foreign page", alice, token, good, header("Sec-Fetch-Site", "cross-site"), 403},
			{"of a sibling domain", alice, token, good, header("Origin", "http://evil.login.example"), 403},
			{"as a form", alice, token, good, header("Content-Type", "application/x-www-form-urlencoded"), 415},
			{"as text", alice, token, good, header("Content-Type", "text/plain"), 415},
			{"of no type", alice, token, good, header("Content-Type", ""), 415},
			{"too big", alice, token, append(good[:len(good):len(good)], make([]byte, 128<<10)...), nil, 413},
			{"too big, of unknown length", alice, token, make([]byte, 129<<10), func(r *http.Request) { r.ContentLength = -1 }, 413},
			{"garbage", alice, token, []byte("garbage"), nil, 422},
			{"nothing", alice, token, nil, nil, 422},
			{"the good one again", alice, token, good, nil, 200},
		} {
			time.Sleep(time.Second) // none is too fast
			answer := test.who.look(test.token, bytes.NewReader(test.body), test.change)
			if answer.status != test.status || strings.Contains(answer.body, `"code"`) != (test.status == http.StatusOK) {
				t.Errorf("%s: %d %s, want %d", test.name, answer.status, answer.body, test.status)
			}
		}
	})
}

func TestNobodySendsTooManyFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		alice, bob := w.phone("Alice"), w.phone("Bob")
		mine, his := alice.get("/phone").form.Get("csrf"), bob.get("/phone").form.Get("csrf")
		frame := picture(t, "x")
		look := func(v *visitor, token string) page { return v.look(token, bytes.NewReader(frame), nil) }

		for range 5 {
			look(alice, mine).expect(t, http.StatusOK)
		}
		refused := look(alice, mine)
		if refused.expect(t, http.StatusTooManyRequests); refused.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After: %q", refused.header.Get("Retry-After"))
		}
		look(bob, his).expect(t, http.StatusOK)
		for range 20 { // as fast as is allowed
			time.Sleep(200 * time.Millisecond)
			look(alice, mine).expect(t, http.StatusOK)
		}
		look(alice, mine).expect(t, http.StatusTooManyRequests)
	})
}

func TestOneFrameAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		alice, bob := w.phone("Alice"), w.phone("Bob")
		mine, his := alice.get("/phone").form.Get("csrf"), bob.get("/phone").form.Get("csrf")
		frame := picture(t, "x")
		body, line := io.Pipe()
		slow := make(chan page)
		go func() { slow <- alice.look(mine, body, nil) }()
		synctest.Wait() // for the rest of the first frame

		alice.look(mine, bytes.NewReader(frame), nil).expect(t, http.StatusTooManyRequests)
		bob.look(his, bytes.NewReader(frame), nil).expect(t, http.StatusOK)
		_ = line.CloseWithError(io.ErrUnexpectedEOF)
		cut := <-slow
		cut.expect(t, http.StatusBadRequest)
		alice.look(mine, bytes.NewReader(frame), nil).expect(t, http.StatusOK)
	})
}

func TestOnlyThePhonesPageMayAskForTheCamera(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.phone("Alice")
	id, _, code := w.begin()
	for path, want := range map[string]string{
		"/phone": "camera=(self)",
		"/":      "camera=()", "/l/" + code: "camera=()", "/l/nothing": "camera=()", "/phone/prompts": "camera=()",
		"/demo/scan/" + string(id): "camera=()", "/phone/manifest.webmanifest": "camera=()",
	} {
		if got := alice.get(path).header.Get("Permissions-Policy"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestThePhonesPageCanBeInstalled(t *testing.T) {
	w := newWorld(t, nil)
	v := w.visitor()
	v.header.Set("Accept-Language", "es")
	if body := v.get("/phone").body; !strings.Contains(body, `<link rel="manifest" href="/phone/manifest.webmanifest">`) {
		t.Error("the page names no manifest")
	}
	answer := v.get("/phone/manifest.webmanifest")
	if kind := answer.header.Get("Content-Type"); kind != "application/manifest+json" {
		t.Error(kind)
	}
	var m struct {
		Lang, Dir, Display, Scope string
		Start                     string `json:"start_url"`
		Icons                     []struct{ Src, Sizes, Purpose string }
	}
	if err := json.Unmarshal([]byte(answer.body), &m); err != nil {
		t.Fatal(err)
	}
	if m.Lang != "es" || m.Dir != "ltr" || m.Display != "standalone" || m.Scope != "/" || m.Start != "/phone" {
		t.Errorf("%+v", m)
	}
	var have []string
	for _, icon := range m.Icons {
		drawn, err := png.DecodeConfig(strings.NewReader(v.get(icon.Src).body))
		if err != nil || icon.Sizes != decimal(int64(drawn.Width))+"x"+decimal(int64(drawn.Height)) {
			t.Errorf("%s: %v, %d × %d", icon.Src, err, drawn.Width, drawn.Height)
		}
		have = append(have, icon.Sizes+" "+icon.Purpose)
	}
	if got := strings.Join(have, ", "); got != "192x192 any, 512x512 any, 512x512 maskable" {
		t.Error(got)
	}
}
