package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// This file is the phone, on servers whose phones speak to /v1/scans. It scans, approves
// and denies logins that the audit has started, in the name of the tokens it was given.

// members are a body's.
type members map[string]string

func (t *Target) post(ctx context.Context, path, bearer string, body members) (answer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	q := request{method: http.MethodPost, path: path, body: string(text), header: headers("Content-Type", "application/json")}
	if bearer != "" {
		q.header.Set("Authorization", "Bearer "+bearer)
	}
	return t.ask(ctx, q)
}

// noPhone says why there is no phone to scan with; "" if there is one.
func (t *Target) noPhone() string {
	switch {
	case len(t.starters()) == 0:
		return "no dialect that the audit knows is served here"
	case len(t.phones) == 0:
		return "no phone token given (--phone-token FILE)"
	}
	return ""
}

// scan is a login that a phone has scanned, as the phone sees it.
type scan struct {
	ID, State      string
	NumberRequired bool `json:"number_required"`
}

// scanned scans what the picture of a login says. more is put into the body beside it.
func (t *Target) scanned(ctx context.Context, bearer string, b begun, more members) (scan, error) {
	text, why, err := t.says(ctx, b)
	if err != nil {
		return scan{}, err
	}
	if why != "" {
		return scan{}, errors.New(why)
	}
	return t.scannedText(ctx, bearer, text, more)
}

func (t *Target) scannedText(ctx context.Context, bearer, text string, more members) (scan, error) {
	body := members{"code": text}
	for name, value := range more {
		body[name] = value
	}
	a, err := t.post(ctx, "/v1/scans", bearer, body)
	if err != nil {
		return scan{}, err
	}
	var s scan
	if a.status >= 300 || json.Unmarshal([]byte(a.body), &s) != nil || s.ID == "" {
		return scan{}, fmt.Errorf("the phone's scan was refused (POST /v1/scans: %d)", a.status)
	}
	return s, nil
}

// approve says yes, with the number if one is asked for and the browser shows it.
func (t *Target) approve(ctx context.Context, bearer string, b begun, s scan, more members) error {
	body := members{}
	for name, value := range more {
		body[name] = value
	}
	if s.NumberRequired {
		a, err := t.poll(ctx, plainJSON(), b.id)
		if err != nil {
			return err
		}
		v, _ := object(a.body)
		if v.Number == "" {
			return errors.New("the phone must repeat a number that the audit does not see")
		}
		body["number"] = v.Number
	}
	a, err := t.post(ctx, "/v1/scans/"+url.PathEscape(s.ID)+"/approve", bearer, body)
	if err == nil && a.status >= 300 {
		err = fmt.Errorf("the phone's approval was refused (%d)", a.status)
	}
	return err
}

// deny ends a scan that the audit has no more use for.
func (t *Target) deny(ctx context.Context, bearer string, s scan) {
	_, _ = t.post(ctx, "/v1/scans/"+url.PathEscape(s.ID)+"/deny", bearer, nil) // it runs out anyway
}

// letIn takes a login as far as the approval.
func (t *Target) letIn(ctx context.Context, d dialect) (begun, error) {
	b, err := t.mustBegin(ctx, d)
	if err != nil {
		return b, err
	}
	s, err := t.scanned(ctx, t.phones[0], b, nil)
	if err != nil {
		return b, err
	}
	return b, t.approve(ctx, t.phones[0], b, s, nil)
}

// collect is what the browser does after the approval: it hears where to go, and goes
// there if that is this server's own page for tickets. It visits no other site.
func (t *Target) collect(ctx context.Context, d dialect, b begun) (page string, err error) {
	a, err := t.poll(ctx, d, b.id)
	if err != nil {
		return "", err
	}
	to := destination(a)
	if d.read(a) != approved || to == "" {
		return "", fmt.Errorf("after the approval the poll of %s does not say where to go", d.name)
	}
	page, ok := t.local(to)
	if !ok || !strings.Contains(page, "webwxnewloginpage?") {
		return "", errors.New("the ticket goes to a site that the audit does not visit")
	}
	page += "&fun=new&version=v2"
	got, err := t.redeem(ctx, page, false)
	if err == nil && !got {
		err = errors.New("the ticket page did not take the ticket")
	}
	return page, err
}

// redeem brings a ticket to the ticket page, and tells whether it was let in.
func (t *Target) redeem(ctx context.Context, page string, other bool) (bool, error) {
	a, err := t.askLogin(ctx, "the ticket page", request{path: page, other: other})
	return strings.Contains(a.body, "<ret>0</ret>"), err
}

// forged are tokens that prove nothing: none, one that was made up, and a JWT that its
// sender says needs no signature.
func forged() map[string]string {
	return map[string]string{
		"no token":            "",
		"a made-up token":     "qrlatch-audit-made-up",
		"a JWT with alg=none": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJxcmxhdGNoLWF1ZGl0In0.",
	}
}

// somebody is who a phone could claim to be; nobody is called so.
const somebody = "qrlatch-audit-somebody"

func claims() members {
	m := members{}
	for _, name := range []string{"sub", "subject", "user", "user_id", "userId", "uid", "openid", "account", "name", "phone", "mobile", "email"} {
		m[name] = somebody
	}
	return m
}
