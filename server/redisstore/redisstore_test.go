package redisstore_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
	"qrlatch/server/storetest"
)

// open opens a store, and closes it with the test.
func open(t testing.TB, url string, o redisstore.Options) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ready opens a store and waits until it can be woken.
func ready(t testing.TB, url string, o redisstore.Options) *redisstore.Store {
	t.Helper()
	s := open(t, url, o)
	redistest.Eventually(t, "the store is ready", func() bool { return s.Ready(t.Context()) == nil })
	return s
}

// empty makes stores that nobody has used, on one Redis.
func empty(url string) func(*testing.T) login.Store {
	var n atomic.Int64
	return func(t *testing.T) login.Store {
		return open(t, url, redisstore.Options{Prefix: fmt.Sprintf("test%d:", n.Add(1)), Timeout: 20 * time.Second}).Store
	}
}

func TestConformance(t *testing.T) { storetest.Run(t, empty(redistest.Start(t).URL())) }

func TestConformanceOfACluster(t *testing.T) { storetest.Run(t, empty(redistest.Cluster(t)[0].URL())) }

func TestConformanceBehindASentinel(t *testing.T) {
	storetest.Run(t, empty(redistest.StartReplicated(t).URL()))
}
