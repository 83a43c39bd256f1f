package attack

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"qrlatch/server/login"
)

// Promise 3, T45 (in one store; what a failover does to several is not shown here): a
// hundred at three nodes present one ticket, and one session comes of it.
func TestOneTicketIsOneSessionOnThreeNodes(t *testing.T) {
	inTime(t, nil, func(w *world) {
		nodes := []*login.Service{w.service, login.NewService(w.store, w.config), login.NewService(w.store, w.config)}
		b := w.approved("bank")
		ticket := w.onward(b).Query().Get("ticket")
		var mu sync.Mutex
		sessions, wins := map[login.SessionID]bool{}, 0
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				v, err := nodes[i%3].RedeemTicket(w.t.Context(), "bank", ticket)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					wins++
					sessions[v.ID] = true
				}
			})
		}
		all.Wait()
		if wins != 1 || len(sessions) != 1 {
			t.Errorf("%d got %d sessions", wins, len(sessions))
		}
		if live, err := w.service.SessionsOf(w.t.Context(), alicePhone); err != nil || len(live) != 1 {
			t.Errorf("%d sessions, %v", len(live), err)
		}
	})
}

// dumped keeps every record that was ever saved in a table.
type dumped[K ~string, R login.Record[K]] struct {
	login.Table[K, R]
	keep func(any)
}

func (d dumped[K, R]) Create(c ctx, r R) error {
	d.keep(r)
	return d.Table.Create(c, r)
}

func (d dumped[K, R]) Update(c ctx, key K, change func(*R) error) (R, error) {
	r, err := d.Table.Update(c, key, change)
	d.keep(r)
	return r, err
}

// Promise 2, T47: whoever has every record that was ever saved, and tries every text in
// it, and every form of every hash, gets nothing at any door.
func TestWhatAStoreHoldsOpensNothing(t *testing.T) {
	var mu sync.Mutex
	records := map[string][]any{}
	keep := func(r any) {
		mu.Lock()
		defer mu.Unlock()
		kind := reflect.TypeOf(r).Name()
		records[kind] = append(records[kind], r)
	}
	wrap := func(s *login.Store) {
		s.Logins = dumped[login.Handle, login.Login]{s.Logins, keep}
		s.Sessions = dumped[login.SessionID, login.Session]{s.Sessions, keep}
		s.Push = dumped[login.PushID, login.PushTicket]{s.Push, keep}
		s.Blocks = dumped[login.BlockID, login.Block]{s.Blocks, keep}
		s.UserCodes = dumped[login.UserCodeID, login.UserCode]{s.UserCodes, keep}
		// Besides there is the audience, which holds no text: times, networks and yes or no.
		if n := reflect.TypeOf(*s).NumField(); n != 5+1 {
			t.Fatalf("a store has %d tables; dump them all", n-1)
		}
	}
	inTime(t, func(s *setup) { s.wrap = wrap; s.login.LoginTTL = 24 * time.Hour; s.login.TicketTTL = 24 * time.Hour }, func(w *world) {
		w.fullFlow()
		w.wechatIn()       // stays in, and could ask for its phone again
		w.approved("bank") // and one that waits to be collected
		if len(records) != 5 {
			t.Fatalf("the flow has saved only %d kinds of records", len(records))
		}
		tries := map[string]bool{}
		for _, kind := range records {
			seen := map[string]bool{}
			for _, r := range kind {
				w.texts(r, seen)
			}
			if len(seen) < 5 {
				t.Errorf("a %T holds only %v", kind[0], seen)
			}
			for word := range seen {
				tries[word] = true
			}
		}
		// Everything that a store holds beside secrets: names, addresses, times, ids that open nothing.
		public := regexp.MustCompile(`^(https?|Mozilla|Gecko|Firefox|20100101|true|false|\d{4}-)`)
		thief := w.from(away)
		tried := 0
		for value := range tries {
			if public.MatchString(value) {
				continue
			}
			tried++
			for _, d := range doors() {
				if got, open := opened(d, thief, value); open {
					t.Errorf("%s opens with %s: %v", d.name, value, got)
				}
			}
			time.Sleep(time.Minute)
		}
		if tried < 50 {
			t.Errorf("only %d values", tried)
		}
	})
}

// texts are all that a record says, in every form, alone and behind its public name.
func (w *world) texts(record any, into map[string]bool) {
	w.t.Helper()
	text, err := json.Marshal(record)
	w.must(err)
	found := regexp.MustCompile(`[A-Za-z0-9_@.~%=+/-]{6,}`).FindAllString(string(text), -1)
	value := reflect.ValueOf(record)
	for _, field := range reflect.VisibleFields(value.Type()) {
		v := value.FieldByIndex(field.Index)
		if v.Kind() != reflect.Array || v.IsZero() {
			continue
		}
		raw := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(raw), v)
		found = append(found, hex.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
			base64.RawURLEncoding.EncodeToString(append(raw, make([]byte, 27)...)[:27]))
		if printable := strings.TrimRight(string(raw), "\x00"); regexp.MustCompile(`^[!-~]+$`).MatchString(printable) {
			found = append(found, printable)
		}
	}
	name := fmt.Sprint(value.MethodByName("Key").Call(nil)[0])
	for _, f := range found {
		into[f], into[name+f] = true, true
	}
}
