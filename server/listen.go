package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"qrlatch/server/park"
)

// listener is a TCP listener that is closed once, and serves one server.
type listener struct {
	net.Listener
	left chan struct{} // closed when the server takes no more from it
}

func listen(address string) (listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return listener{}, fmt.Errorf("listen: %w", err)
	}
	if tcp, ok := l.(*net.TCPListener); ok {
		l = door{tcp}
	}
	return listener{l, make(chan struct{})}, nil
}

func (l listener) close() { _ = l.Close() } // Shutdown has closed it already

func (l listener) serve(s *http.Server) error {
	defer close(l.left)
	var err error
	if s.TLSConfig != nil {
		err = s.ServeTLS(l.Listener, "", "")
	} else {
		err = s.Serve(l.Listener)
	}
	return ended(err)
}

// ended is the error of a server that has ended, but for an end that was wanted.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// park is serve for a server whose connections wait in a lot. Those with TLS cannot: its
// state is larger than what is saved.
func (l listener) park(s *http.Server, lot *park.Lot) error {
	if s.TLSConfig != nil {
		return l.serve(s)
	}
	defer close(l.left)
	return ended(lot.Serve(s, l.Listener))
}

func (l listener) loopback() bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// address is the public URL, or what the listener makes of it.
func (c *config) address(l listener) (*url.URL, error) {
	text := c.publicURL
	if text == "" {
		text = "http://" + l.Addr().String()
		if c.tlsCert != "" {
			text = "https://" + l.Addr().String()
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	// Written as browsers write it, so that origins and Hosts compare equal.
	if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return u, nil
}

func (c *config) listenOnLAN() error {
	ip, err := lanAddress()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(c.listen)
	if err != nil {
		return err
	}
	c.listen = net.JoinHostPort(ip, port)
	return nil
}
