package redisstore_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
	"qrlatch/server/storetest"
)

// The user of docs/nodes.md may do all that a store does, and nothing was asked for that it may
// not do.
func TestTheUserOfTheDocumentsIsEnough(t *testing.T) {
	command := documentedUser(t)
	for name, servers := range map[string][]*redistest.Server{"one server": {redistest.Start(t)}, "a cluster": redistest.Cluster(t)} {
		t.Run(name, func(t *testing.T) {
			for _, s := range servers {
				s.Must(command...)
			}
			url := strings.Replace(servers[0].URL(), "://", "://qrlatch:secret@", 1)
			var n atomic.Int64
			options := func() redisstore.Options { // of a name that both of its patterns cover
				return redisstore.Options{Prefix: fmt.Sprintf("qrlatch:n:%d:", n.Add(1)), Timeout: 20 * time.Second}
			}
			storetest.Run(t, func(t *testing.T) login.Store { return open(t, url, options()).Store })
			storetest.RunAudience(t, func(t *testing.T) (one, other login.Store) {
				o := options()
				return open(t, url, o).Store, open(t, url, o).Store
			})
			passOn(t, ready(t, url, redisstore.Options{}), ready(t, url, redisstore.Options{}))
			for _, s := range servers {
				// Of Redis 7.2 and newer; see there.
				if refused := s.Must("ACL", "LOG"); refused != "" && !strings.Contains(refused, "setinfo") {
					t.Errorf("refused: %s", refused)
				}
			}
		})
	}
}

// passOn has a site's message go from one node to another.
func passOn(t *testing.T, from, to *redisstore.Store) {
	t.Helper()
	defer to.Relay().Listen("session", func([]byte) bool { return true }, func() {})()
	redistest.Eventually(t, "a message is passed on", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		delivered, err := from.Relay().Send(ctx, "session", []byte("hello"))
		return delivered && err == nil
	})
}

// documentedUser is the command that makes it.
func documentedUser(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/nodes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "    redis-cli ACL SETUSER")
	command, _, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("docs/nodes.md has no command for a user")
	}
	return append([]string{"ACL", "SETUSER"}, strings.Fields(strings.NewReplacer("\\\n", " ", "'", "").Replace(command))...)
}
