package auditlog

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"qrlatch/server/login"
)

// FuzzLine: whatever an issuer, a browser and a file of places say, a line is one object on
// one line, not endless, and says no other event than the one that was.
func FuzzLine(f *testing.F) {
	for _, text := range []string{"alice", "", "a\nb", `"},{"event":"deny"`, "\u202e\u2028\x1b[2J", "\xff\xfe", strings.Repeat("爱", 300), strings.Repeat("<", 300), "\u0085"} {
		f.Add(text, text, text)
	}
	f.Fuzz(func(t *testing.T, app, subject, agent string) {
		l := &Log{Options: Options{
			Place:  func(netip.Addr) (string, string) { return agent, subject },
			Family: func(agent string) string { return agent },
		}}
		e := event()
		e.App, e.Phone, e.Browser.UserAgent = app, login.Phone{Issuer: app, Subject: subject}, agent
		text, err := json.Marshal(l.line(e))
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]any
		if err := json.Unmarshal(text, &back); err != nil || back["event"] != "approve" {
			t.Fatalf("%s: %v", text, err)
		}
		if !utf8.Valid(text) || bytes.ContainsAny(text, "\n\r\x1b\u2028\u202e\u0085") || len(text) > maxLine {
			t.Fatalf("%q, %d bytes", text, len(text))
		}
	})
}
