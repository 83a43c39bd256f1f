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
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" && p.trusts(r) {
		return lastOf(forwarded)
	}
	return r.Host
}

// secure tells whether the client came by https.
func (p proxies) secure(r *http.Request) bool {
	return r.TLS != nil || lastOf(r.Header.Get("X-Forwarded-Proto")) == "https" && p.trusts(r)
}

// lastOf takes what the nearest proxy has appended.
func lastOf(list string) string {
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
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
// name leads to here must not be able to speak for us.
func knownHosts(o Options, p proxies) echo.MiddlewareFunc {
	anyHost := slices.Contains(o.Hosts, "*")
	names := []string{strings.ToLower(o.PublicURL.Host)}
	var further []string // those of --host: one without a port matches at any port
	for _, h := range o.Hosts {
		further = append(further, strings.ToLower(h))
	}
	if port := o.PublicURL.Port(); o.Loopback {
		for _, name := range []string{"127.0.0.1", "[::1]", "localhost"} {
			if port != "" {
				name += ":" + port
			}
			names = append(names, name)
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			host := strings.ToLower(p.host(c.Request()))
			if anyHost || slices.Contains(names, host) || slices.Contains(names, defaultPort(host)) ||
				slices.Contains(further, host) || slices.Contains(further, withoutPort(host)) {
				return next(c)
			}
			return c.String(http.StatusMisdirectedRequest, "This server does not answer for that host.\n")
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

// defaultPort removes a port that a URL would not write.
func defaultPort(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}
