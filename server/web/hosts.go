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
// its own: the client's own words come before it.
func nearest(r *http.Request, header string) string {
	lines := r.Header.Values(header)
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

// knownHosts refuses requests for a Host that is not ours (421): a page that another
// name leads to here must not be able to speak for us. What comes after it finds in
// r.Host the name that the client asked for.
func knownHosts(o Options, p proxies) echo.MiddlewareFunc {
	anyHost := slices.Contains(o.Hosts, "*")
	standard := ":80"
	if o.PublicURL.Scheme == "https" {
		standard = ":443"
	}
	// bare writes a host as a URL of ours does: without the port that goes without saying.
	bare := func(host string) string { return strings.TrimSuffix(strings.ToLower(host), standard) }

	names := []string{bare(o.PublicURL.Host)}
	var further []string // those of --host: one without a port matches at any port
	for _, h := range o.Hosts {
		further = append(further, strings.ToLower(h))
	}
	if o.Loopback {
		port := ""
		if o.PublicURL.Port() != "" {
			port = ":" + o.PublicURL.Port()
		}
		for _, name := range []string{"127.0.0.1", "[::1]", "localhost"} {
			names = append(names, bare(name+port))
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			host := p.host(c.Request())
			name := strings.ToLower(host)
			known := slices.Contains(names, bare(host)) || slices.Contains(further, name) || slices.Contains(further, withoutPort(name))
			if host == "" || !known && !anyHost {
				return c.String(http.StatusMisdirectedRequest, "This server does not answer for that host.\n")
			}
			c.Request().Host = host
			return next(c)
		}
	}
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
