package login_test

import (
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// restless runs every change first on the record as it was one write ago, and throws
// the result away: a store whose first attempt lost a race does the same.
type restless[K ~string, R login.Record[K]] struct {
	login.Table[K, R]
	before map[K]R
}

func (t restless[K, R]) Update(c ctx, key K, change func(*R) error) (R, error) {
	if old, ok := t.before[key]; ok {
		_ = change(&old)
	}
	was, err := t.Get(c, key)
	if err == nil {
		t.before[key] = was
	}
	return t.Table.Update(c, key, change)
}

// What a change saw in an attempt that was thrown away must not show in the answer.
func TestAChangeThatRunsTwiceAnswersForItsLastRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s login.Store) login.Store {
			s.Logins = restless[login.Handle, login.Login]{s.Logins, map[login.Handle]login.Login{}}
			s.Sessions = restless[login.SessionID, login.Session]{s.Sessions, map[login.SessionID]login.Session{}}
			s.Push = restless[login.PushID, login.PushTicket]{s.Push, map[login.PushID]login.PushTicket{}}
			return s
		})
		w.configure(func(a *login.App) { a.Number = login.NumberAlways })
		h, l := w.start()
		code := w.code(l)
		l, err := w.Scan(w.ctx, alice, code, time.Time{})
		w.must(err)
		number, _ := w.Number(l)
		_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.wants(err, login.ErrWrongNumber)
		l, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), number)
		w.must(err)
		if l.WrongNumbers != 1 {
			t.Errorf("%d wrong numbers are counted", l.WrongNumbers)
		}
		// Its first run sees a login that waits for the number.
		again, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.wants(err, nil)
		if again != l {
			t.Errorf("a second yes changed %+v to %+v", l, again)
		}
		query := w.query(l)
		v, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		same, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		if same != v || w.state(h) != login.Redeemed {
			t.Errorf("the retry got %+v, want %+v", same, v)
		}
		c, err := w.Credentials(v)
		w.must(err)
		_, next := w.pushed(c.PushTicket, decimal(c.UIN))
		w.refusesPush("the spent one", c.PushTicket, decimal(c.UIN))
		w.must(w.SignOut(w.ctx, "shop", string(v.ID)))
		w.refusesPush("the renewed one", next, decimal(c.UIN))
		_, err = w.RedeemPage(w.ctx, query, other)
		w.wants(err, login.ErrRefused)
	})
}
