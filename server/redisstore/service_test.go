package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// services are n nodes of one installation.
func services(t testing.TB, stores ...*redisstore.Store) []*login.Service {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	config := login.Config{Keys: keys, Apps: []login.App{{ID: "shop", RedirectURIs: []string{"https://shop.example/in"}}}}
	var all []*login.Service
	for _, s := range stores {
		all = append(all, login.NewService(s.Store, config))
	}
	return all
}

// attempt is a login each of whose steps is on another node.
type attempt struct {
	any    func() *login.Service
	holder login.Holder
	login  login.Login
}

// persists tries on while the store is away, as people and their programs do.
func persists(ctx context.Context, step func() error) error {
	for {
		err := step()
		if err == nil || errors.Is(err, login.ErrNotFound) || errors.Is(err, login.ErrRedeemed) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// start begins the login.
func (a *attempt) start(ctx context.Context) error {
	return persists(ctx, func() error {
		id, l, err := a.any().Start(ctx, login.Request{App: "shop"})
		a.holder, a.login = login.Holder{ID: string(id)}, l
		return err
	})
}

// awaits polls as a browser does, a node each time, until the login has left since.
func (a *attempt) awaits(ctx context.Context, since login.State) (l login.Login, err error) {
	err = persists(ctx, func() error {
		poll, cancel := context.WithTimeout(ctx, 25*time.Second)
		defer cancel()
		l, err = a.any().Wait(poll, a.holder, since)
		return err
	})
	return l, err
}

func (a *attempt) scan(ctx context.Context, who login.Phone) error {
	return persists(ctx, func() error {
		code, _, _ := a.any().Code(a.login, time.Now())
		_, err := a.any().Scan(ctx, login.Identity{Phone: who}, code, time.Time{})
		return err
	})
}

func (a *attempt) approve(ctx context.Context, who login.Phone) error {
	return persists(ctx, func() error {
		l, err := a.any().Get(ctx, a.holder)
		if err != nil {
			return err
		}
		number, _ := a.any().Number(l) // as the person reads it off the browser
		_, err = a.any().Approve(ctx, who, string(a.login.Handle), number)
		return err
	})
}

func (a *attempt) redeem(ctx context.Context, l login.Login) (v login.Session, err error) {
	uri, ok := a.any().RedirectURI(l)
	u, err := url.Parse(uri)
	if !ok || err != nil {
		return v, errors.Join(errors.New("no redirect_uri"), err)
	}
	err = persists(ctx, func() error {
		v, err = a.any().RedeemTicket(ctx, "shop", u.Query().Get("ticket"))
		return err
	})
	return v, err
}

// run goes all the way: the phone acts as soon as the browser waits, or a moment before.
func (a *attempt) run(ctx context.Context, who login.Phone) error {
	if err := a.start(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	var phone sync.WaitGroup
	defer phone.Wait()
	var failed error
	act := func(step func(context.Context, login.Phone) error) func() {
		return func() { failed = step(ctx, who) }
	}
	phone.Go(act(a.scan))
	l, err := a.awaits(ctx, login.Pending)
	phone.Wait()
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	phone.Go(act(a.approve))
	for err == nil && l.State == login.Scanned {
		l, err = a.awaits(ctx, login.Scanned)
	}
	phone.Wait()
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	if _, err = a.redeem(ctx, l); err != nil {
		return fmt.Errorf("redeem: %w", err)
	}
	return nil
}

// Logins go on, each step on any of three nodes, while subscriptions are cut and a server is
// restarted. Everybody gets in: a site that was answered with an error may try again.
func TestLoginsOverThreeNodes(t *testing.T) {
	single := redistest.Start(t)
	cluster := redistest.Cluster(t)
	for name, redis := range map[string][]*redistest.Server{"one server": {single}, "a cluster": cluster} {
		t.Run(name, func(t *testing.T) {
			var stores []*redisstore.Store
			for range 3 {
				stores = append(stores, ready(t, redis[0].URL(), redisstore.Options{}))
			}
			all := services(t, stores...)
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()

			var over atomic.Bool
			var trouble, browsers sync.WaitGroup
			trouble.Go(func() {
				for i := 0; !over.Load(); i++ {
					_, _ = redis[i%len(redis)].Do("CLIENT", "KILL", "TYPE", "pubsub") // fails while it restarts
					pause(100 * time.Millisecond)
				}
			})
			const people, each = 30, 10
			var longest atomic.Int64
			var in atomic.Int64
			for i := range people {
				browsers.Go(func() {
					who := login.Phone{Issuer: "test", Subject: fmt.Sprint("person", i)}
					for range each {
						a := &attempt{any: func() *login.Service { return all[rand.N(len(all))] }}
						start := time.Now()
						if err := a.run(ctx, who); err != nil {
							t.Error(err)
							return
						}
						in.Add(1)
						for took := int64(time.Since(start)); ; {
							was := longest.Load()
							if took <= was || longest.CompareAndSwap(was, took) {
								break
							}
						}
					}
				})
			}
			redistest.Eventually(t, "half are in", func() bool { return in.Load() > people*each/2 || t.Failed() })
			redis[0].Restart()
			browsers.Wait()
			over.Store(true)
			trouble.Wait()
			t.Logf("%d in, the longest took %s", in.Load(), time.Duration(longest.Load()))
			sum := 0
			for i := range people {
				list, err := all[0].SessionsOf(ctx, login.Phone{Issuer: "test", Subject: fmt.Sprint("person", i)})
				if err != nil {
					t.Fatal(err)
				}
				sum += len(list)
			}
			if sum != people*each || in.Load() != people*each {
				t.Errorf("%d sessions, and %d are in of %d", sum, in.Load(), people*each)
			}
			for _, s := range stores {
				t.Logf("%+v", s.Stats())
			}
		})
	}
}

// pause is between two troubles; nothing waits for it.
func pause(d time.Duration) { <-time.After(d) }
