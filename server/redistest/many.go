package redistest

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Cluster starts a Redis Cluster of three primaries.
func Cluster(t testing.TB) []*Server {
	t.Helper()
	const slots = 16384
	var servers []*Server
	for i := range 3 {
		// The bus has a port of its own, else it is port + 10000, which need not be one.
		s := Start(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)))
		s.Must("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/3), strconv.Itoa((i+1)*slots/3-1))
		s.Must("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		for _, other := range servers {
			host, port, _ := net.SplitHostPort(other.Addr)
			s.Must("CLUSTER", "MEET", host, port, busPort(other))
		}
		servers = append(servers, s)
	}
	for _, s := range servers {
		Eventually(t, "the cluster is whole", func() bool {
			info := s.Must("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return servers
}

func busPort(s *Server) string { return s.args[len(s.args)-1] }

// Replicated is a primary with a replica and a sentinel that watches them.
type Replicated struct {
	Primary, Replica, Sentinel *Server
}

// StartReplicated starts the three.
func StartReplicated(t testing.TB) Replicated {
	t.Helper()
	r := Replicated{Primary: Start(t), Replica: Start(t), Sentinel: startSentinel(t)}
	r.Replica.Must("REPLICAOF", "127.0.0.1", port(r.Primary))
	Eventually(t, "the replica follows", r.InSync)
	// A quorum of one: there is one sentinel.
	r.Sentinel.Must("SENTINEL", "MONITOR", "main", "127.0.0.1", port(r.Primary), "1")
	for setting, value := range map[string]string{"down-after-milliseconds": "500", "failover-timeout": "3000"} {
		r.Sentinel.Must("SENTINEL", "SET", "main", setting, value)
	}
	Eventually(t, "the sentinel knows the replica", func() bool {
		return strings.Contains(r.Sentinel.Must("SENTINEL", "REPLICAS", "main"), r.Replica.Addr)
	})
	return r
}

// URL is where a client finds the sentinel and asks it for the primary.
func (r Replicated) URL() string {
	return fmt.Sprintf("redis://%s?master_set=main", r.Sentinel.Addr)
}

// InSync tells whether the replica is connected with its primary.
func (r Replicated) InSync() bool {
	return r.Replica.replication("master_link_status:up")
}

// Failover kills the primary and waits until the replica has taken its place.
func (r Replicated) Failover() {
	r.Primary.t.Helper()
	r.Primary.Stop()
	Eventually(r.Primary.t, "the replica is primary", func() bool {
		return r.Replica.replication("role:master")
	})
}

// replication tells whether the server says so of itself. One that changes its role hangs up.
func (s *Server) replication(says string) bool {
	info, err := s.Do("INFO", "replication")
	return err == nil && strings.Contains(info, says)
}

// startSentinel runs the same program as a sentinel, which insists on a file to write to.
func startSentinel(t testing.TB) *Server {
	t.Helper()
	config := t.TempDir() + "/sentinel.conf"
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return Start(t, config, "--sentinel")
}

func port(s *Server) string {
	_, port, _ := net.SplitHostPort(s.Addr)
	return port
}
