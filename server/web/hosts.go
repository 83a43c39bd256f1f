package web

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// proxies are the networks whose X-Forwarded-* headers are believed. Everybody can
// write such a header, so from any other address it means nothing.
type proxies []*net.IPNet

// trusts tells whether the peer of r is one of ours.
func (p proxies) trusts(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && slices.ContainsFunc(p, func(n *net.IPNet) bool { return n.Contains(ip) })
}

// host is the name that the client asked for.
func (p proxies) host(r *http.Request) string {
	if forwarded := nearest(r, "X-Forwarded-Host"); forwarded != "" && p.trusts(r) {
		return forwarded
	}
	return r.Host
}

// secure tells whether the client came by https.
func (p proxies) secure(r *http.Request) bool {
	return r.TLS != nil || nearest(r, "X-Forwarded-Proto") == "https" && p.trusts(r)
}

// nearest takes what the nearest proxy has appended, be it to a list or as a line of
// its own: the client's own words come before it. header is in its canonical form.
func nearest(r *http.Request, header string) string {
	lines := r.Header[header]
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// clientAddress walks X-Forwarded-For from the right and stops at the first address
// that is not a proxy of ours. A spoofed entry further left changes nothing.
func clientAddress(trusted []*net.IPNet) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, n := range trusted {
		options = append(options, echo.TrustIPRange(n))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// hosts are the names that this server answers for: a page that another name leads to
// here must not be able to speak for us.
type hosts struct {
	proxies  proxies
	standard string   // the port that goes without saying
	names    []string // without it
	further  []string // those of --host: one without a port matches at any port
	anyHost  bool
}

func newHosts(o Options, p proxies) hosts {
	h := hosts{proxies: p, standard: ":80", anyHost: slices.Contains(o.Hosts, "*")}
	if o.PublicURL.Scheme == "https" {
		h.standard = ":443"
	}
	h.names = []string{h.bare(o.PublicURL.Host)}
	for _, name := range o.Hosts {
		h.further = append(h.further, strings.ToLower(name))
	}
	if o.Loopback {
		port := ""
		if o.PublicURL.Port() != "" {
			port = ":" + o.PublicURL.Port()
		}
		for _, name := range []string{"127.0.0.1", "[::1]", "localhost"} {
			h.names = append(h.names, h.bare(name+port))
		}
	}
	return h
}

// bare writes a host as a URL of ours does.
func (h *hosts) bare(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), h.standard)
}

// know tells whether a request is for us. What comes after it finds in r.Host the name
// that the client asked for.
func (h *hosts) know(r *http.Request) bool {
	host := h.proxies.host(r)
	name := strings.ToLower(host)
	known := slices.Contains(h.names, h.bare(host)) || slices.Contains(h.further, name) || slices.Contains(h.further, withoutPort(name))
	if host == "" || !known && !h.anyHost {
		return false
	}
	r.Host = host
	return true
}

// withoutPort gives the name alone.
func withoutPort(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return host
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}
