//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// The site whose logins are measured. Its tickets are collected as WeChat clients do.
const (
	ticketPage = "/cgi-bin/mmwebwx-bin/webwxnewloginpage"
	appSecret  = "bench-secret"
)

// link is a keep-alive connection that asks and reads one answer at a time.
type link struct {
	net.Conn
	buffer []byte
	record func(request, answer []byte) // nil: nobody wants to know
}

func dial(ctx context.Context, addr string, number int) (*link, error) {
	// An address of its own for each, as far as they go.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 60, byte(number>>8), byte(number))}}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &link{Conn: conn, buffer: make([]byte, 0, 32<<10)}, nil
}

// answer reads the answer to request, whose bytes are good until the next one.
func (l *link) answer(request []byte) (body []byte, err error) {
	_ = l.SetReadDeadline(time.Now().Add(20 * time.Second))
	l.buffer = l.buffer[:0]
	for {
		h, body, size, err := readResponse(l.buffer)
		switch {
		case err != nil:
			return nil, err
		case size > 0 && h.status/100 != 2:
			line, _, _ := bytes.Cut(request, []byte(" HTTP"))
			return nil, fmt.Errorf("%s was answered %d: %.200s", line, h.status, body)
		case size > 0:
			if l.record != nil {
				l.record(request, l.buffer[:size])
			}
			return body, nil
		}
		n, err := l.Read(l.buffer[len(l.buffer):cap(l.buffer)])
		if err != nil {
			return nil, err
		}
		l.buffer = l.buffer[:len(l.buffer)+n]
	}
}

func (l *link) ask(request []byte) ([]byte, error) {
	if _, err := l.Write(request); err != nil {
		return nil, err
	}
	return l.answer(request)
}

// person is somebody who logs in again and again: a browser's connection and a phone's.
type person struct {
	browser
	host  string
	front *link // the browser's
	phone *link
}

func newPerson(ctx context.Context, addr string, number int) (*person, error) {
	front, err := dial(ctx, addr, number)
	if err != nil {
		return nil, err
	}
	phone, err := dial(ctx, addr, number)
	if err != nil {
		return nil, errors.Join(err, front.Close())
	}
	return &person{browser: browser{number: number}, host: addr, front: front, phone: phone}, nil
}

func (p *person) leave() {
	p.front.Close()
	p.phone.Close()
}

// requestsPerLogin is what one login asks of the server.
const requestsPerLogin = 7

// login is one login, whole: start, picture, a poll that hears of the scan, the scan, a
// poll that hears of the approval, the approval, and the ticket's page.
func (p *person) login() error {
	body, err := p.front.ask(startLogin(&p.browser, p.host))
	if err != nil {
		return err
	}
	if err := p.began(body); err != nil {
		return err
	}
	if _, err := p.front.ask(request(&p.browser, p.host, "GET", "/qrcode/"+p.id+".png", "image", "")); err != nil {
		return err
	}
	said, body, err := p.heard(1, scan(&p.browser, p.host))
	if err != nil {
		return err
	}
	handle := between(string(body), `"id":"`, `"`)
	if !strings.Contains(said, "window.code=201") || handle == "" {
		return fmt.Errorf("after the scan the poll said %.80q", said)
	}
	said, _, err = p.heard(0, phoneSays(&p.browser, p.host, "/v1/scans/"+handle+"/approve", "{}"))
	if err != nil {
		return err
	}
	query := between(said, ticketPage+"?", `"`)
	if query == "" {
		return fmt.Errorf("after the approval the poll said %.80q", said)
	}
	page, err := p.front.ask(request(&p.browser, p.host, "GET", ticketPage+"?"+query+"&fun=new", "empty", ""))
	if err == nil && !bytes.Contains(page, []byte("<ret>0</ret>")) {
		err = fmt.Errorf("the ticket's page said %.80q", page)
	}
	return err
}

// heard polls, has the phone do something meanwhile, and returns what both were answered.
func (p *person) heard(tip int, deed []byte) (poll string, done []byte, err error) {
	asks := request(&p.browser, p.host, "GET", fmt.Sprintf("/cgi-bin/mmwebwx-bin/login?uuid=%s&tip=%d&r=-1234567890&_=1795279688000", p.id, tip), "script", "")
	if _, err := p.front.Write(asks); err != nil {
		return "", nil, err
	}
	time.Sleep(2 * time.Millisecond) // so that it waits, as browsers do
	if done, err = p.phone.ask(deed); err != nil {
		return "", nil, err
	}
	answer, err := p.front.answer(asks)
	return string(answer), done, err
}

func between(text, before, after string) string {
	_, rest, ok := strings.Cut(text, before)
	if !ok {
		return ""
	}
	found, _, _ := strings.Cut(rest, after)
	return found
}

// guest is somebody who logs in again and again.
type guest interface {
	login() error
	leave()
}

// throng has so many people log in on a server, over and over, for a time, and returns how
// many logins there were.
func throng(ctx context.Context, addr string, people int, how time.Duration) (logins int, err error) {
	return gather(ctx, people, how, func(ctx context.Context, i int) (guest, error) { return newPerson(ctx, addr, i) })
}

// gather is throng for guests of any kind.
func gather(ctx context.Context, people int, how time.Duration, come func(ctx context.Context, i int) (guest, error)) (logins int, err error) {
	ctx, cancel := context.WithTimeout(ctx, how)
	defer cancel()
	var mu sync.Mutex
	var failed error
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			done := 0
			p, err := come(ctx, i)
			if err == nil {
				defer p.leave()
			}
			for err == nil && ctx.Err() == nil {
				if err = p.login(); err == nil {
					done++
				}
			}
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) && ctx.Err() != nil {
				err = nil
			}
			mu.Lock()
			defer mu.Unlock()
			logins += done
			if failed == nil {
				failed = err
			}
		})
	}
	all.Wait()
	return logins, failed
}
