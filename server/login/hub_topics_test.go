package login

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"testing"
)

func TestTopicsAreFoundAmongMany(t *testing.T) {
	all, want := newTopics[Handle, Login](maphash.MakeSeed()), map[Handle]*topic[Handle, Login]{}
	check := func() {
		t.Helper()
		for key, topic := range want {
			if got := all.get(key); got != topic || got.key != key {
				t.Fatalf("%s: %v, want %v", key, got, topic)
			}
		}
		if got := slices.Sorted(all.keys()); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("there are %v", got)
		}
	}
	check()
	for round := range 3 {
		for i := range 1000 {
			key := Handle(fmt.Sprint(round, i))
			if all.get(key) != nil {
				t.Fatalf("%s is there", key)
			}
			want[key] = all.add(key)
			if n := want[key]; n.first != nil || n.due != 0 || n.place != -1 {
				t.Fatalf("a new topic: %+v", n)
			}
			want[key].due = 1
		}
		check()
		for key := range want {
			if len(want) > 100*(round+1) {
				delete(want, key)
				all.remove(key)
			}
		}
		check()
	}
	if len(all.chains) != 1024 { // of 1,200 at most
		t.Errorf("%d chains", len(all.chains))
	}
	if n := testing.AllocsPerRun(1, func() {
		for range 2 * topicsPerBlock {
			all.add("once more")
			all.remove("once more")
		}
	}); n > 0 {
		t.Errorf("topics that were used before take %v allocations", n)
	}
}
