package dialect_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// FuzzCallback runs what is produced for a name that a stranger chose: either it is
// refused and nothing runs, or the script calls the function of that name, once, with
// one object.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"cb", "$", "_", "a.b.c.d", "a.b.c.d.e", "jsonp215", "window.QRLatch.cb.n1", "", " ", "a b", "alert(1)//", "a;b", "a\n", "a\x00",
		"if", "typeof", "import", "this", "a.in", "__proto__", "a.__proto__", "a.constructor", "arguments", "eval", "undefined", "let", "async", "yield",
		"cb&callback=cb", "cb%26", "%00", "%zz", "\u2028", "ünï", "\\u0061", "<script>", strings.Repeat("a", 64), strings.Repeat("a", 65),
		"CWSMIKI0hCD0Up0IZUnnnnnnnnnnnnnnnnnnnUU5nnnnnn3Snn7iiudIbEAt333swW0ssG03",
	} {
		for n := range callees {
			f.Add(seed, uint(n))
		}
	}
	legal := regexp.MustCompile(`^[A-Za-z0-9_$.]{1,64}$`)
	f.Fuzz(func(t *testing.T, name string, n uint) {
		synctest.Test(t, func(t *testing.T) {
			s := newWX(t)
			otherDialects(s)
			path, query, _ := strings.Cut(strings.ReplaceAll(callees[n%uint(len(callees))], "{id}", string(s.pending("plain").id)), "?")
			got := s.raw(path, query+"&callback="+url.QueryEscape(name))
			if got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%q: %v", name, got.header)
			}
			if got.status == http.StatusBadRequest && got.header.Get("Content-Type") == "text/plain; charset=utf-8" {
				return
			}
			heard, err := calls(name, got.body)
			if err != nil || len(heard) != 1 || !json.Valid([]byte(heard[0])) || !strings.HasPrefix(heard[0], "{") {
				t.Fatalf("%q calls %q, %v: %d %s", name, heard, err, got.status, got.body)
			}
			if got.status != http.StatusOK || !legal.MatchString(name) || got.header.Get("Content-Disposition") == "" ||
				got.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
				t.Fatalf("%q: %d %v", name, got.status, got.header)
			}
		})
	})
}

// FuzzCursor: a poll is held for as long as it says if it has seen the state, is answered
// at once if not, and is refused if it cannot be read one way only.
func FuzzCursor(f *testing.F) {
	for _, seed := range [][2]string{
		{"pending", "25"}, {"pending", "0"}, {"pending", "60"}, {"pending", "61"}, {"pending", "-1"}, {"pending", "+5"}, {"pending", "%2B5"}, {"pending", "007"},
		{"pending", "1e1"}, {"pending", "0x10"}, {"pending", "1_0"}, {"pending", "5 "}, {"pending", "٣"}, {"pending", "9223372036854775808"}, {"pending", ""},
		{"", "25"}, {"scanned", "25"}, {"redeemed", "25"}, {"Pending", "25"}, {"pending%00", "1"}, {"pending&since=pending", "1"}, {"pending&wait=1", "1"},
		{"pending;wait=1", "1"}, {"%zz", "1"}, {"408", "1"}, {"pending+", "1"}, {"pending#", "1"},
	} {
		f.Add(seed[0], seed[1], false)
		f.Add(seed[0], seed[1], true)
	}
	states := []string{"", "pending", "scanned", "approved", "redeemed", "denied", "expired"}
	f.Fuzz(func(t *testing.T, since, wait string, isScript bool) {
		synctest.Test(t, func(t *testing.T) {
			s := newWX(t)
			otherDialects(s)
			a := s.pending("plain")
			query, path := "since="+since+"&wait="+wait, "/v1/logins/"+string(a.id)
			p, err := url.ParseQuery(query)
			seconds, notANumber := strconv.Atoi(p.Get("wait"))
			good := err == nil && len(p["since"]) == 1 && len(p["wait"]) == 1 && slices.Contains(states, p.Get("since")) &&
				(p.Get("wait") == "" || notANumber == nil && seconds >= 0 && seconds <= 60)
			want := time.Duration(0)
			if good && p.Get("since") == "pending" {
				want = time.Duration(seconds) * time.Second
			}
			if isScript {
				path, query = path+".js", query+"&callback=cb"
				if p, err := url.ParseQuery(query); err != nil || len(p["callback"]) != 1 {
					return // FuzzCallback's
				}
			}
			got := s.raw(path, query)
			v, err := crossView(got.body)
			if got.took != want || err != nil {
				t.Fatalf("%s: %d %s, %v, after %v, want %v", query, got.status, got.body, err, got.took, want)
			}
			status := got.status
			if v.Error != nil {
				status = v.Error.Status
			}
			if good && (status != http.StatusOK || v.State != "pending" || v.ID != string(a.id)) || !good && status != http.StatusBadRequest {
				t.Fatalf("%s: %d %s", query, status, got.body)
			}
		})
	})
}

