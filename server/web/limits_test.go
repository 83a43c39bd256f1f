package web

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/metrics"
)

// TestWhoProvedMoreIsLimitedToo has phones wait for the browser, and clients of WeChat for
// the end of their session: five each, of which four may.
func TestWhoProvedMoreIsLimitedToo(t *testing.T) {
	for _, tt := range []struct {
		name  string
		begin func(*network) (target string, fields []string)
		want  string
	}{
		{"phone", func(n *network) (string, []string) {
			_, l := n.begin("")
			code, _, _ := n.service.Code(l, time.Now())
			w := n.ask("POST", "/v1/scans", `{"code":"`+code+`"}`, "Authorization: Bearer alice", "Content-Type: application/json")
			if w.Code != http.StatusCreated {
				n.t.Fatal(w.Body)
			}
			return "/v1/scans/" + string(l.Handle) + "?since=scanned&wait=25", []string{"Authorization: Bearer alice"}
		}, `"state":"scanned"`},
		{"synccheck", func(n *network) (string, []string) {
			v := n.signIn()
			return "/cgi-bin/mmwebwx-bin/synccheck?sid=" + v.SID + "&uin=" + strconv.FormatInt(v.UIN, 10) + "&skey=" + v.Skey, nil
		}, `window.synccheck={retcode:"0",selector:"0"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			serve(t, nil, func(t *testing.T, n *network) {
				target, fields := tt.begin(n)
				var all []*heard
				for range 5 {
					all = append(all, n.says(homeAddr, target, append(fields, "Connection: close")...))
				}
				time.Sleep(10 * time.Second)
				hears(t, "the oldest", all[0], tt.want, 5*time.Second)
				for i, h := range all[1:] {
					if text, ended := h.all(); ended != 0 {
						t.Errorf("waiter %d was answered, too: %q", i+1, text)
					}
				}
			})
		})
	}
}

// TestPagesWithoutScriptsAreHeldAsWell: their starts, and what asks for no login.
func TestPagesWithoutScriptsAreHeldAsWell(t *testing.T) {
	serve(t, func(o *Options) { o.Limits.StartsPerAddress = 1 }, func(t *testing.T, n *network) {
		n.says(homeAddr, "/embed/plain?app=shop", "Connection: close")
		start := n.says(homeAddr, "/embed/plain?app=shop", "Connection: close")
		unknown := n.says(homeAddr, "/embed/plain/"+strings.Repeat("A", 36), "Connection: close")
		time.Sleep(10 * time.Second)
		hears(t, "a start", start, "429 Too Many Requests|Retry-After: 60", 5*time.Second)
		if text, ended := unknown.all(); ended != time.Second || strings.Contains(text, "200 OK") {
			t.Errorf("an unknown login: %.20q after %v", text, ended)
		}
	})
}

// TestASpoofedForwardedForStaysOneBucket sends a thousand requests behind a proxy, each
// with another invented address in front.
func TestASpoofedForwardedForStaysOneBucket(t *testing.T) {
	behindProxy := func(o *Options) {
		_, proxy, _ := net.ParseCIDR("10.0.0.0/8")
		o.TrustedProxies = []*net.IPNet{proxy}
		o.PollHold, o.Limits = 25*time.Second, DefaultLimits()
		o.Limits.StartsPerAddress = 100
	}
	for _, tt := range []struct {
		name   string
		target func(*fixture) string // of each request
		pass   func(body string, took time.Duration) bool
		want   int64
	}{
		{"of starts", func(*fixture) string { return "/jslogin?appid=shop" },
			func(body string, _ time.Duration) bool { return strings.Contains(body, "code = 200") }, 100},
		{"of waiters", func(f *fixture) string {
			id, _, _ := f.service.Start(t.Context(), login.Request{App: "shop"})
			return "/cgi-bin/mmwebwx-bin/login?tip=1&uuid=" + string(id)
		}, func(_ string, took time.Duration) bool { return took == 25*time.Second }, 256},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, behindProxy)
				var passed atomic.Int64
				var all sync.WaitGroup
				for n := range 1000 {
					target := tt.target(f)
					all.Go(func() {
						began := time.Now()
						w := f.ask("GET", target, "", "Peer: 10.0.0.1:1",
							fmt.Sprintf("X-Forwarded-For: %d.%d.0.1, %s", 1+n%200, n/200, evilAddr))
						if tt.pass(w.Body.String(), time.Since(began)) {
							passed.Add(1)
						}
					})
				}
				all.Wait()
				if passed.Load() != tt.want {
					t.Errorf("%d passed, want %d", passed.Load(), tt.want)
				}
				// And nobody else is locked out by what was invented.
				w := f.ask("GET", "/jslogin?appid=shop", "", "Peer: 10.0.0.1:1", "X-Forwarded-For: 1.0.0.1")
				if !strings.Contains(w.Body.String(), "code = 200") {
					t.Errorf("whose address was invented: %s", w.Body)
				}
			})
		})
	}
}

// TestWhoIsTurnedAwayIsHeldNowhere counts goroutines' worth: 256 wait, 256 are held, and
// the rest is answered at once with what stops its client or tells it to wait.
func TestWhoIsTurnedAwayIsHeldNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *Options) { o.PollHold, o.Limits = 25*time.Second, DefaultLimits() })
		var count [3]atomic.Int64
		var all sync.WaitGroup
		for range 1000 {
			id, _, err := f.service.Start(t.Context(), login.Request{App: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				began := time.Now()
				w := f.ask("GET", "/cgi-bin/mmwebwx-bin/login?tip=1&uuid="+string(id), "")
				switch took := time.Since(began); {
				case took == 25*time.Second && w.Body.String() == "window.code=408;":
					count[0].Add(1)
				case took == 5*time.Second && w.Body.String() == "window.code=408;":
					count[1].Add(1)
				case took == 0 && w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "30":
					count[2].Add(1)
				default:
					t.Errorf("%d %s after %v", w.Code, w.Body, took)
				}
			})
		}
		all.Wait()
		if a, b, c := count[0].Load(), count[1].Load(), count[2].Load(); a != 256 || b != 256 || c != 488 {
			t.Errorf("%d waited, %d were held, %d turned away", a, b, c)
		}
	})
}

// TestTheMetricsCountWaitersAndHits looks at them while somebody waits, and after.
func TestTheMetricsCountWaitersAndHits(t *testing.T) {
	var counts *metrics.Metrics
	serve(t, func(o *Options) { counts = o.Metrics }, func(t *testing.T, n *network) {
		scrape := func() string {
			w := &recorder{header: http.Header{}}
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
			Admin(counts, nil).ServeHTTP(w, r)
			return w.String()
		}
		for _, tt := range waits {
			id, _ := n.begin("")
			target := strings.Replace(tt.target, "%s", string(id), 1)
			for range 5 {
				n.says(homeAddr, target, fieldsOf(tt.fields)...)
			}
			if line := fmt.Sprintf("qrlatch_waiters{dialect=%q} 4\n", tt.name); !strings.Contains(strings.ReplaceAll(scrape(), " 5\n", " 4\n"), line) {
				t.Errorf("no %s", line)
			}
		}
		if line := fmt.Sprintf("qrlatch_limit_hits_total{limit=\"waiters_per_login\"} %d\n", len(waits)); !strings.Contains(scrape(), line) {
			t.Errorf("no %s", line)
		}
		time.Sleep(time.Minute)
		if text := scrape(); !strings.Contains(text, `qrlatch_waiters{dialect="wechat"} 0`) || !strings.Contains(text, `qrlatch_waiters{dialect="websocket"} 0`) {
			t.Error("somebody is still counted")
		}
	})
}

type recorder struct {
	header http.Header
	strings.Builder
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}
