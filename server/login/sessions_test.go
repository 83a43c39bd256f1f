package login_test

import (
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

func presented(c login.Credentials) login.Presented {
	return login.Presented{SID: c.SID, Skey: c.Skey, UIN: decimal(c.UIN), DataTicket: c.DataTicket}
}

func TestASessionSaysWhoSignedInWhereAndWhen(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		query := w.query(l)
		time.Sleep(5 * time.Second)
		v, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		want := login.Session{
			ID: v.ID, KeyID: "k1", Login: l.Handle, App: "shop", Browser: desk.Kept(), Phone: alice.Phone, Profile: alice.Profile,
			AuthTime: l.Approved, Created: time.Now(), LastSeen: time.Now(), Expires: time.Now().Add(12 * time.Hour),
		}
		if v != want || len(v.ID) != 24 {
			t.Errorf("got  %+v\nwant %+v", v, want)
		}
	})
}

func TestCredentialsHaveTheShapesThatClientsKnow(t *testing.T) {
	inTime(t, func(w *world) {
		v, c := w.signedIn()
		hex := strings.Trim(c.Skey[7:15]+c.Skey[16:], "0123456789abcdef") == ""
		if !strings.HasPrefix(c.Skey, "@crypt_") || c.Skey[15] != '_' || len(c.Skey) != 48 || !hex {
			t.Errorf("skey %s", c.Skey)
		}
		for name, word := range map[string]string{
			"wxsid": c.SID, "pass_ticket": c.PassTicket, "data ticket": c.DataTicket, "uvid": c.UVID, "push ticket": c.PushTicket,
		} {
			if len(word) < 22 || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				t.Errorf("%s %q", name, word)
			}
		}
		if c.UIN < 1 || c.UIN >= 1<<53 {
			t.Errorf("wxuin %d", c.UIN)
		}
		again, err := w.Credentials(v)
		if err != nil || again != c {
			t.Error("a second time they differ")
		}
		_, other := w.signedIn()
		if other.UIN != c.UIN || other.SID == c.SID || other.Skey == c.Skey || other.PushTicket == c.PushTicket {
			t.Errorf("of two sessions of one account: %+v and %+v", c, other)
		}
	})
}

func TestAllOfWhatAClientPresentsMustBeRight(t *testing.T) {
	inTime(t, func(w *world) {
		v, c := w.signedIn()
		_, c2 := w.signedIn()
		good, theirs := presented(c), presented(c2)
		wrong := func(text string) []string {
			return []string{"", text + "A", text[1:], "A" + text[1:], strings.ToUpper(text), text[:len(text)-1] + "_"}
		}
		for name, change := range map[string]func(p *login.Presented, to string){
			"SID":  func(p *login.Presented, to string) { p.SID = to },
			"UIN":  func(p *login.Presented, to string) { p.UIN = to },
			"Skey": func(p *login.Presented, to string) { p.Skey, p.DataTicket = to, "" },
			"data": func(p *login.Presented, to string) { p.Skey, p.DataTicket = "", to },
		} {
			text := map[string]string{"SID": c.SID, "UIN": decimal(c.UIN), "Skey": c.Skey, "data": c.DataTicket}[name]
			for _, to := range append(wrong(text), map[string]string{"SID": c2.SID, "UIN": "1", "Skey": c2.Skey, "data": c2.DataTicket}[name]) {
				p := good
				if change(&p, to); to == text {
					continue
				}
				_, err := w.Authenticate(w.ctx, p)
				w.wants(err, login.ErrNotFound)
			}
		}
		// A wrong Skey is not made good by a right cookie.
		p := good
		p.Skey = theirs.Skey
		_, err := w.Authenticate(w.ctx, p)
		w.wants(err, login.ErrNotFound)

		p = good
		p.Skey = "" // a client that resumes
		for _, p := range []login.Presented{good, p} {
			got, err := w.Authenticate(w.ctx, p)
			w.must(err)
			if got != v {
				t.Errorf("got %+v, want %+v", got, v)
			}
		}
	})
}

func TestASessionThatHasEndedIsToldWhyAndThenForgotten(t *testing.T) {
	for name, test := range map[string]struct {
		end func(w *world, v login.Session) error
		why login.Ending
	}{
		"signed out": {func(w *world, v login.Session) error { return w.SignOut(w.ctx, "shop", string(v.ID)) }, login.SignedOut},
		"by the phone": {func(w *world, v login.Session) error {
			return w.SignOutByPhone(w.ctx, alice.Phone, string(v.ID))
		}, login.ByPhone},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(w *world) {
				v, c := w.signedIn()
				w.must(test.end(w, v))
				time.Sleep(10*time.Minute - 1)
				got, err := w.Authenticate(w.ctx, presented(c))
				if err != nil || got.Ended != test.why {
					t.Errorf("told %d, %v, want %d", got.Ended, err, test.why)
				}
				w.wants(test.end(w, v), login.ErrNotFound)
				if list, _ := w.SessionsOf(w.ctx, alice.Phone); len(list) != 0 {
					t.Errorf("it is listed: %+v", list)
				}
				time.Sleep(2*time.Minute + 2) // a store keeps it a little longer than it is needed
				_, err = w.Authenticate(w.ctx, presented(c))
				w.wants(err, login.ErrNotFound)
			})
		})
	}
}

