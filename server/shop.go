package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"qrlatch/server/demosite"
	"qrlatch/server/login"
)

const (
	shopID      = "shop"
	shopTimeout = 10 * time.Second // of a call to the login server
)

// shop is the demo's site beside this server: a listener of its own, and another site
// than ours to browsers, which call one of us 127.0.0.1 and the other localhost.
type shop struct {
	listener
	origins []string // the first is the one to open
	secret  string
	client  *http.Client // for its calls to us
}

// openShop listens on the port after the public listener's, or on any free one if that
// is taken. On a LAN, phones know neither of us by another name than the address.
func (c *config) openShop(public listener, publicURL *url.URL) (*shop, error) {
	host, port, err := net.SplitHostPort(public.Addr().String())
	if err != nil {
		return nil, err
	}
	next := "0"
	if _, given, _ := net.SplitHostPort(c.listen); given != "0" {
		n, _ := strconv.Atoi(port) // it is a listener's
		next = strconv.Itoa(n + 1)
	}
	if _, admin, _ := net.SplitHostPort(c.adminListen); next == admin {
		next = "0"
	}
	l, err := listen(net.JoinHostPort(host, next))
	if err != nil {
		l, err = listen(net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, err
	}
	own := l.Addr().String()
	_, port, _ = net.SplitHostPort(own)
	s := &shop{listener: l, secret: "demo-secret", origins: []string{"http://localhost:" + port, "http://" + own}}
	if !l.loopback() {
		s.secret, s.origins = rand.Text(), s.origins[1:]
	} else if publicURL.Hostname() == "localhost" {
		slices.Reverse(s.origins)
	}
	s.client = &http.Client{Timeout: shopTimeout, Transport: c.shortCut(public, publicURL)}
	return s, nil
}

// shortCut leads calls for the public URL straight to our listener: from here there may
// be no way there, or one through a proxy that knows no way back.
type shortCut struct {
	*http.Transport
	scheme, addr string
}

func (c *config) shortCut(public listener, publicURL *url.URL) shortCut {
	s := shortCut{Transport: new(http.Transport), scheme: "http", addr: public.Addr().String()}
	if c.certificate.Leaf != nil { // is good enough, whoever has signed it
		roots := x509.NewCertPool()
		roots.AddCert(c.certificate.Leaf)
		s.scheme = "https"
		s.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: publicURL.Hostname(), MinVersion: tls.VersionTLS12}
	}
	return s
}

func (s shortCut) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.URL.Scheme, r.URL.Host = s.scheme, s.addr
	return s.Transport.RoundTrip(r)
}

// app is what the shop is registered as.
func (s *shop) app() login.App {
	a := login.App{
		ID: shopID, Name: "Harbour Books", Origins: s.origins,
		Secret: sha256.Sum256([]byte(s.secret)), Disclose: login.DiscloseAvatar,
		LogoutURL: "http://" + s.Addr().String() + "/signed-out",
	}
	for _, origin := range s.origins {
		a.RedirectURIs = append(a.RedirectURIs, origin+"/signed-in")
	}
	return a
}

// server returns the HTTP server of the shop. With phone, it leads people to the demo's.
func (s *shop) server(publicURL string, phone bool, l *limits, log *slog.Logger) (*http.Server, error) {
	handler, err := demosite.New(demosite.Options{
		Login: publicURL, Client: s.client, App: shopID, Secret: s.secret,
		Origins: s.origins, DemoPhone: phone, Log: log,
	})
	if err != nil {
		return nil, err
	}
	server := l.newServer(handler, log)
	server.RegisterOnShutdown(s.client.CloseIdleConnections)
	return server, nil
}
