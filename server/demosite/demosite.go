// Package demosite is the shop of the demo: a site on an origin of its own, which signs
// people in by the login server as any stranger's site would. It knows that server by
// its public interface alone, over HTTP, and imports nothing of it: whoever wants to
// add qrlatch to a site can read here all that it takes.
package demosite

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
)

//go:embed *.html static
var files embed.FS

// Options are what the shop is made of; all are mandatory but DemoPhone.
type Options struct {
	Login   string       // scheme and host of the login server
	Client  *http.Client // for the shop's own calls to it
	App     string       // the shop's id there
	Secret  string       // and its secret
	Origins []string     // where the shop is, such as http://localhost:8081
	Log     *slog.Logger

	DemoPhone bool // the login server has a phone for whoever has none at hand
}

type site struct {
	Options
	server   loginServer
	accounts accounts
	keys     keys
	pages    *template.Template
}

// New returns the handler of the shop.
func New(o Options) (http.Handler, error) {
	pages, err := template.ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the demo site's pages: %w", err)
	}
	s := &site{
		Options: o, pages: pages, accounts: accounts{open: map[string]account{}},
		server: loginServer{url: o.Login, app: o.App, secret: o.Secret, client: o.Client},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.signIn("home"))
	mux.HandleFunc("GET /isolated", s.signIn("isolated"))
	mux.HandleFunc("GET /signed-in", s.signedIn)
	mux.HandleFunc("GET /account", s.account)
	mux.HandleFunc("GET /account/alive", s.alive)
	mux.HandleFunc("POST /sign-out", s.signOut)
	mux.HandleFunc("POST /signed-out", s.signedOut)
	mux.Handle("GET /static/{name}", http.FileServerFS(files))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.problem(w, http.StatusNotFound, "Nothing on this shelf", "There is no page at this address.")
	})
	return s.guard(mux), nil
}

// guard sets what every answer has, and refuses names that are not the shop's: behind
// any other, a page of somebody else could be talking.
func (s *site) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(s.Origins, origin(r)) {
			http.Error(w, "This site does not answer for that host.", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin") // the address after a login has a ticket in it
		h.Set("Cache-Control", "no-store")
		if strings.HasPrefix(r.URL.Path, "/static/") {
			h.Set("Cache-Control", "max-age=300")
		}
		next.ServeHTTP(w, r)
	})
}

// origin is where the browser believes to be. The demo's shop has no TLS.
func origin(r *http.Request) string { return "http://" + strings.ToLower(r.Host) }

// page is what every page has beside its own content.
type page struct {
	Login string
	Nonce string // of the scripts on it
	At    string // the name of its template
	Own   any
}

// show writes the page of a template. Its policy lets the login server's script run, ask
// that server by every way it knows, and show its pictures and its frame; nothing else.
func (s *site) show(w http.ResponseWriter, status int, name string, own any) {
	p := page{Login: s.Login, Nonce: rand.Text(), At: name, Own: own}
	var body bytes.Buffer
	if err := s.pages.ExecuteTemplate(&body, name, p); err != nil {
		s.Log.Error("demo site: a page failed", "page", name, "error", err)
		http.Error(w, "This page is broken. Please try again.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'",
		"script-src 'nonce-" + p.Nonce + "' " + s.Login,
		"connect-src 'self' " + s.Login,
		"img-src 'self' " + s.Login,
		"frame-src " + s.Login,
		"style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
	}, "; "))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // whoever went away reads nothing
}

// trouble is a page of words alone.
type trouble struct{ Title, What string }

func (s *site) problem(w http.ResponseWriter, status int, title, what string) {
	s.show(w, status, "problem", trouble{Title: title, What: what})
}
