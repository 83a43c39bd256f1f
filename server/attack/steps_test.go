package attack

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"qrlatch/server/login"
	"qrlatch/server/web"
)

// This file is what an ordinary login consists of.

// begun is a login, as its browser knows it.
type begun struct {
	id, code string // the secret, and what the picture says
}

func (w *world) parse(text string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		w.t.Fatalf("%v: %s", err, text)
	}
}

// begins starts a login in plain JSON.
func (v *visitor) begins(app string) begun {
	v.w.t.Helper()
	got := v.post("/v1/logins", `{"app":"`+app+`","state":"state-of-the-site"}`)
	var said struct {
		ID string
		QR struct{ Text string }
	}
	if got.status != http.StatusCreated {
		v.w.t.Fatalf("no login: %v", got)
	}
	v.w.parse(got.body, &said)
	return begun{said.ID, lastPart(said.QR.Text)}
}

// beginsWeChat starts one in WeChat's words, whose picture the browser fetches.
func (v *visitor) beginsWeChat(app string) begun {
	v.w.t.Helper()
	id := v.w.find(`uuid = "(.+)";`, v.get("/jslogin?appid="+app+"&state=state-of-the-site").body)
	return begun{id, lastPart(v.w.readPNG(v.get("/qrcode/" + id).body))}
}

func lastPart(text string) string { return text[strings.LastIndexByte(text, '/')+1:] }

// question is what a phone is told.
type question struct {
	ID, State string
	App       struct{ ID, Name, Origin string }
	Browser   struct {
		IP        string
		UserAgent string `json:"user_agent"`
		StartedAt string `json:"started_at"`
	}
	NumberRequired bool `json:"number_required"`
	Risk           []string
}

func (v *visitor) scans(code string) question {
	v.w.t.Helper()
	got := v.post("/v1/scans", `{"code":"`+code+`"}`)
	var q question
	if got.status != http.StatusCreated {
		v.w.t.Fatalf("no scan: %v", got)
	}
	v.w.parse(got.body, &q)
	return q
}

func (v *visitor) approves(id, number string) answer {
	v.w.t.Helper()
	return v.post("/v1/scans/"+id+"/approve", `{"number":"`+number+`"}`)
}

// status is how a login stands, as its browser is told.
func (w *world) status(b begun) string {
	w.t.Helper()
	var said struct{ State string }
	got := w.from(home).get("/v1/logins/" + b.id)
	if got.status != http.StatusOK {
		return "gone"
	}
	w.parse(got.body, &said)
	return said.State
}

// number is what the browser shows.
func (w *world) number(b begun) string {
	w.t.Helper()
	var said struct{ Number string }
	w.parse(w.from(home).get("/v1/logins/"+b.id).body, &said)
	return said.Number
}

// onward is where the browser of an approved login is sent.
func (w *world) onward(b begun) *url.URL {
	w.t.Helper()
	var said struct {
		RedirectURI string `json:"redirect_uri"`
	}
	got := w.from(home).get("/v1/logins/" + b.id)
	w.parse(got.body, &said)
	u, err := url.Parse(said.RedirectURI)
	if err != nil || said.RedirectURI == "" {
		w.t.Fatalf("sent nowhere: %v", got)
	}
	return u
}

// approved is a login that a browser at home has begun and Alice has approved.
func (w *world) approved(app string) begun {
	w.t.Helper()
	b := w.from(home).begins(app)
	alice := w.phone("token-of-alice")
	q := alice.scans(b.code)
	number := ""
	if q.NumberRequired {
		number = w.number(b)
	}
	if got := alice.approves(q.ID, number); got.status != http.StatusOK {
		w.t.Fatalf("not approved: %v", got)
	}
	return b
}

func (w *world) handle(b begun) login.Handle { return login.Handle(b.id[:12]) }

// signsIn is Alice with her password, on the phone's pages.
func (v *visitor) signsIn() {
	v.w.t.Helper()
	form := formOf(v.get("/phone").body)
	form.Set("password", "alices-password")
	form.Set("account", "0")
	if got := v.post("/phone/sign-in", form.Encode()); got.status != http.StatusSeeOther {
		v.w.t.Fatalf("not signed in: %v", got)
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// formOf are the hidden fields of a page's forms.
func formOf(page string) url.Values {
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

// abandon asks and reads until ctx ends.
func (v *visitor) abandon(ctx context.Context, target string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+target, nil)
	if err != nil {
		return
	}
	r.Header.Set("User-Agent", v.agent)
	got, err := v.w.address(v.addr).RoundTrip(r)
	if err != nil {
		return
	}
	defer got.Body.Close()
	_, _ = io.Copy(io.Discard, got.Body) // until ctx ends
}

// gauge adds up the lines of a metric.
func (w *world) gauge(name string) int {
	w.t.Helper()
	sum := 0
	for line := range strings.Lines(w.scrape()) {
		if strings.HasPrefix(line, name+"{") {
			n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]))
			w.must(err)
			sum += n
		}
	}
	return sum
}

// scrape is what the operator's metrics say.
func (w *world) scrape() string {
	got := httptest.NewRecorder()
	ready := func(context.Context) error { return nil }
	web.Admin(w.metrics, ready).ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return got.Body.String()
}
