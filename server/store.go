package main

import (
	"context"
	"log/slog"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/metrics"
	"qrlatch/server/redisstore"
	"qrlatch/server/relay"
	"qrlatch/server/web"
)

const memory = "memory"

// kept is the store of a running server.
type kept struct {
	login.Store
	messages web.Messages
	ready    func(context.Context) error
	close    func()
}

// openStore opens what --store names. A Redis that is not there is waited for a moment, and
// then while the server runs.
func (c *config) openStore(ctx context.Context, log *slog.Logger, counts *metrics.Metrics) (kept, error) {
	if c.store == memory {
		s := memstore.New(memstore.Options{MaxLogins: c.file.Limits.Logins})
		counts.Stored(s.Count)
		return kept{s.Store, new(relay.Local), func(context.Context) error { return nil }, s.Close}, nil
	}
	s, err := redisstore.Open(ctx, c.store, redisstore.Options{MaxLogins: c.file.Limits.Logins, Log: log, Observe: counts.StoreCall})
	if err != nil {
		return kept{}, usage("--store: %s", err)
	}
	return kept{s.Store, s.Relay(), s.Ready, s.Close}, nil
}

// checkStore never says the URL: there may be a password in it.
func (c *config) checkStore(wrong *problems) {
	if c.store == memory {
		return
	}
	if err := redisstore.CheckURL(c.store); err != nil {
		wrong.add("--store: %s; or memory", err)
	}
	if c.demo != "" {
		wrong.add("--demo keeps its logins in memory: leave --store away")
	} else if c.keyFile == "" {
		wrong.add("--store redis needs --key-file: all nodes and the next start must have the same keys")
	}
}
