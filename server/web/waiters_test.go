package web

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// This file shows in virtual time what clients get that wait where too many wait, each in
// its own protocol: never anything that makes them come back sooner.

// close1013 is a close frame of "try again later".
const close1013 = "\x03\xf5"

// waits are the ways to wait for a login.
var waits = [...]struct {
	name     string
	target   string // %s is the login's id
	fields   []string
	displace string        // what one hears whose place was taken
	full     string        // what one hears who got none
	after    time.Duration // when, both
	fullIn   time.Duration // when, if that differs
}{
	{"wechat", "/cgi-bin/mmwebwx-bin/login?uuid=%s&tip=1&loginicon=true", nil,
		"window.code=408;", "window.code=408;", 5 * time.Second, 0},
	{"json", "/v1/logins/%s?since=pending&wait=25", nil,
		`"state":"pending"`, "429 Too Many Requests\r\n|Retry-After: 30\r\n", 5 * time.Second, 0},
	{"jsonp", "/v1/logins/%s.js?since=pending&wait=25&callback=cb", nil,
		`"state":"pending"`, `200 OK|/**/cb({"error":{|"status":429`, 5 * time.Second, 5 * time.Second},
	{"sse", "/v1/logins/%s/events", nil,
		"200 OK|retry: 3", "200 OK|retry: 3", time.Nanosecond, 0},
	{"websocket", "/v1/ws?id=%s", []string{"Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="},
		"101 Switching|" + close1013 + "another socket took this place, retry in 30 s", "429 Too Many Requests\r\n|Retry-After: 30\r\n", 7 * time.Second, 5 * time.Second},
}

func fieldsOf(extra []string) []string {
	if extra != nil {
		return append([]string{"Connection: Upgrade, close"}, extra...)
	}
	return []string{"Connection: close"}
}

// hears checks that text has all parts, and that it ended when it should.
func hears(t *testing.T, who string, h *heard, parts string, want time.Duration) {
	t.Helper()
	text, ended := h.all()
	for part := range strings.SplitSeq(parts, "|") {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q has no %q", who, text, part)
		}
	}
	if ended != want {
		t.Errorf("%s was answered after %v, want %v", who, ended, want)
	}
}

// TestWaitersOfAReloadingPageGiveTheirPlace has five requests wait for one login, of which
// four may.
func TestWaitersOfAReloadingPageGiveTheirPlace(t *testing.T) {
	for _, tt := range waits {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, nil, func(t *testing.T, n *network) {
				id, l := n.begin("")
				target := strings.Replace(tt.target, "%s", string(id), 1)
				var all []*heard
				for range 5 {
					all = append(all, n.says(homeAddr, target, fieldsOf(tt.fields)...))
				}
				time.Sleep(7 * time.Second) // a socket has 2 s to answer its close frame
				hears(t, "the oldest", all[0], tt.displace, tt.after)
				for i, h := range all[1:] {
					if text, ended := h.all(); ended != 0 {
						t.Errorf("waiter %d was answered, too: %q", i+1, text)
					}
				}
				n.scanAndDeny(l)
				time.Sleep(2 * time.Second)
				for i, h := range all[1:] {
					if text, ended := h.all(); ended == 0 || ended > 10*time.Second {
						t.Errorf("waiter %d does not hear of the news: %q after %v", i+1, text, ended)
					}
				}
			})
		})
	}
}

// TestAnAttackerWithTheIDDisplacesNobody has four wait at home, and many elsewhere.
func TestAnAttackerWithTheIDDisplacesNobody(t *testing.T) {
	for _, tt := range waits {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, nil, func(t *testing.T, n *network) {
				id, l := n.begin("")
				target := strings.Replace(tt.target, "%s", string(id), 1)
				var home, evil []*heard
				for range 4 {
					home = append(home, n.says(homeAddr, target, fieldsOf(tt.fields)...))
				}
				for range 10 {
					evil = append(evil, n.says(evilAddr, target, fieldsOf(tt.fields)...))
				}
				time.Sleep(7 * time.Second)
				for i, h := range evil {
					hears(t, fmt.Sprint("attacker ", i), h, tt.full, max(tt.fullIn, min(tt.after, 5*time.Second)))
				}
				for i, h := range home {
					if text, ended := h.all(); ended != 0 {
						t.Errorf("waiter %d lost its place: %q", i, text)
					}
				}
				n.scanAndDeny(l)
				time.Sleep(2 * time.Second)
				for i, h := range home {
					if text, ended := h.all(); ended == 0 || ended > 10*time.Second {
						t.Errorf("waiter %d does not hear of the news: %q after %v", i, text, ended)
					}
				}
			})
		})
	}
}

// TestTheRightfulBrowserComesBackPastAttackers: between two polls of its own, others have
// taken every place.
func TestTheRightfulBrowserComesBackPastAttackers(t *testing.T) {
	for _, tt := range waits {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, nil, func(t *testing.T, n *network) {
				id, l := n.begin("")
				target := strings.Replace(tt.target, "%s", string(id), 1)
				for range 4 {
					n.says(evilAddr, target, fieldsOf(tt.fields)...)
				}
				back := n.says(homeAddr, target, fieldsOf(tt.fields)...)
				time.Sleep(6 * time.Second)
				if text, ended := back.all(); ended != 0 {
					t.Fatalf("it found no place: %q", text)
				}
				n.scanAndDeny(l)
				time.Sleep(2 * time.Second)
				if text, ended := back.all(); ended == 0 {
					t.Errorf("it does not hear of the news: %q", text)
				}
			})
		})
	}
}

// TestAnAttackerBehindTheSameAddressCannotDisplaceTheBoundWaiter: what the page of a shared
// network has and its neighbours have not is the cookie.
func TestAnAttackerBehindTheSameAddressCannotDisplaceTheBoundWaiter(t *testing.T) {
	serve(t, nil, func(t *testing.T, n *network) {
		cookie := n.service.NewBinding()
		id, l := n.begin(cookie)
		poll := "/cgi-bin/mmwebwx-bin/login?loginicon=true&tip=1&uuid=" + string(id)
		mine := n.says(homeAddr, poll, "Connection: close", "Cookie: qrb="+cookie)
		for range 20 {
			n.says(homeAddr, poll, "Connection: close")
			n.says(homeAddr, poll, "Connection: close", "Cookie: qrb="+n.service.NewBinding())
		}
		time.Sleep(6 * time.Second)
		if text, ended := mine.all(); ended != 0 {
			t.Fatalf("it lost its place: %q", text)
		}
		n.scanAndDeny(l)
		if text, ended := mine.all(); ended == 0 || strings.Contains(text, "408") {
			t.Errorf("it does not hear of the news: %q after %v", text, ended)
		}
	})
}
