package audit

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// study is the source of F1 to F6; the doc comment of the package names it in full.
const study = "USENIX Security 2025"

func studyChecks() []Check {
	return []Check{
		{"F1", "the login id is bound to its browser, or is its secret", study, unbound},
		{"F2", "a code and its login are good for one login", study, reusable},
		{"F3", "login ids cannot be guessed", study, predictable},
		{"F4", "the server alone makes login ids", study, controllable},
		{"F5", "only a checked token speaks for a person", study, unproved},
		{"F6", "answers before the approval tell nothing of the person", study, talkative},
	}
}

// unbound polls with a browser's id from another session. A server that answers must not
// have shown that id to anybody else, and the picture is there for everybody to see.
func unbound(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.starters(), func(d dialect) error {
		b, err := t.mustBegin(ctx, d)
		if err != nil {
			return err
		}
		got, err := t.hears(ctx, d, b.id)
		if err != nil {
			return err
		}
		if got == dead {
			seen.ok(d.name, "another session is refused")
			return nil
		}
		text, why, err := t.says(ctx, b)
		switch {
		case err != nil:
			return err
		case got == unclear:
			seen.unsure(d.name, "its answers do not tell known ids from unknown ones")
		case why != "":
			seen.unsure(d.name, "another session is answered, and %s", why)
		case strings.Contains(text, b.id):
			seen.bad(d.name, "the id %s is in the picture, and any other session may poll it", short(b.id))
		default:
			seen.ok(d.name, "whoever has the id may poll, and the picture does not show it")
		}
		return nil
	})
	return seen.result("Put another value than the login id into the picture, or bind the id to a cookie and check it at each poll."), err
}

// reusable plays a login to its end, then polls and scans once more.
func reusable(ctx context.Context, t *Target) (Result, error) {
	if why := t.noPhone(); why != "" {
		return skipped("%s", why), nil
	}
	var seen tally
	err := each(t.starters(), func(d dialect) error {
		b, err := t.mustBegin(ctx, d)
		if err != nil {
			return err
		}
		text, why, err := t.says(ctx, b)
		if err != nil || why != "" {
			seen.unsure(d.name, "%s", why)
			return err
		}
		s, err := t.scannedText(ctx, t.phones[0], text, nil)
		if err == nil {
			err = t.approve(ctx, t.phones[0], b, s, nil)
		}
		var page string
		if err == nil {
			page, err = t.collect(ctx, d, b)
		}
		if err != nil {
			seen.unsure(d.name, "%s", plainly(err))
			return nil
		}
		a, err := t.poll(ctx, d, b.id)
		if err != nil {
			return err
		}
		again, scanErr := t.scannedText(ctx, t.phones[0], text, nil)
		switch got := d.read(a); {
		case got == approved:
			seen.bad(d.name, "after the login a repeated poll still says where to go")
		case got == live || got == held:
			seen.bad(d.name, "after the login its id waits for another one")
		case scanErr == nil && (again.State == "" || again.State == "pending" || again.State == "scanned"):
			seen.bad(d.name, "after the login its code can be scanned again")
			t.deny(ctx, t.phones[0], again)
		default:
			seen.ok(d.name, "after the login neither id nor code is good for anything")
		}
		_, err = t.redeem(ctx, page, true) // from elsewhere: a server that keeps its promise ends the session of this audit
		return err
	})
	return seen.result("End the login at its first redemption: later polls get the answer of an unknown id, later scans are refused."), err
}

