package memstore

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

var alice = login.Phone{Issuer: "test", Subject: "alice"}

// listed is how many records the list of a phone names, those that are gone with them.
func listed(t *table[login.Handle, login.Login], phone login.Phone) int {
	return len(t.ownedKeys(phone.Key()))
}

func mine(h login.Handle, life time.Duration) login.Login {
	return login.Login{Handle: h, Phone: alice, Deadline: time.Now().Add(life - 2*time.Minute)} // it is kept so much longer
}

// A person may log in as often as he likes: his list must not grow with what is gone.
func TestAListNamesWhatIsThere(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *table[login.Handle, login.Login], login.Handle) error{
		"deleted": func(t *testing.T, table *table[login.Handle, login.Login], h login.Handle) error {
			return table.Delete(t.Context(), h)
		},
		"ended": func(t *testing.T, table *table[login.Handle, login.Login], h login.Handle) error {
			_, err := table.Update(t.Context(), h, func(l *login.Login) error { l.Deadline = time.Time{}; return nil })
			return err
		},
		"ended soon": func(t *testing.T, table *table[login.Handle, login.Login], h login.Handle) error {
			_, err := table.Update(t.Context(), h, func(l *login.Login) error { *l = mine(h, time.Second); return nil })
			time.Sleep(listStep + 2*time.Second)
			return err
		},
		"expired": func(*testing.T, *table[login.Handle, login.Login], login.Handle) error {
			time.Sleep(2 * time.Hour)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := newTable[login.Handle](0, login.ReadLogin, (*login.Login).AppendBinary)
				if err := table.Create(t.Context(), mine("long", 10_000*time.Hour)); err != nil {
					t.Fatal(err)
				}
				for i := range 1000 {
					h := login.Handle(fmt.Sprint("short", i))
					if err := table.Create(t.Context(), mine(h, time.Hour)); err != nil {
						t.Fatal(err)
					}
					if err := end(t, table, h); err != nil {
						t.Fatal(err)
					}
				}
				if n := listed(table, alice); n > pruneFirst {
					t.Errorf("it names %d", n)
				}
				if all, err := table.Owned(t.Context(), alice); err != nil || len(all) != 1 || all[0].Handle != "long" {
					t.Errorf("there are %v, %v", all, err)
				}
			})
		})
	}
}

func TestWhatLivesLongerStaysListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable[login.Handle](0, login.ReadLogin, (*login.Login).AppendBinary)
		if err := table.Create(t.Context(), mine("one", time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := table.Update(t.Context(), "one", func(l *login.Login) error { *l = mine("one", time.Hour); return nil }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		for i := range 10 * pruneFirst {
			if err := table.Create(t.Context(), mine(login.Handle(fmt.Sprint(i)), time.Second)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
		}
		if all, err := table.Owned(t.Context(), alice); err != nil || len(all) != 1 {
			t.Errorf("there are %v, %v", all, err)
		}
	})
}

// A login's end moves a little with each step, which its phone's list does not follow.
func TestWhatLivesALittleLongerStaysListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable[login.Handle](0, login.ReadLogin, (*login.Login).AppendBinary)
		for i := range 1000 {
			h, life := login.Handle(fmt.Sprint(i)), time.Duration(1+i%20)*time.Minute
			if err := table.Create(t.Context(), mine(h, life)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(life - 50*time.Second)
			if _, err := table.Update(t.Context(), h, func(l *login.Login) error { *l = mine(h, life); return nil }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(life - time.Second)
			if all, err := table.Owned(t.Context(), alice); err != nil || len(all) != 1 || all[0].Handle != h {
				t.Fatalf("after %v there are %v, %v", life, all, err)
			}
			time.Sleep(time.Second + 1)
			for shard := range shardCount {
				table.clean(shard)
			}
			if all, err := table.Owned(t.Context(), alice); err != nil || len(all) != 0 {
				t.Fatalf("%v are left, %v", all, err)
			}
		}
	})
}

// Whoever is told what was saved need not read it.
func TestWhatWasSavedIsTold(t *testing.T) {
	table := newTable[login.Handle](0, login.ReadLogin, (*login.Login).AppendBinary)
	var saved []login.Login
	var keys []login.Handle
	table.Notify(func(h login.Handle) { keys = append(keys, h) })
	table.NotifySaved(func(h login.Handle, l login.Login) {
		if now, err := table.Get(t.Context(), h); err != nil || now != l {
			t.Errorf("%+v is told, %+v can be read (%v)", l, now, err)
		}
		saved = append(saved, l)
	})
	if err := table.Create(t.Context(), mine("one", time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{nil, login.ErrDecided} {
		_, _ = table.Update(t.Context(), "one", func(l *login.Login) error { l.Told++; return err })
	}
	if len(saved) != 1 || saved[0].Handle != "one" || saved[0].Told != 1 || len(keys) != 0 {
		t.Errorf("%v are told after a change, %+v with what was saved", keys, saved)
	}
	_ = table.Delete(t.Context(), "one")
	if len(saved) != 1 || len(keys) != 1 || keys[0] != "one" {
		t.Errorf("%v are told after the end, %+v with what was saved", keys, saved)
	}
}