func TestASessionLastsTwelveHours(t *testing.T) {
	inTime(t, func(w *world) {
		v, c := w.signedIn()
		time.Sleep(12*time.Hour - 1)
		got, err := w.Authenticate(w.ctx, presented(c))
		if err != nil || got.Ended != login.Active {
			t.Errorf("a moment before the end: %d, %v", got.Ended, err)
		}
		time.Sleep(time.Nanosecond)
		if got, err = w.Authenticate(w.ctx, presented(c)); err == nil && got.Ended == login.Active {
			t.Error("it is still active")
		}
		_, err = w.SessionOf(w.ctx, "shop", string(v.ID))
		w.wants(err, login.ErrNotFound)
	})
}

func TestAnAppOfOneSessionEndsTheEarlierOnes(t *testing.T) {
	inTime(t, func(w *world) {
		w.configure(func(a *login.App) { a.OneSession = true })
		// At another app and of another person nothing ends.
		id, l, err := w.Start(w.ctx, login.Request{App: "forum"})
		w.must(err)
		_ = id
		_, err = w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		l, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		elsewhere, err := w.RedeemTicket(w.ctx, "forum", w.query(l).Get("ticket"))
		w.must(err)
		_, l = w.start()
		_, err = w.Scan(w.ctx, bob, w.code(l), time.Time{})
		w.must(err)
		l, err = w.Approve(w.ctx, bob.Phone, string(l.Handle), "")
		w.must(err)
		bobs, err := w.RedeemPage(w.ctx, w.query(l), other)
		w.must(err)

		_, first := w.signedIn()
		time.Sleep(time.Nanosecond) // virtual: a session is later than another
		second, _ := w.signedIn()
		got, err := w.Authenticate(w.ctx, presented(first))
		if err != nil || got.Ended != login.Elsewhere {
			t.Errorf("the earlier one was told %d, %v", got.Ended, err)
		}
		w.refusesPush("of the earlier one", first.PushTicket, decimal(first.UIN))
		for app, id := range map[string]login.SessionID{"forum": elsewhere.ID, "shop": second.ID} {
			if _, err := w.SessionOf(w.ctx, app, string(id)); err != nil {
				t.Errorf("the session at %s: %v", app, err)
			}
		}
		if _, err := w.SessionOf(w.ctx, "shop", string(bobs.ID)); err != nil {
			t.Errorf("bob's session: %v", err)
		}
	})
}

func TestSessionsOfOthersAreNotFound(t *testing.T) {
	inTime(t, func(w *world) {
		v, c := w.signedIn()
		_, err := w.SessionOf(w.ctx, "forum", string(v.ID))
		w.wants(err, login.ErrNotFound)
		w.wants(w.SignOut(w.ctx, "forum", string(v.ID)), login.ErrNotFound)
		w.wants(w.SignOutByPhone(w.ctx, bob.Phone, string(v.ID)), login.ErrNotFound)
		w.wants(w.SignOutByPhone(w.ctx, login.Phone{}, string(v.ID)), login.ErrNotFound)
		for _, id := range []string{"", "x", c.SID, string(v.ID)[:23] + "*", strings.Repeat("A", 24)} {
			_, err := w.SessionOf(w.ctx, "shop", id)
			w.wants(err, login.ErrNotFound)
			w.wants(w.SignOutByPhone(w.ctx, alice.Phone, id), login.ErrNotFound)
		}
		if _, err := w.SessionOf(w.ctx, "shop", string(v.ID)); err != nil {
			t.Errorf("after all that: %v", err)
		}
	})
}

func TestAPhoneListsItsSessionsNewestFirst(t *testing.T) {
	inTime(t, func(w *world) {
		first, _ := w.signedIn()
		time.Sleep(time.Second)
		time.Sleep(time.Nanosecond) // virtual: a session is later than another
		second, _ := w.signedIn()
		list, err := w.SessionsOf(w.ctx, alice.Phone)
		w.must(err)
		if len(list) != 2 || list[0] != second || list[1] != first {
			t.Errorf("listed %+v", list)
		}
		if list, _ := w.SessionsOf(w.ctx, bob.Phone); len(list) != 0 {
			t.Errorf("bob's list is %+v", list)
		}
	})
}

func TestASiteProvesItselfByItsSecret(t *testing.T) {
	inTime(t, func(w *world) {
		app := w.app
		if app.Authenticates("") || app.Authenticates("secret") {
			t.Error("an app without a secret was authenticated")
		}
		// SHA-256 of "test".
		app.Secret = login.HashedSecret{
			0x9f, 0x86, 0xd0, 0x81, 0x88, 0x4c, 0x7d, 0x65, 0x9a, 0x2f, 0xea, 0xa0, 0xc5, 0x5a, 0xd0, 0x15,
			0xa3, 0xbf, 0x4f, 0x1b, 0x2b, 0x0b, 0x82, 0x2c, 0xd1, 0x5d, 0x6c, 0x15, 0xb0, 0xf0, 0x0a, 0x08,
		}
		if !app.Authenticates("test") || app.Authenticates("Test") || app.Authenticates("") {
			t.Error("the secret is not what counts")
		}
	})
}
