//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// exchange is a request of a login, and what the server answered.
type exchange struct {
	Method, URI string
	Status      int
	Header      http.Header
	Body        []byte
}

// recordLogin runs one login on the server at addr and writes its exchanges to a file in dir.
func recordLogin(ctx context.Context, addr, dir string) (file string, err error) {
	p, err := newPerson(ctx, addr, 0)
	if err != nil {
		return "", err
	}
	defer p.leave()
	var all []exchange
	var mu sync.Mutex
	record := func(request, answer []byte) {
		mu.Lock()
		defer mu.Unlock()
		line := strings.Fields(string(request[:bytes.IndexByte(request, '\r')]))
		e := exchange{Method: line[0], URI: line[1]}
		r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
		if err != nil {
			return // it was read before
		}
		defer r.Body.Close()
		e.Status, e.Header = r.StatusCode, r.Header
		e.Body, _ = io.ReadAll(r.Body)
		e.Header.Del("Date") // the floor has its own
		e.Header.Del("Content-Length")
		all = append(all, e)
	}
	p.front.record, p.phone.record = record, record
	if err := p.login(); err != nil {
		return "", fmt.Errorf("a login to record: %w", err)
	}
	if len(all) != requestsPerLogin {
		return "", fmt.Errorf("a login had %d exchanges, want %d", len(all), requestsPerLogin)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "login.json")
	return file, os.WriteFile(file, text, 0o600)
}

// readReplay makes the floor: a bare net/http server that answers the requests of a
// recorded login with its bytes, and knows nothing.
func readReplay(args []string) (http.Handler, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("the floor needs a recorded login")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return nil, err
	}
	var all []exchange
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("recorded login: %w", err)
	}
	answers := make(map[string]exchange, len(all))
	for _, e := range all {
		answers[e.Method+" "+e.URI] = e
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, ok := answers[r.Method+" "+r.RequestURI]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		header := w.Header()
		for name, values := range e.Header {
			header[name] = values
		}
		w.WriteHeader(e.Status)
		_, _ = w.Write(e.Body)
	}), nil
}
