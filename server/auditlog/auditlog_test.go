package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
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
	l.Write(event())
	half := &fullDisk{WriteCloser: l.to.file, room: 10}
	l.to.file = half
	l.Write(event()) // lost, but for its beginning
	half.room = 1 << 20
	l.Write(event())
	l.Write(event())
	isOneTornLineOf(t, read(t, name), 1, 4)
	if l.Lost() != 1 {
		t.Errorf("%d lines were lost", l.Lost())
	}
}

// isOneTornLineOf looks whether there are so many lines, of which one alone is half.
func isOneTornLineOf(t *testing.T, lines []string, torn, count int) {
	t.Helper()
	if len(lines) != count {
		t.Errorf("%d lines, want %d", len(lines), count)
	}
	for i, line := range lines {
		if json.Valid([]byte(line)) == (i == torn) {
			t.Errorf("line %d: %q", i+1, line)
		}
	}
}

// fullDisk has room for so many bytes.
type fullDisk struct {
	io.WriteCloser
	room int
}

func (f *fullDisk) Write(b []byte) (int, error) {
	n, err := f.WriteCloser.Write(b[:min(len(b), f.room)])
	if f.room -= n; n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

// The program may have been killed in the middle of a line, and the line is in the file
// that it is started with, or that a reload comes back to.
func TestALineThatACrashHasTornStandsAlone(t *testing.T) {
	for name, back := range map[string]func(l *Log, name string) error{
		"at the start":  func(*Log, string) error { return nil },
		"at a reload":   func(l *Log, name string) error { return l.Reopen(name) },
		"at the second": func(l *Log, name string) error { return errors.Join(l.Reopen(name), l.Reopen(name)) },
	} {
		t.Run(name, func(t *testing.T) {
			l, name := openLog(t, Options{})
			l.Write(event())
			whole, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, append(whole, whole[:len(whole)/2]...), 0o600); err != nil {
				t.Fatal(err)
			}
			next, err := Open(name, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = next.Close() }() // a test
			if err := back(next, name); err != nil {
				t.Fatal(err)
			}
			next.Write(event())
			next.Write(event())
			isOneTornLineOf(t, read(t, name), 1, 4)
		})
	}
}

// stuck is a disk that takes nothing until it is let go.
type stuck struct {
	io.WriteCloser
	free chan struct{}
}

func (s stuck) Write(b []byte) (int, error) {
	<-s.free
	return s.WriteCloser.Write(b)
}

// A disk that hangs holds each login up for a moment, and no longer; what there is room
// for is written when it comes back, in its order, and the rest is counted.
func TestADiskThatHangsHoldsNobodyUpForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		l, name := openLog(t, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
		disk := stuck{l.to.file, make(chan struct{})}
		l.to.file = disk
		write := func(n int) (took time.Duration) {
			e := event()
			e.App = strconv.Itoa(n)
			began := time.Now()
			l.Write(e)
			return time.Since(began)
		}
		for n := range maxQueue + 1 { // one is being written
			if took := write(n); took != patience {
				t.Fatalf("line %d was waited for %v", n, took)
			}
		}
		for n := range 10 {
			if took := write(-n - 1); took != 0 {
				t.Errorf("a line too many was waited for %v", took)
			}
		}
		if l.Lost() != 10 || strings.Count(said.String(), "the disk is too slow") != 10 {
			t.Errorf("%d were lost: %s", l.Lost(), said.String())
		}
		began := time.Now()
		if err := l.Close(); err == nil || time.Since(began) != closePatience || !strings.Contains(err.Error(), strconv.Itoa(maxQueue+1)+" lines") {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		}
		close(disk.free)
		synctest.Wait()
		if took := write(maxQueue + 1); took != 0 {
			t.Errorf("when it is back: %v", took)
		}
		lines := read(t, name)
		if len(lines) != maxQueue+2 {
			t.Fatalf("%d lines", len(lines))
		}
		for n, line := range lines {
			if !strings.Contains(line, `"app":"`+strconv.Itoa(n)+`"`) {
				t.Fatalf("line %d is %s", n, line)
			}
		}
	})
}

// A log is put away while its disk hangs: nobody waits for that, and nothing is lost.
func TestReopeningDoesNotWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, name := openLog(t, Options{})
		disk := stuck{l.to.file, make(chan struct{})}
		l.to.file = disk
		l.Write(event())
		l.Write(event())
		if err := os.Rename(name, name+".1"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 3 {
			if err := l.Reopen(name); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		close(disk.free)
		synctest.Wait()
		l.Write(event())
		if old, now := len(read(t, name+".1")), len(read(t, name)); old != 1 || now != 2 || l.Lost() != 0 {
			t.Errorf("%d lines before, %d after, %d lost", old, now, l.Lost())
		}
		if _, err := disk.WriteCloser.Write(nil); !errors.Is(err, os.ErrClosed) {
			t.Errorf("the old file is still open: %v", err)
		}
	})
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
