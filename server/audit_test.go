package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"qrlatch/server/audit"
)

// TestTheDemoPassesItsOwnAudit is qrlatch audit against a running qrlatch, with both
// demo phones.
func TestTheDemoPassesItsOwnAudit(t *testing.T) {
	t.Parallel() // it waits for answers that are held back
	p := start(t, "--demo", "--poll-hold=1s")
	var out strings.Builder
	err := run(t.Context(), []string{
		"audit", p.url, "--rate=200", "--app=demo",
		"--phone-token", write(t, "alice", "demo-alice\n"), "--phone-token", write(t, "bob", "demo-bob\n"),
	}, environment{stdout: &out, stderr: io.Discard})
	report := out.String()
	for line := range strings.Lines(report) {
		// Plain http on loopback is no network.
		if strings.Contains(line, "  skipped  ") && !strings.Contains(line, " H7 ") || strings.Contains(line, "  FAIL ") {
			t.Error(strings.TrimSpace(line))
		}
	}
	if !strings.Contains(report, "WeChat, JSON, JSONP, Taobao, SSE, WebSocket; 2 phones") || strings.Count(report, "  pass ") != len(audit.Checks())-1 {
		t.Error(report)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestAnAuditThatCannotBeIsAUsageError(t *testing.T) {
	for _, args := range []string{"audit", "audit nowhere", "audit http://127.0.0.1:1", "audit https://login.example --rate=50"} {
		var bad *usageError
		if err := run(t.Context(), strings.Fields(args), environment{stdout: io.Discard, stderr: io.Discard}); !errors.As(err, &bad) {
			t.Errorf("qrlatch %s: %v", args, err)
		}
	}
}
