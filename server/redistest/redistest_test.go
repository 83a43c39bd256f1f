package redistest_test

import (
	"testing"

	"qrlatch/server/redistest"
)

func TestAServerKeepsItsDataOverARestart(t *testing.T) {
	s := redistest.Start(t)
	s.Must("SET", "a", "1")
	s.Stop()
	if _, err := s.Do("PING"); err == nil {
		t.Error("a stopped server answers")
	}
	s.Restart()
	if got := s.Must("GET", "a"); got != "1" {
		t.Errorf("GET gave %q", got)
	}
}

func TestAReplicaTakesThePrimarysPlace(t *testing.T) {
	r := redistest.StartReplicated(t)
	r.Primary.Must("SET", "a", "1")
	redistest.Eventually(t, "the write is copied", func() bool { return r.Replica.Must("GET", "a") == "1" })
	r.Failover()
	r.Replica.Must("SET", "a", "2")
}

func TestAClusterIsWhole(t *testing.T) {
	servers := redistest.Cluster(t)
	var kept int
	for _, s := range servers {
		if _, err := s.Do("SET", "a", "1"); err == nil {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("%d servers keep the key, want 1", kept)
	}
}
