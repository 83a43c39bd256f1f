package nodes_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gobwas/ws"
)

// This file is the browsers that wait on a connection which lasts.

// watchSSE is one stream. It ends whole, or it was cut.
func watchSSE(ctx context.Context, a *attempt) error {
	since, _, _ := a.knows()
	r, err := a.opens(ctx, toWatch, http.MethodGet, "/v1/logins/"+a.id+"/events", "", "Last-Event-ID: "+since)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	switch r.StatusCode {
	case http.StatusOK:
	case http.StatusNoContent, http.StatusNotFound:
		a.hear("gone", "", "")
		return nil
	default:
		return fmt.Errorf("the stream is answered %d", r.StatusCode)
	}
	for lines := bufio.NewReader(r.Body); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return nil
		}
		if err != nil {
			a.cut(ctx)
			return fmt.Errorf("a stream: %w: %w", errLost, err)
		}
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok {
			continue
		}
		v, err := readView(data)
		if err != nil {
			return err
		}
		if v.State != "pending" { // else it is another code
			a.hear(v.State, v.RedirectURI, "")
		}
	}
}

func startWebSocket(ctx context.Context, a *attempt) error {
	return a.socket(ctx, toStart, "app="+siteApp)
}

// watchWebSocket is one socket, opened with what the browser has.
func watchWebSocket(ctx context.Context, a *attempt) error {
	query := "id=" + a.id
	if _, resume, _ := a.knows(); resume != "" {
		query = "resume=" + resume
	}
	return a.socket(ctx, toWatch, query)
}

// socket listens until it is parted from; the one that starts a login, until it has its id.
func (a *attempt) socket(ctx context.Context, step, query string) error {
	addr := a.door.pick(step)
	if step == toWatch {
		a.mu.Lock()
		a.on = addr
		a.mu.Unlock()
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", step, errLost, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	answered := 0
	dialer := ws.Dialer{OnStatusError: func(status int, _ []byte, _ io.Reader) { answered = status }}
	rest, _, err := dialer.Upgrade(conn, &url.URL{Scheme: "ws", Host: host, Path: "/v1/ws", RawQuery: query})
	switch {
	case answered == http.StatusNotFound && step == toWatch:
		a.hear("gone", "", "")
		return nil
	case answered != 0:
		return fmt.Errorf("a socket: %w", status(answered))
	case err != nil:
		a.cut(ctx)
		return fmt.Errorf("a socket: %w: %w", errLost, err)
	}
	in := io.Reader(conn)
	if rest != nil {
		in = rest
	}
	for {
		f, err := readFrame(in)
		if err != nil {
			a.cut(ctx)
			return fmt.Errorf("a socket: %w: %w", errLost, err)
		}
		switch f.Header.OpCode {
		case ws.OpPing:
			err = ws.WriteFrame(conn, ws.MaskFrameWith(ws.NewPongFrame(f.Payload), [4]byte{1, 2, 3, 4}))
		case ws.OpClose:
			_ = ws.WriteFrame(conn, ws.MaskFrameWith(f, [4]byte{1, 2, 3, 4})) // it may be gone
			return nil
		case ws.OpText:
			var v struct {
				Type, ID, Resume string
				RedirectURI      string `json:"redirect_uri"`
			}
			if err = json.Unmarshal(f.Payload, &v); err != nil {
				return err
			}
			if step == toStart {
				return a.began(v.ID, v.Type)
			}
			if v.Type != "qr" {
				a.hear(v.Type, v.RedirectURI, v.Resume)
			}
			if _, _, over := a.knows(); over {
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// cut notes a connection that ended without a word, unless we ended it.
func (a *attempt) cut(ctx context.Context) {
	if ctx.Err() == nil {
		a.cuts.Add(1)
	}
}

func readFrame(in io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(in); err == nil {
		f.Payload = make([]byte, f.Header.Length)
		_, err = io.ReadFull(in, f.Payload)
	}
	return f, err
}