// FuzzJSONBody: a start is one JSON object that can be read one way only and names what
// is registered; everything else is a problem in our own words.
func FuzzJSONBody(f *testing.F) {
	for _, seed := range []string{
		`{"app":"plain"}`, `{"app":"plain","redirect_uri":"https://plain.example/in","state":"s","lang":"en"}`, ` {"app":"plain"} `, `{"app":"plain"}{}`,
		`{"app":"plain","app":"plain"}`, `{"app":"plain","APP":"kiosk"}`, `{"app":"plain","\u0061pp":"kiosk"}`, `{"app":"plain","state":"a","ſtate":"b"}`,
		`{"app":"plain","x":{"a":1,"a":2}}`, `{"app":null}`, `{"app":["plain"]}`, `{"APP":"plain"}`, `[]`, `null`, `"plain"`, `0`, ``, `{`, "\ufeff{}", "{\"app\":\"\xff\"}",
		`{"app":"plain","state":"\ud800"}`, `{"app":"plain","lang":"<script>"}`, `{"app":"plain","redirect_uri":"https://evil.example/"}`,
		`{"app":"plain","redirect_uri":"https://plain.example/in\u0000"}`, strings.Repeat(`{"x":`, 5000) + "1" + strings.Repeat("}", 5000), `{"app":"plain","user_code":true}`,
	} {
		f.Add(seed, "application/json")
		f.Add(seed, "")
	}
	f.Add(`{"app":"plain"}`, "text/plain")
	f.Add(`{"app":"plain"}`, "application/json; charset=utf-8")
	f.Add(`{"app":"plain"}`, "application/json, text/plain")
	lang := regexp.MustCompile(`^[\w-]{0,35}$`)
	f.Fuzz(func(t *testing.T, body, kind string) {
		synctest.Test(t, func(t *testing.T) {
			s := newWX(t)
			otherDialects(s)
			got := s.send(http.MethodPost, "/v1/logins", body, "Content-Type: "+kind)
			if got.status != http.StatusCreated {
				var p problem.Problem
				if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Status != got.status || p.Title == "" || p.Detail == "" ||
					!slices.Contains([]int{400, 413, 415}, got.status) || got.took > 0 {
					t.Fatalf("%q: %d %s after %v", body, got.status, got.body, got.took)
				}
				return
			}
			var sent struct {
				App, State, Lang string
				RedirectURI      string `json:"redirect_uri"`
			}
			if err := json.Unmarshal([]byte(body), &sent); err != nil {
				t.Fatalf("%q starts a login: %v", body, err)
			}
			l, err := s.service.Get(t.Context(), login.Holder{ID: s.json(got.body).ID})
			s.must(err)
			app, ok := s.service.App(sent.App)
			if !ok || l.App != app.ID || !slices.Contains(app.RedirectURIs, l.RedirectURI.String()) || sent.RedirectURI != "" && l.RedirectURI.String() != sent.RedirectURI ||
				l.SiteState != sent.State || l.Lang != sent.Lang || !lang.MatchString(l.Lang) {
				t.Fatalf("%q starts %+v", body, l)
			}
			// Whoever reads the first of two members alike must read the same as we.
			if first, ok := firsts(body); !ok || first["app"] != sent.App || first["state"] != sent.State || first["lang"] != sent.Lang || first["redirect_uri"] != sent.RedirectURI {
				t.Fatalf("%q can be read in two ways: %v", body, first)
			}
		})
	})
}

// firsts reads a JSON object as one who takes the first of members whose names differ in
// case only. It has only those that are texts.
func firsts(object string) (first map[string]string, ok bool) {
	first = map[string]string{}
	dec := json.NewDecoder(strings.NewReader(object))
	if _, err := dec.Token(); err != nil {
		return nil, false
	}
	for dec.More() {
		name, err := dec.Token()
		var value any
		if err != nil || dec.Decode(&value) != nil {
			return nil, false
		}
		text, isText := value.(string)
		for _, known := range []string{"app", "redirect_uri", "state", "lang"} {
			if _, there := first[known]; !there && isText && strings.EqualFold(name.(string), known) {
				first[known] = text
			}
		}
	}
	return first, true
}
