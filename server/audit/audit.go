// Package audit looks at a running server for scan-to-log-in as an attacker would who
// harms nobody, and says what it promises and what it does not.
//
// Its first six checks are the flaws that Xin Zhang et al., "Demystifying the
// (In)Security of QR Code-based Login in Real-world Deployments" (USENIX Security 2025),
// found in 47 of 109 large sites: F1 session ids that are not bound, F2 codes that can be
// used again, F3 ids that can be guessed, F4 ids that the client chooses, F5 approvals
// that prove nothing, F6 answers that say too much. The rest are what the standards ask
// of anything on the web: callbacks, headers, hosts, frames, methods, redirects.
//
// The server need not be qrlatch. The audit finds out which of the dialects it serves,
// and a check that has nothing to look at says so instead of passing.
package audit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Options say what to look at. URL is mandatory.
type Options struct {
	URL      *url.URL
	App      string        // whose logins to start; empty: DefaultApp
	Phones   []string      // bearer tokens of up to two phones, which scan and approve
	Rate     float64       // requests a second; 0: DefaultRate
	Patience time.Duration // how long an answer may take, held polls included; 0: DefaultPatience
	Agent    string        // the name it gives itself; empty: "qrlatch-audit"

	Transport http.RoundTripper // nil: the network
}

const (
	// DefaultApp is what WeChat Web's clients send as appid.
	DefaultApp = "wx782c26e4c19acffb"
	// DefaultRate makes it no attack.
	DefaultRate = 5
	// DefaultPatience is longer than a server should hold the refusal of an unknown id.
	DefaultPatience = 8 * time.Second
)

// Verdict is what a check came to.
type Verdict string

// The verdicts. Skipped is for a check that had nothing to look at, or could not tell.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "FAIL"
	Skipped Verdict = "skipped"
)

// Result is a verdict with a sentence of evidence and, if it is Fail, one on what to do.
// No secret is ever whole in it.
type Result struct {
	Verdict  Verdict `json:"verdict"`
	Evidence string  `json:"evidence"`
	Advice   string  `json:"advice,omitempty"`
}

// Check is one promise, and how to see whether it is kept.
type Check struct {
	ID     string
	Title  string // the promise
	Source string // who asks for it
	Run    func(context.Context, *Target) (Result, error)
}

// Checks returns all checks in the order of the report.
func Checks() []Check {
	var all []Check
	for _, group := range [][]Check{studyChecks(), scanChecks(), scriptChecks(), headerChecks(), siteChecks()} {
		all = append(all, group...)
	}
	return all
}

// Report is what an audit came to.
type Report struct {
	URL      string        `json:"url"`
	App      string        `json:"app"`
	Dialects []string      `json:"dialects"`
	Phones   int           `json:"phones"`
	Findings []Finding     `json:"findings"`
	Requests int           `json:"requests"`
	Took     time.Duration `json:"-"`
}

// Finding is a check with its result.
type Finding struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Source string `json:"source"`
	Result
}

// Count returns how many checks came to v.
func (r Report) Count(v Verdict) int {
	n := 0
	for _, f := range r.Findings {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

// Run makes the checks one after the other. Its error means that the server could not
// be looked at at all.
func Run(ctx context.Context, o Options, checks []Check) (Report, error) {
	began := time.Now()
	t, err := newTarget(ctx, o)
	if err != nil {
		return Report{}, err
	}
	r := Report{URL: t.base.String(), App: t.app, Dialects: t.names(), Phones: len(t.phones)}
	for _, c := range checks {
		result, err := c.Run(ctx, t)
		if ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
		if err != nil {
			result = skipped("the check broke off: %s", plainly(err))
		}
		r.Findings = append(r.Findings, Finding{c.ID, c.Title, c.Source, result})
	}
	r.Requests, r.Took = int(t.asked.Load()), time.Since(began)
	return r, nil
}

func pass(format string, args ...any) Result { return Result{Pass, fmt.Sprintf(format, args...), ""} }

func skipped(format string, args ...any) Result {
	return Result{Skipped, fmt.Sprintf(format, args...), ""}
}

// plainly leaves out the address that net/http puts into its errors: ids are in it.
func plainly(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}

// short shows enough of a secret to find it again, and too little to use it.
func short(secret string) string {
	const shown = 4
	if len(secret) <= 2*shown {
		return "…"
	}
	return secret[:shown] + "…"
}
