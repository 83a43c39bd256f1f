package relay

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"qrlatch/server/login"
)

func TestEverybodyWhoListensToTheSessionHears(t *testing.T) {
	var r Local
	heard := map[string][]string{}
	listen := func(name string, id login.SessionID, keeps bool) (stop func()) {
		return r.Listen(id, func(message []byte) bool {
			heard[name] = append(heard[name], string(message))
			return keeps
		}, func() { heard[name] = append(heard[name], "rung") })
	}
	send := func(id login.SessionID, message string, want bool) {
		t.Helper()
		if got, err := r.Send(t.Context(), id, []byte(message)); err != nil || got != want {
			t.Errorf("sent %q: %v, %v, want %v", message, got, err, want)
		}
	}
	send("a", "nobody listens", false)
	one, two := listen("one", "a", true), listen("two", "a", true)
	listen("full", "b", false)
	send("a", "1", true)
	send("a", "2", true)
	one()
	send("a", "3", true)
	send("b", "not kept", false)
	two()
	two() // harmless
	send("a", "all have gone", false)
	want := map[string][]string{"one": {"1", "rung", "2", "rung"}, "two": {"1", "rung", "2", "rung", "3", "rung"}, "full": {"not kept", "rung"}}
	if !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	if len(r.listeners) != 1 {
		t.Errorf("%d sessions are kept", len(r.listeners))
	}
}

func TestNothingIsHeardAfterStop(t *testing.T) {
	var r Local
	var all sync.WaitGroup
	for i := range 50 {
		id := login.SessionID(fmt.Sprint(i % 5))
		all.Go(func() {
			stopped := false // written and read under the relay's lock or after it: -race tells
			stop := r.Listen(id, func([]byte) bool {
				if stopped {
					t.Error("heard after stop")
				}
				return true
			}, func() {})
			for range 20 {
				_, _ = r.Send(t.Context(), id, nil)
			}
			stop()
			stopped = true
		})
	}
	all.Wait()
}
