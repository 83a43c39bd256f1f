package dialect_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"qrlatch/server/login"
)

// This file is the browsers that poll: WeChat's, plain JSON, JSONP and Taobao's.

// allPatience is longer than any answer takes, and any way back after a cut.
const allPatience = 65 * time.Second

// allWeChat polls as WeChat's page does, but goes on after a cut.
func allWeChat(p *allPage) {
	for tip := "1"; p.rests(0); {
		body, err := p.poll("loginicon=true&uuid=UUID&tip=" + tip)
		if err != nil {
			p.rests(time.Second)
			continue
		}
		switch found(codeClosed, body) {
		case "200":
			p.w.mu.Lock()
			p.uri = found(uriLazy, body)
			p.w.mu.Unlock()
			return
		case "201":
			tip = "0"
		case "408":
		default:
			return
		}
	}
}

// allAnswer is what a poll is told.
type allAnswer struct {
	status int
	kind   string
	body   string
	retry  string
}

// allPoll is a poll that waits. now is the present: what comes later, nobody knows.
type allPoll interface {
	due(now time.Time) time.Time // when the answer must come
	want(now time.Time) allAnswer
}

// asks sends one poll, which begin sees at the moment when the server does.
func (p *allPage) asks(target string, begin func(start time.Time) allPoll) (got allAnswer, err error) {
	var poll allPoll
	c, r, err := p.request(target, 1000, func(c *allCall) {
		poll = begin(c.start)
		c.mayWait = func(now time.Time) error {
			if !now.Before(poll.due(now).Add(p.w.late)) {
				return errors.New("got no answer")
			}
			return nil
		}
	})
	defer c.end()
	if err != nil {
		return got, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err = c.trouble(err); err != nil {
		return got, err
	}
	got = allAnswer{r.StatusCode, r.Header.Get("Content-Type"), allProblem.ReplaceAllString(string(body), "$1"), r.Header.Get("Retry-After")}
	return got, c.hold(func(now time.Time) error {
		if want := poll.want(now); got != want {
			return fmt.Errorf("heard %+v, want %+v", got, want)
		}
		if due := poll.due(now); !p.w.inTime(now, due) {
			return fmt.Errorf("heard %q %v late", got.body, now.Sub(due))
		}
		return p.w.discreet(got.body, now)
	})
}

const (
	allTypeJSON    = "application/json; charset=utf-8"
	allTypeProblem = "application/problem+json"
	allTypeScript  = "text/javascript; charset=utf-8"
)

// allProblem is an answer of which only status and type are the model's business.
var allProblem = regexp.MustCompile(`\{"type":"/problems/([a-z-]+)","title":"[^"]+","status":\d+,"detail":"[^"]+"\}`)

// allJSONPoll is a poll of the JSON dialect, or of its form for script tags.
type allJSONPoll struct {
	w       *allWorld
	script  bool
	start   time.Time
	delay   time.Duration // before the answer, whatever happens
	hold    time.Duration // before the answer, if nothing happens
	refused int           // status
}

func (p *allJSONPoll) due(now time.Time) time.Time {
	at := p.start.Add(p.delay + p.hold)
	p.w.oracle.at(now)
	for _, since := range p.w.oracle.since {
		if p.hold > 0 && since.After(p.start) && since.Before(at) {
			at = since
		}
	}
	return at
}

func (p *allJSONPoll) want(now time.Time) allAnswer {
	if p.hold > 0 && p.w.oracle.bound {
		p.refused = http.StatusNotFound // somebody has scanned the id itself
	}
	a := allAnswer{http.StatusOK, allTypeJSON, p.w.json(now), ""}
	switch p.refused {
	case http.StatusNotFound:
		a = allAnswer{p.refused, allTypeProblem, "not-found", ""}
	case http.StatusTooManyRequests:
		a = allAnswer{p.refused, allTypeProblem, "rate-limited", "1"}
	}
	if p.script && p.refused != 0 {
		a.body = `{"error":` + a.body + "}"
	}
	if p.script {
		a = allAnswer{http.StatusOK, allTypeScript, "/**/cb(" + a.body + ");", ""}
	}
	return a
}

// asksJSON sends one poll and returns what it was told, or the status that refused it.
func (p *allPage) asksJSON(ending string, wait time.Duration) (state login.State, refused int, err error) {
	w, since, poll := p.w, p.since, &allJSONPoll{w: p.w, script: ending != ""}
	target := fmt.Sprintf("/v1/logins/%s%s?callback=cb&since=%s", w.id, ending, since)
	if wait > 0 {
		target += fmt.Sprintf("&wait=%d", wait/time.Second)
	}
	got, err := p.asks(target, func(start time.Time) allPoll {
		poll.start = start
		switch {
		case w.unknown(start):
			poll.refused, poll.delay = http.StatusNotFound, time.Second
		case wait > 0 && w.oracle.at(start) == since && !since.Final():
			poll.hold = wait // which limits itself
		case !w.bucket.take(start):
			if poll.refused = http.StatusTooManyRequests; poll.script {
				poll.delay = time.Second
			}
		}
		return poll
	})
	if err != nil {
		return 0, 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := map[bool]string{false: "JSON", true: "JSONP"}[poll.script]
	if poll.refused != 0 {
		w.said[fmt.Sprint(name, " ", poll.refused)]++
		return 0, poll.refused, nil
	}
	var view allView
	w.fail(json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(got.body, "/**/cb("), ");")), &view))
	if w.said[name+" "+view.State]++; poll.hold > 0 {
		w.said[name+" 200 held"]++
	}
	p.knows(view.State, view.RedirectURI)
	return p.since, 0, nil
}

