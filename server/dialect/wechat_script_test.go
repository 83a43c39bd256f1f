package dialect_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// The scripts in testdata are the wire format, to be read. A case is a sentence and
// what follows up to the next one; it has a server of its own, at midnight of the
// 1st of January 2000, in virtual time.
//
//	# Sentence.
//	GET /path?uuid={pending}     a name in braces stands for a value; see names
//	> Accept: text/html          a field of the request; "> body " gives its body
//	200 script                   status and kind, see wxKinds
//	header Location: /           a field of the answer; without a value: it is absent
//	cookie name=value; Path=/    one Set-Cookie; all of them are listed, in order
//	body window.code=408;        exactly; \n is a newline, {36} that many letters of base64url
//	took 25s                     exactly; 0s if it is not said
//	wait 40s

func TestWeChatOnTheWire(t *testing.T)   { runScript(t, "testdata/wechat.txt") }
func TestPicturesOnTheWire(t *testing.T) { runScript(t, "testdata/picture.txt") }

// runScript runs every case of a file against a server to which more was done.
func runScript(t *testing.T, file string, more ...func(*wxServer)) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var name string
	var lines []string
	flush := func() {
		if len(lines) > 0 {
			body := lines
			t.Run(name, func(t *testing.T) { runCase(t, body, more...) })
		}
		lines = nil
	}
	for _, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "# "):
			flush()
			name = line[2:]
		case line != "" && !strings.HasPrefix(line, "//"):
			lines = append(lines, line)
		}
	}
	flush()
}

func runCase(t *testing.T, lines []string, more ...func(*wxServer)) {
	inWX(t, func(_ *testing.T, s *wxServer) {
		for _, do := range more {
			do(s)
		}
		c := &wxCase{wxServer: s, known: map[string]string{}}
		for _, line := range lines {
			verb, rest, _ := strings.Cut(line, " ")
			switch verb {
			case "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS":
				c.finish()
				c.method, c.target = verb, c.fill(rest)
			case ">":
				if body, ok := strings.CutPrefix(rest, "body "); ok {
					c.body = c.fill(body)
				} else {
					c.fields = append(c.fields, c.fill(rest))
				}
			case "wait":
				c.finish()
				d, err := time.ParseDuration(rest)
				s.must(err)
				time.Sleep(d) // virtual
			default:
				c.expects = append(c.expects, [2]string{verb, rest})
			}
		}
		c.finish()
	})
}

// wxCase is the request that is being read.
type wxCase struct {
	*wxServer
	known                map[string]string // the value of each name that was used
	method, target, body string
	fields               []string
	expects              [][2]string
}

// wxKinds are the fields of each kind of answer: what guards a login, and its type.
func wxKinds() map[string]map[string]string {
	guarded := func(kind string) map[string]string {
		return map[string]string{
			"Content-Type": kind, "Cache-Control": "no-store, private", "Cross-Origin-Resource-Policy": "cross-origin",
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		}
	}
	return map[string]map[string]string{
		"script": guarded("text/javascript; charset=utf-8"),
		"json":   guarded("application/json; charset=utf-8"),
		"text":   guarded("text/plain; charset=utf-8"),
		"gif":    guarded("image/gif"),
		"png":    guarded("image/png"),
		"svg":    guarded("image/svg+xml"),
		"error":  {}, // of the router
		// of the JSON dialect: see package problem
		"problem": {"Content-Type": "application/problem+json", "Cache-Control": "no-store"},
	}
}

// finish sends the request, if there is one, and holds the answer against the script.
func (c *wxCase) finish() {
	if c.method == "" {
		return
	}
	c.t.Helper()
	got := c.send(c.method, c.target, c.body, c.fields...)
	want := map[string]string{"Location": "", "Access-Control-Allow-Origin": ""}
	var cookies []string
	took := "0s"
	for _, e := range c.expects {
		verb, rest := e[0], e[1]
		switch verb {
		case "header":
			name, value, _ := strings.Cut(rest, ":")
			want[name] = strings.TrimPrefix(value, " ")
		case "cookie":
			cookies = append(cookies, rest)
		case "body":
			c.compare("body", strings.ReplaceAll(rest, `\n`, "\n"), got.body)
		case "took":
			took = rest
		default:
			if strconv.Itoa(got.status) != verb {
				c.t.Errorf("%s %s: status %d, want %s", c.method, c.target, got.status, verb)
			}
			kind, known := wxKinds()[rest]
			if !known {
				c.t.Fatalf("no such expectation: %s %s", verb, rest)
			}
			for name, value := range kind {
				if _, said := want[name]; !said {
					want[name] = value
				}
			}
		}
	}
	for name, value := range want {
		c.compare(name, value, got.header.Get(name))
	}
	if got.took.String() != took {
		c.t.Errorf("%s %s took %v, want %s", c.method, c.target, got.took, took)
	}
	c.compare("cookies", strings.Join(cookies, "\n"), strings.Join(got.header["Set-Cookie"], "\n"))
	c.method, c.target, c.body, c.fields, c.expects = "", "", "", nil, nil
}

