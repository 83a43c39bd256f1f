package audit_test

import (
	"net/http"
	"strings"
	"testing"

	"qrlatch/server/audit"
)

func TestOurOwnServerPassesEveryCheck(t *testing.T) {
	report, err := audited(t, nil, audit.Checks(), func(t *testing.T) http.Handler { return ours(t, nil) })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		want := audit.Pass
		if f.ID == "H7" {
			want = audit.Skipped // plain http on loopback
		}
		if f.Verdict != want {
			t.Errorf("%s %s: %s: %s", f.Verdict, f.ID, f.Title, f.Evidence)
		}
	}
	if got := strings.Join(report.Dialects, " "); got != "WeChat JSON JSONP Taobao SSE WebSocket" {
		t.Errorf("it found %s", got)
	}
}

// A check that cannot fail is none.
func TestEachCheckFailsOnAServerThatIsBrokenForIt(t *testing.T) {
	shown := map[string]bool{"H7": true} // by TestClearTextAndOldTLSFail
	for _, b := range broken() {
		shown[b.check] = true
		t.Run(b.check+" "+b.what, func(t *testing.T) {
			report, err := audited(t, nil, only(t, b.check), func(t *testing.T) http.Handler {
				server := ours(t, b.config)
				if b.breaks != nil {
					server = b.breaks(t, server)
				}
				return server
			})
			if err != nil {
				t.Fatal(err)
			}
			if f := report.Findings[0]; f.Verdict != audit.Fail || f.Evidence == "" || f.Advice == "" {
				t.Errorf("%s", text(t, report))
			}
		})
		t.Run(b.check+" alone passes on a good one", func(t *testing.T) {
			report, err := audited(t, nil, only(t, b.check), func(t *testing.T) http.Handler { return ours(t, nil) })
			if err != nil || report.Findings[0].Verdict != audit.Pass {
				t.Errorf("%v %s", err, text(t, report))
			}
		})
	}
	for _, c := range audit.Checks() {
		if !shown[c.ID] {
			t.Errorf("no broken server shows that %s can fail", c.ID)
		}
	}
}
