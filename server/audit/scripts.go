package audit

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

func scriptChecks() []Check {
	return []Check{
		{"J1", "a callback is a plain name, and nothing else is repeated", "CVE-2014-4671; OWASP XSS", callbacks},
		{"J2", "a script answer does not begin with the caller's bytes", "CVE-2014-4671", prefixed},
		{"J3", "what the caller sends is escaped in scripts", "OWASP XSS", escaped},
		{"J4", "a script answer cannot be fetched under another file name", "Reflected File Download (Hafif, 2014)", download},
	}
}

// badCallbacks are names that are none: code, marks, and a long run of letters as in a
// Flash file of letters only.
func badCallbacks() []string {
	return []string{
		"<script>alert(1)</script>", "alert(1)//", "a;b", "a[0]", "a b", `"a"`, "a\u2028b", "é", "1a", "a..b", "a.", "a=b", "a`b`",
		strings.Repeat("CWSMIKI0", 40),
	}
}

func (t *Target) withCallback() []dialect {
	var all []dialect
	for _, d := range t.starters() {
		if d.callback != "" {
			all = append(all, d)
		}
	}
	return all
}

// called asks for a start whose answer is a call of name. The app does not exist: an
// error calls the function too, and no login is left behind.
func (t *Target) called(ctx context.Context, d dialect, path, name string) (answer, error) {
	q := d.start("qrlatch-audit-no-such-app", url.Values{"callback": {name}})
	_, query, _ := strings.Cut(q.path, "?")
	return t.ask(ctx, request{path: path + "?" + query})
}

func callbacks(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.withCallback(), func(d dialect) error {
		return each(badCallbacks(), func(name string) error {
			a, err := t.called(ctx, d, d.callback, name)
			switch {
			case err != nil:
			case strings.Contains(a.body, name) && (a.status < 400 || a.kind() == "text/html"):
				seen.bad(d.name, "it repeats the callback %q", name[:min(len(name), 30)])
			default:
				seen.ok(d.name, "%d names that are none are refused", len(badCallbacks()))
			}
			return err
		})
	})
	return seen.result(`Take only ^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*){0,3}$ of at most 64 characters, else answer 400 without the name.`), err
}

func prefixed(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.withCallback(), func(d dialect) error {
		a, err := t.called(ctx, d, d.callback, callbackName)
		switch {
		case err != nil:
		case strings.HasPrefix(strings.TrimSpace(a.body), callbackName):
			seen.bad(d.name, "it begins with the callback")
		case strings.Contains(a.body, callbackName):
			seen.ok(d.name, "it begins with bytes of its own")
		default:
			seen.unsure(d.name, "it did not call %s", callbackName)
		}
		return err
	})
	return seen.result("Begin every such answer with /**/."), err
}

// hostile is what must not come back as it is: it would end a script, a string or a line.
func hostile() []string {
	return []string{"zq</script><svg onload=1>", `zq";alert(1);//`, "zq';alert(1);//", "zq\u2028alert(1)"}
}

func escaped(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.starters(), func(d dialect) error {
		if d.name == "JSON" {
			return nil // no script
		}
		return each(hostile(), func(text string) error {
			start := d.start(text, url.Values{"lang": {text}, "state": {text}, "redirect_uri": {text}})
			for _, q := range []request{start, d.poll(text)} {
				a, err := t.ask(ctx, q)
				if err != nil {
					return err
				}
				if strings.Contains(a.body, text) {
					seen.bad(d.name, "it repeats %q as it is", text[:min(len(text), 10)]+"…")
				} else {
					seen.ok(d.name, "nothing is repeated that would end a string or a script")
				}
			}
			return nil
		})
	})
	return seen.result("Escape quotes, <, >, U+2028 and U+2029 in every value, or repeat none."), err
}

func download(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.withCallback(), func(d dialect) error {
		a, err := t.called(ctx, d, d.callback+";/setup.bat", "calc")
		switch {
		case err != nil:
		case a.status == http.StatusOK && strings.Contains(a.body, "calc("):
			seen.bad(d.name, "it answers at …;/setup.bat too")
		default:
			seen.ok(d.name, "it answers at its own address only (%d)", a.status)
		}
		return err
	})
	return seen.result("Match paths exactly and send Content-Disposition: attachment; filename=\"f.txt\"."), err
}
