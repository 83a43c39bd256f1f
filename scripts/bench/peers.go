//go:build linux

package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/r3labs/sse/v2"
)

// The servers that ours is held against do nothing but let browsers wait: /start answers
// what a start answers, /wait waits on a channel of the name in ?stream=, /pub wakes it.

// hold is how long a peer lets somebody wait, as ours is told to.
const hold = 10 * time.Minute

// startAnswer has the size of ours.
const startAnswer = `{"id":"000000000000000000000000000000000000","state":"pending","note":"as many bytes as the answer of a login server to a start: its text, the address of its picture and how long they last ...............................................................................","interval":1}`

// serve is the process of a peer.
func serve(name string, args []string) error {
	var waiting atomic.Int64
	var handler http.Handler
	switch name {
	case "nethttp":
		handler = plainPoll(&waiting)
	case "echo":
		handler = echoPoll(&waiting)
	case "r3labs":
		handler = r3labsStream(&waiting, 0)
	case "r3labs1":
		handler = r3labsStream(&waiting, 1)
	case "floor":
		replay, err := readReplay(args)
		if err != nil {
			return err
		}
		handler = replay
	default:
		return fmt.Errorf("no peer is called %q", name)
	}
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	public, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	log.Info("listening", "addr", public.Addr().String())
	log.Info("admin listening", "url", "http://"+admin.Addr().String())
	failed := make(chan error, 2)
	go func() { failed <- newServer(operator(&waiting)).Serve(admin) }()
	go func() { failed <- newServer(handler).Serve(public) }()
	return <-failed
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: hold}
}

// operator is what ours has on its admin listener.
func operator(waiting *atomic.Int64) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("POST /debug/free", func(http.ResponseWriter, *http.Request) { debug.FreeOSMemory() })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "waiting %d\ngo_goroutines %d\n", waiting.Load(), runtime.NumGoroutine())
	})
	return mux
}

// channels are those that somebody waits on.
type channels struct {
	mu    sync.Mutex
	named map[string]chan string
}

func (c *channels) join(name string) chan string {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan string, 1)
	c.named[name] = ch
	return ch
}

func (c *channels) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.named, name)
}

func (c *channels) publish(name, text string) {
	c.mu.Lock()
	ch := c.named[name]
	c.mu.Unlock()
	if ch != nil {
		select {
		case ch <- text:
		default:
		}
	}
}

func newChannels() *channels { return &channels{named: make(map[string]chan string)} }

// await is the whole of a naive long poll.
func (c *channels) await(r *http.Request, waiting *atomic.Int64) (text string, ok bool) {
	name := r.URL.Query().Get("stream")
	ch := c.join(name)
	defer c.leave(name)
	waiting.Add(1)
	defer waiting.Add(-1)
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case text = <-ch:
		return text, true
	case <-timer.C:
		return `{"state":"pending"}`, true
	case <-r.Context().Done():
		return "", false
	}
}

func said(r *http.Request) string {
	text, _ := io.ReadAll(io.LimitReader(r.Body, 4<<10)) // a publication of ours is whole
	return string(text)
}

func plainPoll(waiting *atomic.Int64) http.Handler {
	c := newChannels()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /start", started201)
	mux.HandleFunc("GET /wait", func(w http.ResponseWriter, r *http.Request) {
		if text, ok := c.await(r, waiting); ok {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, text)
		}
	})
	mux.HandleFunc("POST /pub", func(w http.ResponseWriter, r *http.Request) {
		c.publish(r.URL.Query().Get("stream"), said(r))
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}

func started201(w http.ResponseWriter, r *http.Request) {
	_ = said(r)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, startAnswer)
}

// echoPoll is the same on Echo, with the two middlewares that every server of it has.
func echoPoll(waiting *atomic.Int64) http.Handler {
	c := newChannels()
	e := echo.New()
	e.Use(middleware.RequestID(), middleware.Recover())
	e.POST("/start", echo.WrapHandler(http.HandlerFunc(started201)))
	e.GET("/wait", func(ctx echo.Context) error {
		if text, ok := c.await(ctx.Request(), waiting); ok {
			return ctx.Blob(http.StatusOK, "application/json", []byte(text))
		}
		return nil
	})
	e.POST("/pub", func(ctx echo.Context) error {
		c.publish(ctx.QueryParam("stream"), said(ctx.Request()))
		return ctx.NoContent(http.StatusAccepted)
	})
	return e
}

// r3labsStream serves events with r3labs/sse, a stream for each login; buffer 0 leaves
// the library as it comes.
func r3labsStream(waiting *atomic.Int64, buffer int) http.Handler {
	s := sse.NewWithCallback(
		func(string, *sse.Subscriber) { waiting.Add(1) },
		func(string, *sse.Subscriber) { waiting.Add(-1) })
	if buffer > 0 {
		s.BufferSize, s.AutoReplay = buffer, false
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /start", started201)
	mux.HandleFunc("GET /wait", func(w http.ResponseWriter, r *http.Request) {
		s.CreateStream(r.URL.Query().Get("stream"))
		s.ServeHTTP(w, r)
	})
	mux.HandleFunc("POST /pub", func(w http.ResponseWriter, r *http.Request) {
		s.Publish(r.URL.Query().Get("stream"), &sse.Event{Event: []byte("scanned"), Data: []byte(said(r))})
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}
