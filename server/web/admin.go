package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime/debug"
	"strings"
	"time"

	"qrlatch/server/metrics"
)

// Admin returns the handler of the admin listener: metrics, health and profiles. It
// must never be on the public listener. ready says whether the server can do its
// work; health only that the process runs.
func Admin(m *metrics.Metrics, ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := ready(ctx); err != nil {
			say(w, http.StatusServiceUnavailable, "not ready: "+err.Error()+"\n")
			return
		}
		say(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	// Gives what is free back to the system at once, for whoever measures a crowd.
	mux.HandleFunc("POST /debug/free", func(w http.ResponseWriter, r *http.Request) {
		if fromAPage(r) {
			say(w, http.StatusForbidden, "Pages of others may not ask for this.\n")
			return
		}
		debug.FreeOSMemory()
		say(w, http.StatusOK, "ok\n")
	})
	return mux
}

// LoopbackOnly answers only requests for this machine's own names: a page whose name
// was pointed at 127.0.0.1 (DNS rebinding) must not read profiles through the browser
// of an operator.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := withoutPort(r.Host)
		if ip := net.ParseIP(strings.Trim(name, "[]")); name != "localhost" && (ip == nil || !ip.IsLoopback()) {
			say(w, http.StatusMisdirectedRequest, "This listener answers for loopback names only.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromAPage tells whether a page of another origin in an operator's browser has sent r. Browsers
// before Sec-Fetch-Site say Origin with every POST from elsewhere; no program says either.
func fromAPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none" || site == "" && r.Header.Get("Origin") != ""
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that is gone needs no answer
}