var wxLetters = regexp.MustCompile(`\\\{(\d+)\\\}`)

func (c *wxCase) compare(what, want, got string) {
	c.t.Helper()
	pattern := wxLetters.ReplaceAllString(regexp.QuoteMeta(c.fill(want)), `[A-Za-z0-9_-]{$1}`)
	if regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got) {
		return
	}
	for name, value := range c.known {
		if value != "" {
			got = strings.ReplaceAll(got, value, name)
		}
	}
	c.t.Errorf("%s %s\n%s is %s\n%*s %s", c.method, c.target, what, got, len(what)+3, "want", want)
}

var wxName = regexp.MustCompile(`\{[a-z][a-z. @-]*\}`)

func (c *wxCase) fill(text string) string {
	return wxName.ReplaceAllStringFunc(text, func(name string) string {
		if _, ok := c.known[name]; !ok {
			c.learn(strings.Trim(name, "{}"))
		}
		value, ok := c.known[name]
		if !ok {
			c.t.Fatalf("nothing is called %s", name)
		}
		return value
	})
}

// learn makes the thing that a name speaks of, as {state@app.field}, and remembers
// all its fields. Without an app it is the one that clients carry in their code.
func (c *wxCase) learn(name string) {
	thing, _, _ := strings.Cut(name, ".")
	state, app, _ := strings.Cut(thing, "@")
	if app == "" {
		app = wxApp
	}
	remember := func(field, value string) { c.known["{"+strings.TrimSuffix(thing+"."+field, ".")+"}"] = value }
	if state == "neutral" {
		scanned := c.scanned("plain")
		remember("", strings.Split(c.ask(scanned.id, "1").body, "'")[1])
		return
	}
	if v, ok := c.sessionIn(state, app); ok {
		for field, value := range map[string]string{
			"sid": v.SID, "skey": v.Skey, "uin": fmt.Sprint(v.UIN), "pass": v.PassTicket, "uvid": v.UVID,
			"data": v.DataTicket, "push": v.PushTicket, "base": v.base(), "query": v.query(), "page": v.page,
		} {
			remember(field, value)
		}
		return
	}
	a, ok := c.loginIn(state, app)
	if !ok {
		return
	}
	remember("", string(a.id))
	if uri, ok := c.service.RedirectURI(a.Login); ok {
		u, _ := url.Parse(uri)
		remember("uri", uri)
		remember("page", u.RequestURI())
		remember("query", u.RawQuery)
	}
	if code, _, ok := c.service.Code(a.Login, time.Now()); ok {
		remember("code", code)
	}
	c.learnJSON(a, remember)
}

// loginIn makes a login in a state. Told ones have been said so on this dialect.
func (c *wxCase) loginIn(state, app string) (a wxAttempt, ok bool) {
	switch state {
	case "pending":
		a = c.pending(app)
	case "scanned", "told":
		a = c.scanned(app)
	case "shown":
		a = c.shown(app)
	case "typed":
		a = c.typed(app)
	case "approved":
		a = c.approved(app)
	case "redeemed":
		a, _ = c.session(app)
	case "denied", "denied-told":
		a = c.denied(app)
	case "expired", "forgotten":
		a = c.pending(app)
		time.Sleep(5 * time.Minute) // virtual
		if state == "forgotten" {
			time.Sleep(2 * time.Minute) // virtual
		}
	case "unknown":
		a.id = login.ID(strings.Repeat("A", 36))
	default:
		return a, false
	}
	if state == "told" || state == "denied-told" {
		c.ask(a.id, "1")
	}
	return a, true
}

type wxKnownSession struct {
	wxSession
	page string // what it was redeemed with
}

// sessionIn makes a session that has come to an end, or not.
func (c *wxCase) sessionIn(state, app string) (v wxKnownSession, ok bool) {
	endings := map[string]func(){
		"active":     func() {},
		"signed-out": func() { c.must(c.service.SignOut(c.t.Context(), app, string(v.ID))) },
		"by-phone":   func() { c.must(c.service.SignOutByPhone(c.t.Context(), alice().Phone, string(v.ID))) },
		"elsewhere":  func() { time.Sleep(time.Nanosecond); c.session(app) }, // later, by virtual time
		"void":       func() { c.get(v.page, "User-Agent: thief") },
		"run-out":    func() { time.Sleep(12*time.Hour - time.Second) },
	}
	end, ok := endings[state]
	if !ok {
		return v, false
	}
	a := c.approved(app)
	v.page = c.redirect(a)
	u, err := url.Parse(v.page)
	c.must(err)
	session, err := c.service.RedeemPage(c.t.Context(), u.Query(), firefox())
	c.must(err)
	v.wxSession = c.credentials(session)
	end()
	return v, true
}