// knows notes what the browser has heard. Call it with mu held.
func (p *allPage) knows(state, uri string) {
	p.since, _ = login.ParseState(state)
	if uri != "" {
		p.uri = uri
	}
}

// allShort asks every second or five, or much too often, for a while.
func allShort(ending string) func(p *allPage) {
	return func(p *allPage) {
		pause := []time.Duration{time.Second, 5 * time.Second, 5 * time.Second, 200 * time.Millisecond}[p.n/5%4]
		for tries := 25; tries > 0 && p.rests(pause); tries-- {
			state, refused, _ := p.asksJSON(ending, 0)
			if state.Final() || refused == http.StatusNotFound {
				return
			}
		}
	}
}

// allLong asks and is held, until the login has come to its end.
func allLong(ending string) func(p *allPage) {
	return func(p *allPage) {
		p.w.mu.Lock()
		p.cursor = true
		p.w.mu.Unlock()
		wait := []time.Duration{25, 25, 7, 60}[p.n/5%4] * time.Second
		for pause := time.Duration(0); p.rests(pause); {
			state, refused, err := p.asksJSON(ending, wait)
			if state.Final() || refused == http.StatusNotFound {
				return
			}
			if pause = 0; refused != 0 || err != nil {
				pause = time.Second
			}
		}
	}
}

// allTaobaoPoll is a check, which is answered at once.
type allTaobaoPoll struct {
	at   time.Time
	says allAnswer
}

func (p allTaobaoPoll) due(time.Time) time.Time  { return p.at }
func (p allTaobaoPoll) want(time.Time) allAnswer { return p.says }

// allTaobao asks every second or five until it hears how it ended.
func allTaobao(p *allPage) {
	w := p.w
	target, before, after, kind := taobaoCheck+w.id, "", "", allTypeJSON
	if p.n/5%2 == 0 {
		target, before, after, kind = target+"&callback=cb", "(function(){cb(", ");})();", allTypeScript
	}
	for tries := 25; tries > 0 && p.rests(time.Duration(1+p.n/10%2*4)*time.Second); tries-- {
		got, err := p.asks(target, func(start time.Time) allPoll {
			poll := allTaobaoPoll{at: start}
			if w.unknown(start) {
				poll.at = start.Add(time.Second)
			}
			poll.says = allAnswer{http.StatusOK, kind, before + w.taobao(start) + after, ""}
			return poll
		})
		if err != nil {
			continue
		}
		var v struct{ Code, URL string }
		w.mu.Lock()
		w.fail(json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(got.body, before), after)), &v))
		if w.said["Taobao "+v.Code]++; v.URL != "" {
			p.uri = v.URL
		}
		w.mu.Unlock()
		if v.Code != "10000" && v.Code != "10001" {
			return
		}
	}
}
