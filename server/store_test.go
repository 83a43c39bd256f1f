package main

import (
	"net/http"
	"strings"
	"testing"

	"qrlatch/server/login"
	"qrlatch/server/redistest"
)

// Two nodes on one Redis know each other's logins, and each says when it cannot.
func TestTwoNodesOnOneRedis(t *testing.T) {
	redis := redistest.Start(t)
	keys, file := write(t, "keys", login.NewKeyLine()+"\n"), write(t, "q.yaml", goodFile)
	node := func() *program {
		return start(t, "--config="+file, "--key-file="+keys, "--store="+redis.URL())
	}
	a, b := node(), node()
	ready := func(p *program, want int) {
		t.Helper()
		redistest.Eventually(t, "a node says whether it is ready", func() bool {
			status, _ := fetch(t, p.admin+"/readyz")
			return status == want
		})
	}
	ready(a, http.StatusOK)
	ready(b, http.StatusOK)
	id := a.startLogin(t, "shop")
	if status, body := fetch(t, b.url+"/v1/logins/"+id); status != http.StatusOK || !strings.Contains(body, `"pending"`) {
		t.Errorf("a login of the other node: %d %s", status, body)
	}
	redis.Stop()
	ready(a, http.StatusServiceUnavailable)
	if status, _ := fetch(t, a.admin+"/healthz"); status != http.StatusOK {
		t.Errorf("health without Redis: %d", status)
	}
	redis.Restart()
	ready(a, http.StatusOK)
}
