package audit

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

func siteChecks() []Check {
	return []Check{
		{"N1", "other host names get no answer and get into none", "RFC 9110, section 7.4", hosts},
		{"N2", "a redirect_uri is one of the registered, byte for byte", "RFC 9700, section 2.1", redirects},
		{"N3", "metrics, profiles and files of the operator are not public", "OWASP ASVS", admin},
	}
}

const evilHost = "audit-evil.example"

func hosts(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	forwarded := []http.Header{nil}
	for _, name := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Host", "X-Forwarded-Server", "X-HTTP-Host-Override"} {
		forwarded = append(forwarded, headers(name, evilHost))
	}
	forwarded = append(forwarded, headers("Forwarded", "host="+evilHost))
	err := each(forwarded, func(h http.Header) error {
		q := request{path: "/"}
		if all := t.starters(); len(all) > 0 {
			q = all[len(all)-1].start(t.app, nil)
		}
		name := "Host"
		if h == nil {
			q.host = evilHost
		}
		for given := range h {
			name = given
			if q.header == nil {
				q.header = http.Header{}
			}
			q.header.Set(given, h.Get(given))
		}
		a, err := t.ask(ctx, q)
		if err != nil {
			if h == nil {
				seen.ok("", "a foreign Host is hung up on")
				return nil
			}
			return err
		}
		switch {
		case strings.Contains(a.body, evilHost) || strings.Contains(a.header.Get("Location"), evilHost):
			seen.bad("", "a foreign %s gets into the answer", name)
		case h == nil && len(t.starters()) > 0 && a.status < 400:
			seen.bad("", "a foreign Host is answered (%d)", a.status)
		case h == nil:
			seen.ok("", "a foreign Host gets %d", a.status)
		default:
			seen.ok(name, "it changes nothing")
		}
		return nil
	})
	return seen.result("Answer 421 to every Host but your own, and make absolute URLs of a configured address only."), err
}

// mutations of an address that is registered, or could be.
func mutations(good string) []string {
	u, err := url.Parse(good)
	if err != nil {
		return nil
	}
	host, rest := u.Host, u.RequestURI()
	return []string{
		evil + "/", evil + rest, u.Scheme + "://" + host + "." + evilHost + rest, u.Scheme + "://" + host + "@" + evilHost + rest,
		u.Scheme + "://" + evilHost + `\@` + host + rest, evil + "#" + good, evil + "?" + good, "//" + evilHost + rest,
		"javascript:alert(1)//" + good, "data:text/html,audit", good + "/", good + "/../audit", good + "%2f..%2faudit",
		good + "?next=" + evil, good + "#audit", "ftp://" + host + rest, strings.ToUpper(good), u.Scheme + "://" + u.Hostname() + ":1" + rest,
	}
}

func redirects(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	good := strings.TrimSuffix(t.base.String(), "/") + cgi + "webwxnewloginpage"
	err := each(t.starters(), func(d dialect) error {
		if d.name == "Taobao" {
			return nil // its start names no redirect_uri
		}
		return each(mutations(good), func(uri string) error {
			b, err := t.begin(ctx, d, url.Values{"redirect_uri": {uri}})
			switch {
			case err != nil:
			case b.id != "":
				seen.bad(d.name, "it starts a login for %s", uri)
			default:
				seen.ok(d.name, "%d addresses that are not registered are refused", len(mutations(good)))
			}
			return err
		})
	})
	return seen.result("Refuse the start unless redirect_uri equals a registered one, byte for byte (also if it would be ignored: its sender is mistaken)."), err
}

// private are addresses for operators, each with what its content looks like: many
// servers answer 200 for any path.
func private() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"/metrics":          regexp.MustCompile(`(?m)^# (HELP|TYPE) `),
		"/debug/pprof/":     regexp.MustCompile(`(?i)goroutine|/debug/pprof`),
		"/debug/vars":       regexp.MustCompile(`"memstats"`),
		"/actuator":         regexp.MustCompile(`"_links"`),
		"/actuator/env":     regexp.MustCompile(`"propertySources"`),
		"/server-status":    regexp.MustCompile(`(?i)server uptime|scoreboard`),
		"/readyz":           regexp.MustCompile(`(?i)^(not )?ready`),
		"/.git/HEAD":        regexp.MustCompile(`^ref: `),
		"/.env":             regexp.MustCompile(`(?m)^[A-Z_]+=`),
		"/swagger-ui.html":  regexp.MustCompile(`(?i)swagger`),
		"/phpinfo.php":      regexp.MustCompile(`(?i)php version`),
		"/jolokia/version":  regexp.MustCompile(`"agent"`),
		"/console/":         regexp.MustCompile(`(?i)h2 console|weblogic`),
		"/druid/index.html": regexp.MustCompile(`(?i)druid`),
	}
}

func admin(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	var paths []string
	for path := range private() {
		paths = append(paths, path)
	}
	err := each(paths, func(path string) error {
		a, err := t.ask(ctx, request{path: path})
		switch {
		case err != nil:
		case a.status == http.StatusOK && private()[path].MatchString(a.body):
			seen.bad(path, "open to everybody")
		default:
			seen.ok("", "none of %d addresses for operators answers", len(paths))
		}
		return err
	})
	return seen.result("Serve these on a listener of their own, bound to this machine."), err
}
