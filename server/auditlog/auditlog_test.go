package auditlog

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qrlatch/server/login"
)

func event() login.Event {
	return login.Event{
		Name: login.EventApprove, Time: time.Date(2026, 3, 4, 5, 6, 7, 891e6+234e3, time.FixedZone("", 3600)),
		App: "shop", Login: "6NcLvE2AhaKX", Phone: login.Phone{Issuer: "https://id.example", Subject: "alice"},
		PhoneAddr: netip.MustParseAddr("198.51.100.2"),
		Browser:   login.Browser{Addr: netip.MustParseAddr("::ffff:203.0.113.9"), UserAgent: "Mozilla/5.0 Firefox/140.0"},
		Risk:      login.RiskStale | login.RiskPlace, Number: login.NumberRight,
	}
}

func openLog(t *testing.T, o Options) (*Log, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "audit.log")
	l, err := Open(name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // some tests close it themselves
	return l, name
}

func read(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) == 0 {
		return nil
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		t.Errorf("%s does not end with a line's end", name)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestALineSaysWhoApprovedWhatFromWhere(t *testing.T) {
	l, name := openLog(t, Options{
		Place: func(a netip.Addr) (string, string) {
			if a.Unmap() == netip.MustParseAddr("203.0.113.9") {
				return "Lisbon, Portugal", "Home Telecom"
			}
			return "", ""
		},
		Family: func(agent string) string {
			return strings.TrimPrefix(agent[:strings.Index(agent, "/1")], "Mozilla/5.0 ")
		},
	})
	l.Write(event())
	signedOut := login.Event{
		Name: login.EventSignOut, App: "shop", Login: "h", Session: "s", Ended: login.Elsewhere,
		Phone: login.Phone{Issuer: "tokens", Subject: "bob"}, Browser: login.Browser{},
	}
	l.Write(signedOut)
	want := []string{
		`{"time":"2026-03-04T04:06:07.891Z","event":"approve","app":"shop","login":"6NcLvE2AhaKX","iss":"https://id.example","sub":"alice",` +
			`"browser":{"ip":"203.0.113.9","agent":"Firefox","place":"Lisbon, Portugal","network":"Home Telecom"},` +
			`"phone":{"ip":"198.51.100.2"},"number":"right","risk":["stale_code","place"]}`,
		`{"time":"0001-01-01T00:00:00Z","event":"sign_out","app":"shop","login":"h","session":"s","iss":"tokens","sub":"bob","ended":"sign_in_elsewhere"}`,
	}
	if got := read(t, name); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// The texts come from issuers, browsers and files of places.
func TestNoTextBreaksALineOrMakesItEndless(t *testing.T) {
	for _, hostile := range []string{
		"a\nb", "a\r\n{\"event\":\"approve\"}", `"},{"event":"deny","x":"`, "a\x00b", "\x1b[2J\u009b", "\u202eecila", "a\u2028b\u2029c", "\xff\xfe",
		"<script>", strings.Repeat("\u0085", 9000), strings.Repeat("爱", 9000), strings.Repeat("\xff", 9000), strings.Repeat("<", 9000), strings.Repeat(`\`, 9000),
	} {
		l, name := openLog(t, Options{
			Place:  func(netip.Addr) (string, string) { return hostile, hostile },
			Family: func(string) string { return hostile },
		})
		e := event()
		e.App, e.Phone, e.Presenter = hostile, login.Phone{Issuer: hostile, Subject: hostile}, e.Browser
		e.Presenter.UserAgent, e.Browser.UserAgent = hostile, hostile
		e.Push, e.Risk, e.Ended, e.Session = true, 0xff, login.Voided, login.SessionID(strings.Repeat("s", 24))
		l.Write(e)
		lines := read(t, name)
		if len(lines) != 1 {
			t.Fatalf("%.20q makes %d lines", hostile, len(lines))
		}
		if len(lines[0]) > maxLine {
			t.Errorf("%.20q makes a line of %d bytes", hostile, len(lines[0]))
		}
		var back struct{ Event, Sub string }
		if err := json.Unmarshal([]byte(lines[0]), &back); err != nil || back.Event != "approve" {
			t.Errorf("%.20q: %v, %+v", hostile, err, back)
		}
		if strings.ContainsAny(lines[0], "\x1b\u009b\u202e\u0085\u2028") || len(back.Sub) > maxPerson {
			t.Errorf("%.20q is still in it", hostile)
		}
	}
}

func TestAfterReopeningLinesGoToTheNewFile(t *testing.T) {
	l, name := openLog(t, Options{})
	l.Write(event())
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	l.Write(event()) // still to the old one
	if err := l.Reopen(name); err != nil {
		t.Fatal(err)
	}
	l.Write(event())
	if old, now := len(read(t, name+".1")), len(read(t, name)); old != 2 || now != 1 {
		t.Errorf("%d lines before, %d after", old, now)
	}
	if err := l.Reopen(filepath.Join(name, "no directory")); err == nil {
		t.Error("an impossible file was opened")
	}
	l.Write(event())
	if err := l.Reopen(name); err != nil { // nothing of it is overwritten
		t.Fatal(err)
	}
	l.Write(event())
	if now := len(read(t, name)); now != 3 || l.Lost() != 0 {
		t.Errorf("%d lines after, %d lost", now, l.Lost())
	}
}

func TestWhatIsNoPlainFileIsRefused(t *testing.T) {
	for _, name := range []string{t.TempDir(), os.DevNull, filepath.Join(t.TempDir(), "absent", "audit.log")} {
		if l, err := Open(name, Options{}); err == nil {
			t.Errorf("%s was opened", name)
			_ = l.Close() // a test
		}
	}
}

func TestALineThatCannotBeWrittenIsLoggedAndCounted(t *testing.T) {
	var said bytes.Buffer
	l, name := openLog(t, Options{Log: slog.New(slog.NewJSONHandler(&said, nil))})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Write(event())
	l.Write(event())
	if l.Lost() != 2 || strings.Count(said.String(), "a line is lost") != 2 || !strings.Contains(said.String(), "6NcLvE2AhaKX") {
		t.Errorf("%d lost, said %s", l.Lost(), said.String())
	}
	if len(read(t, name)) != 0 {
		t.Error("something was written")
	}
}

// A disk may be full in the middle of a line.
func TestALineAfterATornOneStandsAlone(t *testing.T) {
	l, name := openLog(t, Options{})
	if _, err := l.file.WriteString(`{"time":"2026`); err != nil {
		t.Fatal(err)
	}
	l.torn = true
	l.Write(event())
	l.Write(event())
	lines := read(t, name)
	if len(lines) != 3 || !json.Valid([]byte(lines[1])) || !json.Valid([]byte(lines[2])) {
		t.Errorf("%q", lines)
	}
}

func TestLinesOfManyAtOnceDoNotMix(t *testing.T) {
	l, name := openLog(t, Options{})
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 100 {
				l.Write(event())
			}
		})
	}
	for range 20 {
		if err := l.Reopen(name); err != nil {
			t.Error(err)
		}
	}
	done.Wait()
	lines := read(t, name)
	if len(lines) != 800 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Fatalf("%q", line)
		}
	}
}