// controllable names an id at the start, under every name that the field uses.
func controllable(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.starters(), func(d dialect) error {
		mine := like(t.firsts[d.name].id)
		names := url.Values{}
		for _, name := range []string{"id", "uuid", "random", "qrcode_id", "qrcodeId", "qrId", "sid", "session_id", "lgToken", "token", "key", "nonce"} {
			names.Set(name, mine)
		}
		b, err := t.begin(ctx, d, names)
		if err != nil {
			return err
		}
		got, err := t.hears(ctx, d, mine)
		switch {
		case err != nil:
			return err
		case b.id == mine:
			seen.bad(d.name, "a start with an id of the client's choice is given that id")
		case got == live || got == approved:
			seen.bad(d.name, "an id of the client's choice is polled like a login")
		default:
			seen.ok(d.name, "an id named by the client is ignored")
		}
		return nil
	})
	return seen.result("Draw every id on the server and refuse ids that it has not drawn."), err
}

// unproved claims to be somebody without a token that says so.
func unproved(ctx context.Context, t *Target) (Result, error) {
	const advice = "Take the person from the verified token alone: no token, no scan and no approval, whatever the body says."
	if len(t.starters()) == 0 {
		return skipped("no dialect that the audit knows is served here"), nil
	}
	d := t.starters()[0]
	b, err := t.mustBegin(ctx, d)
	if err != nil {
		return Result{}, err
	}
	text, why, err := t.says(ctx, b)
	if err != nil || why != "" {
		return skipped("%s", why), err
	}
	body := claims()
	body["code"] = text
	var seen tally
	for name, bearer := range forged() {
		a, err := t.post(ctx, "/v1/scans", bearer, body)
		if err != nil {
			return Result{}, err
		}
		switch {
		case a.status < 300:
			seen.bad("", "a scan with %s is taken", name)
		case missing(a):
			return skipped("its phones do not speak to /v1/scans, and the audit knows no other interface"), nil
		case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
			seen.ok("", "a scan with %s is refused", name)
		default:
			seen.unsure("", "a scan with %s gets %d", name, a.status)
		}
	}
	if len(t.phones) == 0 || seen.failed() {
		return seen.result(advice), nil
	}
	s, err := t.scannedText(ctx, t.phones[0], text, claims())
	if err != nil {
		return seen.result(advice), nil //nolint:nilerr // what was seen so far counts
	}
	for name, bearer := range forged() {
		a, err := t.post(ctx, "/v1/scans/"+url.PathEscape(s.ID)+"/approve", bearer, claims())
		if err != nil {
			return Result{}, err
		}
		if a.status < 300 {
			seen.bad("", "an approval with %s is taken", name)
		} else {
			seen.ok("", "so is an approval")
		}
	}
	if seen.failed() {
		return seen.result(advice), nil
	}
	if err := t.approve(ctx, t.phones[0], b, s, claims()); err != nil {
		return seen.result(advice), nil //nolint:nilerr // what was seen so far counts
	}
	a, err := t.poll(ctx, d, b.id)
	if strings.Contains(a.body, somebody) {
		seen.bad("", "who is let in is whom the phone's body names")
	}
	return seen.result(advice), err
}

// talkative reads what the browser is told before anybody has approved.
func talkative(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.starters(), func(d dialect) error {
		b, err := t.mustBegin(ctx, d)
		if err != nil {
			return err
		}
		told := []answer{b.answer}
		var s scan
		if len(t.phones) > 0 {
			if s, err = t.scanned(ctx, t.phones[0], b, nil); err != nil {
				seen.unsure(d.name, "%s", plainly(err))
			}
		}
		a, err := t.poll(ctx, d, b.id)
		if err != nil {
			return err
		}
		if s.ID != "" {
			t.deny(ctx, t.phones[0], s)
		}
		found := slices.Concat(sensitive(told[0].body), sensitive(a.body))
		switch {
		case len(found) > 0:
			seen.bad(d.name, "before the approval it says %s", strings.Join(found, ", "))
		case s.ID == "" && len(t.phones) > 0:
		case s.ID == "":
			seen.ok(d.name, "nothing before a scan (no phone token given to look at after it)")
		default:
			seen.ok(d.name, "nothing before and after a scan")
		}
		return nil
	})
	return seen.result("Tell the browser no more than the state until the person has approved: no id, telephone number, e-mail address or credential."), err
}
