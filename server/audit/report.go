package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// WriteText writes the report for people: a line for each check, one of evidence and, if
// it failed, one of advice.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	spoken := strings.Join(r.Dialects, ", ")
	if spoken == "" {
		spoken = "no dialect that the audit knows"
	}
	fmt.Fprintf(&b, "%s, app %s: %s; %d phones\n\n", r.URL, r.App, spoken, r.Phones)
	for _, f := range r.Findings {
		if f.Verdict == Skipped {
			fmt.Fprintf(&b, "  skipped  %s  %s\n               skipped: %s.\n", f.ID, f.Title, f.Evidence)
			continue
		}
		fmt.Fprintf(&b, "  %-7s  %s  %s\n               %s.\n", f.Verdict, f.ID, f.Title, f.Evidence)
		if f.Advice != "" {
			fmt.Fprintf(&b, "               To do: %s (%s)\n", f.Advice, f.Source)
		}
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d skipped; %d requests in %s\n",
		r.Count(Pass), r.Count(Fail), r.Count(Skipped), r.Requests, r.Took.Round(time.Second))
	_, err := io.WriteString(w, tame(b.String()))
	return err
}

// tame keeps a terminal from obeying what a server said.
func tame(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// WriteJSON writes the report for programs.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Report
		Passed  int     `json:"passed"`
		Failed  int     `json:"failed"`
		Skipped int     `json:"skipped"`
		Seconds float64 `json:"seconds"`
	}{r, r.Count(Pass), r.Count(Fail), r.Count(Skipped), r.Took.Seconds()})
}
