package audit

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
)

func headerChecks() []Check {
	return []Check{
		{"H1", "answers have a type, and browsers do not guess another", "WHATWG Fetch (nosniff)", typed},
		{"H2", "nothing of a login is kept by caches", "RFC 9111", unstored},
		{"H3", "pages of other origins cannot read answers", "WHATWG Fetch (CORS)", crossOrigin},
		{"H4", "pages of other origins cannot open sockets", "RFC 6455, section 10.2", foreignSocket},
		{"H5", "the page where people approve cannot be framed", "OWASP Clickjacking", framed},
		{"H6", "cookies are HttpOnly, SameSite and, on https, Secure", "RFC 6265bis", cookies},
		{"H7", "secrets travel encrypted", "RFC 6797; RFC 8996", encrypted},
	}
}

// known are the answers that had to do with logins since the audit's beginning: of each
// dialect at least a start, a poll and a picture.
func (t *Target) known(ctx context.Context) ([]answer, error) {
	err := each(t.dialects, func(d dialect) error {
		_, err := t.control(ctx, d)
		if err == nil && d.start != nil {
			_, _, err = t.says(ctx, t.firsts[d.name])
		}
		return err
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.answers), err
}

func typed(ctx context.Context, t *Target) (Result, error) {
	all, err := t.known(ctx)
	var seen tally
	for _, a := range all {
		switch {
		case a.body == "": // nothing to take for something else
		case a.kind() == "":
			seen.bad(a.from, "no Content-Type")
		case a.kind() == "text/html":
			seen.bad(a.from, "it is text/html")
		case !strings.EqualFold(a.header.Get("X-Content-Type-Options"), "nosniff"):
			seen.bad(a.from+" ("+a.kind()+")", "no nosniff")
		default:
			seen.ok(a.from, "typed, and nosniff")
		}
	}
	return seen.result("Name the type (text/javascript, application/json, image/…) and send X-Content-Type-Options: nosniff."), err
}

func unstored(ctx context.Context, t *Target) (Result, error) {
	all, err := t.known(ctx)
	var seen tally
	for _, a := range all {
		switch {
		case a.status == http.StatusSwitchingProtocols:
		case !strings.Contains(strings.ToLower(a.header.Get("Cache-Control")), "no-store"):
			seen.bad(a.from, "caches may keep it")
		default:
			seen.ok(a.from, "no-store")
		}
	}
	return seen.result("Send Cache-Control: no-store with everything that belongs to one login, pictures too."), err
}

const evil = "https://audit-evil.example"

func crossOrigin(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each([]string{evil, "null"}, func(origin string) error {
		look := func(name string, q request) error {
			if q.header == nil {
				q.header = http.Header{}
			}
			q.header.Set("Origin", origin)
			a, err := t.ask(ctx, q)
			if allowed := a.header.Get("Access-Control-Allow-Origin"); allowed == "*" || allowed == origin {
				seen.bad(name, "pages of %s may read it (Access-Control-Allow-Origin: %s)", origin, allowed)
			} else if err == nil {
				seen.ok(name, "no other origin may read it")
			}
			return err
		}
		for _, d := range t.dialects {
			if d.name == "WebSocket" {
				continue // CORS means nothing to it: H4
			}
			if err := look("poll of "+d.name, d.poll(like(t.anID(d)))); err != nil {
				return err
			}
			if d.start == nil {
				continue
			}
			q := d.start(t.app, nil)
			if err := look("start of "+d.name, q); err != nil {
				return err
			}
			preflight := request{method: http.MethodOptions, path: q.path, header: headers(
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")}
			if err := look("preflight of "+d.name, preflight); err != nil {
				return err
			}
		}
		return nil
	})
	return seen.result("Allow registered origins by name, never *, null or whatever was sent."), err
}

func foreignSocket(ctx context.Context, t *Target) (Result, error) {
	if !hasDialect(t, "WebSocket") {
		return skipped("no WebSocket here"), nil
	}
	var seen tally
	for _, origin := range []string{evil, "null"} {
		q := webSocket().poll(t.firsts["JSON"].id)
		q.header.Set("Origin", origin)
		a, err := t.ask(ctx, q)
		if err != nil {
			return Result{}, err
		}
		if a.status == http.StatusSwitchingProtocols {
			seen.bad("", "a page of %s opens a socket", origin)
		} else {
			seen.ok("", "a page of %s gets %d", origin, a.status)
		}
	}
	return seen.result("Compare Origin with the registered ones before the upgrade, and answer 403."), nil
}

// framed looks at the page behind the code and at the phone's own, as far as they are here.
func framed(ctx context.Context, t *Target) (Result, error) {
	paths := map[string]string{"/phone": "/phone"}
	for _, d := range t.starters() {
		text, _, err := t.says(ctx, t.firsts[d.name])
		if err != nil {
			return Result{}, err
		}
		if link, ok := t.local(text); ok && strings.Contains(text, "://") {
			paths["the page behind the code"] = link
			break
		}
	}
	var seen tally
	for name, path := range paths {
		a, err := t.askPage(ctx, name, path)
		if err != nil {
			return Result{}, err
		}
		switch {
		case a.kind() != "text/html":
		case unframed(a.header):
			seen.ok(name, "no foreign frames")
		default:
			seen.bad(name, "any page may frame it")
		}
	}
	return seen.result("Send Content-Security-Policy: frame-ancestors 'none' and, for old browsers, X-Frame-Options: DENY."), nil
}

// askPage asks as a browser that navigates.
func (t *Target) askPage(ctx context.Context, name, path string) (answer, error) {
	a, err := t.ask(ctx, request{path: path, header: headers("Accept", "text/html")})
	a.from = name
	return a, err
}

func unframed(h http.Header) bool {
	for _, policy := range h.Values("Content-Security-Policy") {
		for directive := range strings.SplitSeq(policy, ";") {
			words := strings.Fields(strings.ToLower(directive))
			if len(words) > 1 && words[0] == "frame-ancestors" {
				return !strings.Contains(" "+strings.Join(words[1:], " ")+" ", " * ") && !strings.Contains(directive, ": ") && words[1] != "https:"
			}
		}
	}
	option := strings.ToUpper(h.Get("X-Frame-Options"))
	return option == "DENY" || option == "SAMEORIGIN"
}

func cookies(ctx context.Context, t *Target) (Result, error) {
	all, err := t.known(ctx)
	if err != nil {
		return Result{}, err
	}
	page, err := t.askPage(ctx, "/phone", "/phone")
	if err != nil {
		return Result{}, err
	}
	var seen tally
	for _, a := range append(all, page) {
		for _, line := range a.header.Values("Set-Cookie") {
			c, err := http.ParseSetCookie(line)
			switch {
			case err != nil:
				seen.bad(a.from, "a cookie that browsers cannot read")
			case c.SameSite != http.SameSiteStrictMode && c.SameSite != http.SameSiteLaxMode && !c.Partitioned:
				seen.bad(c.Name, "the cookie goes along from other sites")
			case t.base.Scheme == "https" && !c.Secure:
				seen.bad(c.Name, "the cookie goes without TLS too")
			case !c.HttpOnly && a.from != "the ticket page": // whose clients read theirs by script
				seen.bad(c.Name, "scripts may read the cookie")
			default:
				seen.ok(c.Name, "as they should be")
			}
		}
	}
	if len(seen.wrong)+len(seen.fine) == 0 {
		return pass("no cookie is set"), nil
	}
	return seen.result("Set cookies with HttpOnly, SameSite=Lax or Strict, and Secure on https."), nil
}

// encrypted fails for clear text on a network and for TLS before 1.2. A missing
// Strict-Transport-Security is a hint: often a proxy sends it.
func encrypted(ctx context.Context, t *Target) (Result, error) {
	if t.base.Scheme != "https" {
		if here(t.base) {
			return skipped("plain http on this machine's own address"), nil
		}
		return Result{Fail, "tokens, tickets and cookies travel in the clear", "Serve https, by a certificate of your own or a proxy's."}, nil
	}
	a, err := t.ask(ctx, request{path: "/"})
	if err != nil {
		return Result{}, err
	}
	if old, ok := t.transport.(*http.Transport); ok && takesOldTLS(ctx, old.TLSClientConfig, t.base.Hostname(), t.base.Port()) {
		return Result{Fail, "it takes TLS 1.1 or older", "Let the server refuse anything before TLS 1.2."}, nil
	}
	if a.header.Get("Strict-Transport-Security") == "" {
		return pass("TLS 1.2 or newer; a hint: without Strict-Transport-Security the first visit may be by http"), nil
	}
	return pass("TLS 1.2 or newer, and Strict-Transport-Security"), nil
}

func takesOldTLS(ctx context.Context, config *tls.Config, name, port string) bool {
	old := &tls.Config{}
	if config != nil {
		old = config.Clone()
	}
	old.MinVersion, old.MaxVersion, old.NextProtos = tls.VersionTLS10, tls.VersionTLS11, nil
	if port == "" {
		port = "443"
	}
	conn, err := (&tls.Dialer{Config: old}).DialContext(ctx, "tcp", net.JoinHostPort(name, port))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
