package pages

// Words that are chosen by code: the rest is in the templates.

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"qrlatch/server/login"
)

// problem is an error as people are told of it.
type problem struct {
	err         error
	status      int
	title, what string
	link, label string
}

// The errors of this package that people see.
var (
	errForeignPost = errors.New("the form did not come from a page of ours")
	errTooLate     = errors.New("approved already")
	errTooFast     = errors.New("too many tries in a minute")
)

// problems are looked through in this order.
var problems = []problem{
	{
		err: login.ErrTaken, status: http.StatusConflict,
		title: "Another phone was first",
		what:  "Somebody else has scanned this code. If that was not you with another phone, close the page on the computer and do not approve anything. Otherwise ask the computer for a new code.",
		link:  "/phone", label: "Your phone’s page",
	}, {
		err: login.ErrNotYours, status: http.StatusForbidden,
		title: "Not your question",
		what:  "Another phone has scanned this code, so only that phone can answer. Ask the computer for a new code and scan that one.",
		link:  "/phone", label: "Your phone’s page",
	}, {
		err: errTooLate, status: http.StatusGone,
		title: "You said yes already",
		what:  "It is too late to say no here, but not to undo it: sign that browser out on your phone’s page.",
		link:  "/phone", label: "Signed-in browsers",
	}, {
		err: login.ErrNotFound, status: http.StatusNotFound,
		title: "This code is no longer good",
		what:  "A code ends after a few minutes, and once it has been answered. Ask the computer for a new one and scan that. If you typed it, check that it is complete.",
		link:  "/phone", label: "Your phone’s page",
	}, {
		err: errTooFast, status: http.StatusTooManyRequests,
		title: "Too many tries",
		what:  "That was a lot for one minute, and this last one was not looked at. Wait a minute and try again.",
		link:  "/phone", label: "Your phone’s page",
	}, {
		err: errForeignPost, status: http.StatusForbidden,
		title: "Nothing was done",
		what:  "This did not come from a page that was open on this phone, or that page was too old. If it was you, go back, reload the page and try again.",
		link:  "/phone", label: "Your phone’s page",
	},
}

// unavailable is for errors that are nobody's fault but ours.
func unavailable() problem {
	return problem{
		status: http.StatusServiceUnavailable,
		title:  "We cannot answer right now",
		what:   "Something is wrong on our side, and nothing was changed. Please try again in a moment.",
	}
}

// functions are what the templates call.
func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"asset": func(name string) (string, error) {
			if url, ok := p.files.URL(name); ok {
				return url, nil
			}
			return "", fmt.Errorf("no asset %q", name)
		},
		"picture": p.picture,
		"initial": initial,
		"ago":     func(t time.Time) string { return ago(time.Since(t)) },
		"clock":   func(t time.Time) string { return t.Format("15:04, 2 January") },
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}
}

// picture returns the address of a picture that pages may show: one of our own.
// Whatever else a profile names would be fetched from a foreign server, which the
// pages' policy forbids and which would tell that server who is asked.
func (p *Pages) picture(name string) string {
	url, ok := p.files.URL(name)
	if !ok {
		return ""
	}
	return url
}

// initial stands for a picture that is not there.
func initial(name string) string {
	first, size := utf8.DecodeRuneInString(strings.TrimSpace(name))
	if size == 0 || first == utf8.RuneError {
		return "·"
	}
	return strings.ToUpper(string(first))
}

func ago(d time.Duration) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, unit)
	}
	switch {
	case d < 3*time.Second:
		return "just now"
	case d < time.Minute:
		return count(int(d/time.Second), "second")
	case d < time.Hour:
		return count(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour")
	}
	return count(int(d/(24*time.Hour)), "day")
}

// address is how the browser's address is shown.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return "unknown"
	}
	return a.Unmap().String()
}

// site is who wants to let somebody in.
type site struct{ Name, Origin, Logo string }

// siteOf describes the app of a login or session. redirect is where its browser
// goes: that, and not what the app calls itself, is who asks.
func (p *Pages) siteOf(app, redirect string) site {
	s := site{Name: app}
	if a, ok := p.Service.App(app); ok {
		s.Name, s.Logo = a.Name, a.Logo
		if redirect == "" {
			redirect, _ = a.RedirectURI("")
		}
	}
	if u, err := url.Parse(redirect); err == nil && u.Host != "" {
		s.Origin = u.Scheme + "://" + u.Host
	}
	return s
}

// naming is one line of a table of what user agents say: the first that fits names.
type naming struct{ sign, name string }

var browserNames = []naming{
	{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"},
	{"MicroMessenger/", "WeChat"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"},
	{"HeadlessChrome/", "Headless Chrome"}, {"Chrome/", "Chrome"}, {"PhantomJS/", "PhantomJS"},
	{"Version/", "Safari"}, {"MSIE ", "Internet Explorer"}, {"Trident/", "Internet Explorer"},
	{"curl/", "The program curl"}, {"Wget/", "The program Wget"}, {"python", "A Python program"},
	{"Go-http-client/", "A Go program"}, {"okhttp", "A Java program"}, {"Java/", "A Java program"},
}

var systemNames = []naming{
	{"iPhone", "an iPhone"}, {"iPad", "an iPad"}, {"Android", "Android"}, {"Windows", "Windows"},
	{"CrOS", "ChromeOS"}, {"Mac OS X", "a Mac"}, {"Macintosh", "a Mac"}, {"Linux", "Linux"},
}

// browser says in a few words what a user agent claims to be.
func browser(userAgent string) string {
	find := func(names []naming) string {
		for _, n := range names {
			if strings.Contains(userAgent, n.sign) {
				return n.name
			}
		}
		return ""
	}
	name, system := find(browserNames), find(systemNames)
	switch {
	case name == "" && system == "":
		return "An unknown browser"
	case system == "":
		return name
	case name == "":
		return "A browser on " + system
	}
	return name + " on " + system
}
