// Package auditlog keeps the record of what was decided: who let whom in where, from
// where, and with which check of the number. It is a file with a JSON object a line.
//
// What it promises: a line is written, by one write at the end of the file, before the
// change that it tells of is answered, and it is never rewritten. No line holds a secret.
// A line that could not be written is logged and counted, and stops no login: whoever
// fills a disk must not lock people out. So a missing line proves nothing.
package auditlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"qrlatch/server/login"
)

// Options say what lines hold beside the event. All may be nil.
type Options struct {
	Log    *slog.Logger
	Place  func(netip.Addr) (place, network string) // where an address is
	Family func(userAgent string) string            // a browser's name, without its version
}

// Log is an open file. It is safe for concurrent use.
type Log struct {
	Options
	lost atomic.Uint64

	mu   sync.Mutex
	file *os.File
	torn bool // the last line was written in part
}

// Open opens the file of a name, or makes it, readable by its owner only.
func Open(name string, o Options) (*Log, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	return &Log{Options: o, file: f}, nil
}

func open(name string) (*os.File, error) {
	// Before it is opened: to open a pipe that nobody reads would never return.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New(name + ": want a plain file")
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// Reopen goes on in the file of a name, which may be the same: whoever rotates logs
// renames the old one first. If it cannot be opened, the old one goes on.
func (l *Log) Reopen(name string) error {
	f, err := open(name)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.file
	l.file, l.torn = f, false
	return old.Close()
}

// Close closes the file. Events after that are lost.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// Lost counts the lines that could not be written.
func (l *Log) Lost() uint64 { return l.lost.Load() }

// Write writes the line of an event.
func (l *Log) Write(e login.Event) {
	if err := l.write(e); err != nil {
		// What was lost is in the other log, which may be elsewhere.
		l.Log.Error("audit log: a line is lost", "error", err, "event", string(e.Name), "login", string(e.Login), "lost", l.lost.Add(1))
	}
}

func (l *Log) write(e login.Event) error {
	text, err := json.Marshal(l.line(e))
	if err != nil {
		return fmt.Errorf("write line: %w", err)
	}
	text = append(text, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.torn {
		text = append([]byte{'\n'}, text...) // or the two would be one
	}
	n, err := l.file.Write(text)
	if err == nil {
		l.torn = false
	} else if n > 0 {
		l.torn = true
	}
	return err
}

// line is what is written. Members are added and never change.
type line struct {
	Time      time.Time       `json:"time"`
	Event     login.EventName `json:"event"`
	App       string          `json:"app"`
	Login     login.Handle    `json:"login"`
	Session   login.SessionID `json:"session,omitempty"`
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Browser   *client         `json:"browser,omitempty"`
	Phone     *client         `json:"phone,omitempty"`
	Presenter *client         `json:"presenter,omitempty"` // of the ticket, where that was not the site
	Push      bool            `json:"push,omitempty"`
	Number    string          `json:"number,omitempty"`
	Risk      []string        `json:"risk,omitempty"`
	Ended     string          `json:"ended,omitempty"`
}

type client struct {
	IP      string `json:"ip,omitempty"`
	Agent   string `json:"agent,omitempty"`
	Place   string `json:"place,omitempty"`
	Network string `json:"network,omitempty"`
}

// endings say who ended a session.
var endings = map[login.Ending]string{
	login.Active:    "",
	login.SignedOut: "site",
	login.ByPhone:   "phone",
	login.Elsewhere: "sign_in_elsewhere",
	login.Voided:    "ticket_reused",
}

func (l *Log) line(e login.Event) line {
	out := line{
		Time: e.Time.UTC().Truncate(time.Millisecond), Event: e.Name, App: tame(e.App, maxText), Login: e.Login, Session: e.Session,
		Issuer: tame(e.Phone.Issuer, maxPerson), Subject: tame(e.Phone.Subject, maxPerson),
		Browser: l.client(e.Browser), Phone: l.client(login.Browser{Addr: e.PhoneAddr}), Presenter: l.client(e.Presenter),
		Push: e.Push, Number: string(e.Number), Ended: endings[e.Ended],
	}
	out.Risk = e.Risk.Reasons()
	return out
}

func (l *Log) client(b login.Browser) *client {
	if b == (login.Browser{}) {
		return nil
	}
	c := &client{}
	if b.Addr.IsValid() {
		c.IP = b.Addr.Unmap().WithZone("").String()
		if l.Place != nil {
			place, network := l.Place(b.Addr)
			c.Place, c.Network = tame(place, maxText), tame(network, maxText)
		}
	}
	if b.UserAgent != "" {
		c.Agent = "other"
		if l.Family != nil {
			if name := l.Family(b.UserAgent); name != "" {
				c.Agent = tame(name, maxText)
			}
		}
	}
	return c
}
