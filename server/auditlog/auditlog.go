// Package auditlog keeps the record of what was decided: who let whom in where, from
// where, and with which check of the number. It is a file with a JSON object a line.
//
// What it promises: a line is written, by one write at the end of the file, and is never
// rewritten. No line holds a secret. It is written before the change that it tells of is
// answered, unless the disk takes longer than patience: then the change is answered, and
// the line waits, with at most maxQueue others. A line for which there is no room, or that
// could not be written, is logged and counted, and stops no login: whoever fills or slows a
// disk must not lock people out. So a missing line proves nothing.
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

const (
	patience = 100 * time.Millisecond // of a change, until its line is written
	maxQueue = 1000                   // lines that wait for the disk
	// closePatience is of Close, until what waits is written: the program is ending.
	closePatience = 500 * time.Millisecond
)

// Log is an open file. It is safe for concurrent use.
type Log struct {
	Options
	lost atomic.Uint64

	mu    sync.Mutex
	to    *disk
	inUse *disk         // being written to; nil: none
	queue []waiting     // oldest first
	idle  chan struct{} // closed when the queue was written; nil: nobody writes
}

// waiting is a line that is not written yet.
type waiting struct {
	event login.Event
	text  []byte
	done  chan struct{} // closed when it is written, or lost
}

// Open opens the file of a name, or makes it, readable by its owner only.
func Open(name string, o Options) (*Log, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	to, err := open(name)
	if err != nil {
		return nil, err
	}
	return &Log{Options: o, to: to}, nil
}

// Reopen goes on in the file of a name, which may be the same: whoever rotates logs
// renames the old one first. If it cannot be opened, the old one goes on.
func (l *Log) Reopen(name string) error {
	to, err := open(name)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.to
	if os.SameFile(old.is, to.is) {
		return to.file.Close() // a line of ours may have been half written when it was looked at
	}
	l.to = to
	if old == l.inUse {
		return nil // whoever writes to it closes it
	}
	return old.file.Close()
}

// Close writes what waits, if the disk takes it soon, and closes the file. Events after
// that are lost.
func (l *Log) Close() error {
	l.mu.Lock()
	idle := l.idle
	l.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-time.After(closePatience):
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inUse != nil {
		return fmt.Errorf("close audit log: %d lines still wait for the disk", len(l.queue)+1)
	}
	return l.to.file.Close()
}

// Lost counts the lines that could not be written.
func (l *Log) Lost() uint64 { return l.lost.Load() }

// Write writes the line of an event. It returns when that was done, but soon.
func (l *Log) Write(e login.Event) {
	text, err := json.Marshal(l.line(e))
	if err != nil {
		l.lose(e, fmt.Errorf("write line: %w", err))
		return
	}
	line := waiting{e, append(text, '\n'), make(chan struct{})}
	if !l.enqueue(line) {
		l.lose(e, errors.New("the disk is too slow"))
		return
	}
	hurry := time.NewTimer(patience)
	defer hurry.Stop()
	select {
	case <-line.done:
	case <-hurry.C:
	}
}

// enqueue puts a line behind the others, unless there is no room, and has somebody write.
func (l *Log) enqueue(line waiting) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == maxQueue {
		return false
	}
	l.queue = append(l.queue, line)
	if l.idle == nil {
		l.idle = make(chan struct{})
		go l.write()
	}
	return true
}

// write writes until nothing waits.
func (l *Log) write() {
	for {
		line, to := l.next()
		if to == nil {
			return
		}
		if err := to.append(line.text); err != nil {
			l.lose(line.event, err)
		}
		close(line.done)
	}
}

// next takes the oldest line, and the disk to write it to: nil if there is none.
func (l *Log) next() (line waiting, to *disk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inUse != nil && l.inUse != l.to {
		_ = l.inUse.file.Close() // it was reopened meanwhile, and every line was written at once
	}
	l.inUse = nil
	if len(l.queue) == 0 {
		close(l.idle)
		l.idle = nil
		return line, nil
	}
	line, l.queue = l.queue[0], l.queue[1:]
	l.inUse = l.to
	return line, l.to
}

// lose says what was lost in the other log, which may be elsewhere.
func (l *Log) lose(e login.Event, err error) {
	l.Log.Error("audit log: a line is lost", "error", err, "event", string(e.Name), "login", string(e.Login), "lost", l.lost.Add(1))
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
