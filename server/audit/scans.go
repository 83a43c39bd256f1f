package audit

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

func scanChecks() []Check {
	return []Check{
		{"S1", "what the picture says opens nothing, in any dialect", "OWASP QRLjacking; RFC 10027", photographed},
		{"S2", "a code drawn from the login id lets in only the cookie jar that began", "RFC 10027", selfDrawn},
		{"S3", "looking at a code changes nothing (GET, HEAD, crawlers)", "RFC 9110, section 9.2.1", looked},
		{"S4", "the first phone that scans keeps the login", "RFC 8628, section 5.5", firstScan},
		{"S5", "a ticket is good once", "RFC 9700, section 2.1.1", ticketTwice},
		{"S6", "unknown and malformed ids get one answer", "OWASP ASVS", oracle},
	}
}

// photographed tries each value of each picture wherever an id or a ticket is taken.
func photographed(ctx context.Context, t *Target) (Result, error) {
	doors := t.dialects
	if hasDialect(t, "WebSocket") {
		resume := webSocket()
		resume.name = "WebSocket resume"
		resume.poll = func(id string) request { return upgrade("/v1/ws?" + with(nil, "resume", id)) }
		doors = append(doors[:len(doors):len(doors)], resume)
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
		return each(values(text), func(value string) error {
			in, err := t.redeem(ctx, cgi+"webwxnewloginpage?"+with(nil, "ticket", value, "fun", "new"), false)
			if in {
				seen.bad("the ticket page", "it takes %s of the picture of %s", short(value), d.name)
			}
			if err != nil {
				return err
			}
			return each(doors, func(door dialect) error {
				got, err := t.hears(ctx, door, value)
				switch {
				case err != nil:
				case got == live || got == approved:
					seen.bad(door.name, "it takes %s of the picture of %s", short(value), d.name)
				case got == unclear:
					seen.unsure(door.name, "it says the same of any id")
				default:
					seen.ok(d.name, "its picture opens nothing")
				}
				return err
			})
		})
	})
	return seen.result("Put an independent, short-lived value into the picture; whoever photographs the screen has it too."), err
}

func hasDialect(t *Target, name string) bool {
	for _, d := range t.dialects {
		if d.name == name {
			return true
		}
	}
	return false
}

// selfDrawn scans the login id itself, as of a client that draws the code from it. The id
// is then on a screen, so polling with it alone must not do.
func selfDrawn(ctx context.Context, t *Target) (Result, error) {
	if why := t.noPhone(); why != "" {
		return skipped("%s", why), nil
	}
	if !hasDialect(t, "WeChat") {
		return skipped("no WeChat dialect here, and clients of no other draw the code themselves"), nil
	}
	d := wechat()
	b, err := t.mustBegin(ctx, d)
	if err != nil {
		return Result{}, err
	}
	s, err := t.scannedText(ctx, t.phones[0], strings.TrimSuffix(t.base.String(), "/")+"/l/"+b.id, nil)
	if err != nil {
		return pass("the login id cannot be scanned"), nil //nolint:nilerr // that is the promise
	}
	if err := t.approve(ctx, t.phones[0], b, s, nil); err != nil {
		t.deny(ctx, t.phones[0], s)
		return skipped("%s", plainly(err)), nil
	}
	var seen tally
	err = each(t.dialects, func(d dialect) error {
		a, err := t.poll(ctx, d, b.id)
		if err == nil && d.read(a) == approved {
			seen.bad(d.name, "whoever polls with the id that was on the screen is let in")
		}
		return err
	})
	seen.ok("", "the login id was scanned and approved, and without the cookie it collects nothing")
	return seen.result("Bind such logins to a SameSite=Strict cookie of the start, and answer everybody else as if the id were unknown."), err
}

// crawlers open links that pass through mail and chats before any person does.
func crawlers() []string {
	return []string{"", "facebookexternalhit/1.1", "Slackbot-LinkExpanding 1.0", "WhatsApp/2.23", "TelegramBot (like TwitterBot)", "Googlebot/2.1"}
}

