package park_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"qrlatch/server/park"
)

// This file tests that nobody waits for who polls and serves a request himself.

func TestWhoKeepsARequestKeepsNobodyWaiting(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(w http.ResponseWriter, r *http.Request)
	}{
		{"it waits and asks for the end", func(_ http.ResponseWriter, r *http.Request) { r.Context().Done() }},
		{"it says that it is slow", func(_ http.ResponseWriter, r *http.Request) { park.Slow(r.Context()) }},
		{"it says nothing", func(http.ResponseWriter, *http.Request) {}},
		{"it sends more than is read", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 8<<20))
			_ = http.NewResponseController(w).Flush()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, park.Options{Write: time.Minute}, func(p *place) {
				const slow = 5
				begun, done := make(chan struct{}, slow), make(chan struct{})
				p.does(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.RawQuery == "slow" {
						begun <- struct{}{}
						test.before(w, r)
						<-done
					}
					fmt.Fprint(w, r.URL.RawQuery)
				})
				quick := p.idler()
				var kept []*client
				for range slow { // one after the other, each on its own connection
					c := p.idler()
					c.get("/odd?slow")
					<-begun
					kept = append(kept, c)
					quick.get("/odd?quick")
					quick.hears("quick")
				}
				close(done)
				for _, c := range kept {
					c.Close()
				}
				p.left(1)
				quick.get("/odd?again")
				quick.hears("again")
			})
		})
	}
}
