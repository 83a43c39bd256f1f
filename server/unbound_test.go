package main

import (
	"testing"

	"qrlatch/server/login"
)

func TestUnboundScansAreCountedWithAndWithoutAnAuditLog(t *testing.T) {
	var r record
	var c login.Config
	r.serve(&c)
	for _, unbound := range []bool{true, false, true} {
		c.Audit(login.Event{Name: login.EventScan, Unbound: unbound})
	}
	if got := r.unbound(); got != 2 {
		t.Errorf("%v unbound scans, want 2", got)
	}
}