func looked(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.starters(), func(d dialect) error {
		b, err := t.mustBegin(ctx, d)
		if err != nil {
			return err
		}
		text, why, err := t.says(ctx, b)
		if err != nil {
			return err
		}
		link, ok := t.local(text)
		if why != "" || !ok || !strings.Contains(text, "://") {
			seen.unsure(d.name, "its code is no link to this server")
			return nil
		}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			for _, agent := range crawlers() {
				if _, err := t.ask(ctx, request{method: method, path: link, header: headers("User-Agent", agent)}); err != nil {
					return err
				}
			}
		}
		a, err := t.poll(ctx, d, b.id)
		if err != nil {
			return err
		}
		if marked(d, a) {
			seen.bad(d.name, "after GET and HEAD of the link the login is no longer pending")
		} else {
			seen.ok(d.name, "the login still waits after %d looks", 2*len(crawlers()))
		}
		return nil
	})
	return seen.result("Mark a login as scanned only by a POST of a signed-in phone: link previews open every link."), err
}

// marked tells whether a poll's answer is that of a login that something has happened to.
func marked(d dialect, a answer) bool {
	v, _ := object(a.body)
	code := wechatCode.FindStringSubmatch(a.body)
	switch {
	case a.held:
		return false
	case code != nil:
		return code[1] != "408"
	case v.Code != "":
		return v.Code != "10000"
	case v.State != "":
		return v.State != "pending"
	}
	return d.read(a) != live
}

func firstScan(ctx context.Context, t *Target) (Result, error) {
	if why := t.noPhone(); why != "" {
		return skipped("%s", why), nil
	}
	if len(t.phones) < 2 {
		return skipped("it takes a second phone token"), nil
	}
	b, err := t.mustBegin(ctx, t.starters()[0])
	if err != nil {
		return Result{}, err
	}
	text, why, err := t.says(ctx, b)
	if err != nil || why != "" {
		return skipped("%s", why), err
	}
	s, err := t.scannedText(ctx, t.phones[0], text, nil)
	if err != nil {
		return skipped("%s", plainly(err)), nil
	}
	defer t.deny(ctx, t.phones[0], s)
	var seen tally
	for path, body := range map[string]members{"/v1/scans": {"code": text}, "/v1/scans/" + s.ID + "/approve": {}, "/v1/scans/" + s.ID + "/deny": {}} {
		a, err := t.post(ctx, path, t.phones[1], body)
		if err != nil {
			return Result{}, err
		}
		var other scan
		_ = json.Unmarshal([]byte(a.body), &other) // an error has no id either
		switch verb := strings.TrimPrefix(path, "/v1/scans/"+s.ID+"/"); {
		case a.status >= 300:
			seen.ok("", "a second phone can neither scan nor decide it")
		case verb == path:
			seen.bad("", "a second phone scans the same code")
		default:
			seen.bad("", "a second phone can %s the first one's scan", verb)
		}
	}
	return seen.result("Lock a login to the first phone that scans it; everybody else gets 409 or 403."), nil
}

func ticketTwice(ctx context.Context, t *Target) (Result, error) {
	if why := t.noPhone(); why != "" {
		return skipped("%s", why), nil
	}
	d := t.starters()[0]
	b, err := t.letIn(ctx, d)
	var page string
	if err == nil {
		page, err = t.collect(ctx, d, b)
	}
	if err != nil {
		return skipped("%s", plainly(err)), nil
	}
	again, err := t.redeem(ctx, page, true)
	if err != nil {
		return Result{}, err
	}
	var seen tally
	if again {
		seen.bad("", "another client is let in by the same ticket")
	} else {
		seen.ok("", "another client with the same ticket is refused")
	}
	return seen.result("Redeem a ticket once; when another client brings it again, refuse it and end the session."), nil
}

// oracle compares what is said of ids that cannot be and of ids that could be.
func oracle(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	err := each(t.dialects, func(d dialect) error {
		id := t.anID(d)
		unknown := like(id)
		says := map[string]answer{}
		for name, tried := range map[string]string{"unknown": unknown, "malformed": "qrlatch-audit", "cut off": unknown[:len(unknown)-1], "too long": unknown + "A"} {
			a, err := t.poll(ctx, d, tried)
			if err != nil {
				return err
			}
			a.body = strings.ReplaceAll(a.body, tried, "ID")
			says[name] = a
		}
		for name, a := range says {
			if one := says["unknown"]; a.status != one.status || a.body != one.body {
				seen.bad(d.name, "%s ids get another answer than unknown ones", name)
			}
		}
		seen.ok(d.name, "it says the same of all")
		return nil
	})
	return seen.result("Give unknown, malformed, expired and foreign ids the same status and body."), err
}
