package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/redisstore"
	"qrlatch/server/redistest"
)

// modelled is a login as it must be, whatever node is asked.
type modelled struct {
	holder login.Holder
	began  login.Login
	state  login.State
	phone  login.Phone
	ticket string
	active login.SessionID // empty: no session, or none any more
}

// step is something that somebody tries. It says what the login becomes if it is done, and
// whether it may be.
type step struct {
	name string
	to   login.State
	may  func(m *modelled, who login.Phone) bool
	do   func(ctx context.Context, on *login.Service, m *modelled, who login.Phone) error
}

var steps = []step{
	{"scan", login.Scanned,
		func(m *modelled, _ login.Phone) bool { return m.state == login.Pending },
		func(ctx context.Context, on *login.Service, m *modelled, who login.Phone) error {
			code, _, _ := on.Code(m.began, time.Now())
			_, err := on.Scan(ctx, login.Identity{Phone: who}, code, time.Time{})
			return err
		}},
	{"approve", login.Approved,
		func(m *modelled, who login.Phone) bool { return m.state == login.Scanned && m.phone == who },
		func(ctx context.Context, on *login.Service, m *modelled, who login.Phone) error {
			l, err := on.Get(ctx, m.holder)
			if err != nil {
				return err
			}
			number, _ := on.Number(l)
			_, err = on.Approve(ctx, who, string(m.began.Handle), number)
			return err
		}},
	{"deny", login.Denied,
		func(m *modelled, who login.Phone) bool { return m.state == login.Scanned && m.phone == who },
		func(ctx context.Context, on *login.Service, m *modelled, who login.Phone) error {
			_, err := on.Deny(ctx, who, string(m.began.Handle))
			return err
		}},
	{"redeem", login.Redeemed,
		func(m *modelled, _ login.Phone) bool { return m.state == login.Approved },
		func(ctx context.Context, on *login.Service, m *modelled, _ login.Phone) error {
			if l, err := on.Get(ctx, m.holder); err != nil {
				return err
			} else if text, ok := on.RedirectURI(l); ok {
				u, _ := url.Parse(text)
				m.ticket = u.Query().Get("ticket")
			}
			v, err := on.RedeemTicket(ctx, "shop", m.ticket)
			if err == nil {
				m.active = v.ID
			}
			return err
		}},
}

// refused are the answers of a service that has understood, and does not do it.
var refused = []error{
	login.ErrNotFound, login.ErrTaken, login.ErrNotYours, login.ErrDecided, login.ErrRefused, login.ErrRedeemed,
}

func isRefused(err error) bool {
	return slices.ContainsFunc(refused, func(r error) bool { return errors.Is(err, r) })
}

// TestThreeNodesAreOneStateMachine plays random steps of random people, each on any of three
// nodes on one Redis, whose connections are cut now and then. What may be done is done, what may
// not is refused, every node says so at once, and whoever waits is told.
func TestThreeNodesAreOneStateMachine(t *testing.T) {
	redis := redistest.Start(t)
	var stores []*redisstore.Store
	for range 3 {
		stores = append(stores, ready(t, redis.URL(), redisstore.Options{}))
	}
	nodes := services(t, stores...)
	people := []login.Phone{{Issuer: "test", Subject: "alice"}, {Issuer: "test", Subject: "bob"}}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	var trouble sync.WaitGroup
	defer trouble.Wait()
	over, stop := context.WithCancel(ctx)
	defer stop()
	trouble.Go(func() {
		for i := 0; over.Err() == nil; i++ {
			_, _ = redis.Do("CLIENT", "KILL", "TYPE", []string{"normal", "pubsub"}[i%2])
			pause(7 * time.Millisecond)
		}
	})
	done := map[string]int{}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		node := func() *login.Service { return nodes[random.IntN(len(nodes))] }
		m := &modelled{state: login.Pending}
		if err := persists(ctx, func() error {
			id, l, err := node().Start(ctx, login.Request{App: "shop"})
			m.holder, m.began = login.Holder{ID: string(id)}, l
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for n := range 25 {
			s, who := steps[random.IntN(len(steps))], people[random.IntN(len(people))]
			at := fmt.Sprintf("seed %d, step %d: %s by %s of a %s login", seed, n, s.name, who.Subject, m.state)
			may, was := s.may(m, who), m.state
			told := make(chan login.State, 1)
			if may {
				waits := node()
				go func() {
					var l login.Login
					_ = persists(ctx, func() (err error) { l, err = waits.Wait(ctx, m.holder, was); return err })
					told <- l.State
				}()
			}
			err := s.do(ctx, node(), m, who)
			if err != nil && !isRefused(err) {
				t.Fatalf("%s: %v", at, err) // a connection that was cut is the store's own business
			}
			again := m.phone == who && (s.to == was || s.to == login.Scanned || s.to == login.Approved && was == login.Redeemed) // it changes nothing
			if ok := err == nil; ok && !may && !again || !ok && may {
				t.Fatalf("%s: %v, and it may: %v", at, err, may)
			}
			if may {
				m.state = s.to
				if s.to == login.Scanned {
					m.phone = who
				}
				done[s.name]++
				if got := <-told; got != m.state {
					t.Fatalf("%s: who waited was told of %q", at, got)
				}
			}
			for i, other := range nodes {
				var l login.Login
				if err := persists(ctx, func() (err error) { l, err = other.Get(ctx, m.holder); return err }); err != nil || l.State != m.state || l.Phone != m.phone {
					t.Fatalf("%s: node %d says %s of %s, %v", at, i, l.State, l.Phone.Subject, err)
				}
				if _, err := other.Get(ctx, login.Holder{ID: m.holder.ID[:12] + "AAAAAAAAAAAAAAAAAAAAAAAA"}); err == nil {
					t.Fatalf("%s: node %d knows it by its handle", at, i)
				}
			}
		}
	}
	sessions := 0
	for _, who := range people {
		list, err := nodes[0].SessionsOf(ctx, who)
		if err != nil {
			t.Fatal(err)
		}
		sessions += len(list)
	}
	if sessions != done["redeem"] || done["redeem"] == 0 || done["deny"] == 0 {
		t.Errorf("%d sessions of %v", sessions, done)
	}
	t.Log(done)
}
