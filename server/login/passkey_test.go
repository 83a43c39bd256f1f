package login_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"qrlatch/server/login"
)

// guard takes a passkey that signs by repeating the challenge, and counts.
type guard struct {
	asked int
	who   login.Phone
}

func (g *guard) Verify(_ login.Keyring, who login.Phone, challenge []byte, p login.Passkey) error {
	g.asked++
	if g.who = who; !bytes.Equal(p.Assertion, challenge) {
		return login.ErrPasskeyRefused
	}
	return nil
}

// guarded makes the shop ask for passkeys.
func (w *world) guarded() *guard {
	g := &guard{}
	w.config.Passkeys = g
	w.configure(func(a *login.App) { a.Passkey = true })
	return g
}

func (w *world) signs(l login.Login) *login.Passkey {
	w.t.Helper()
	challenge, ok := w.PasskeyChallenge(l)
	if !ok {
		w.t.Fatal("no passkey is asked for")
	}
	return &login.Passkey{Assertion: challenge}
}

// Whichever way somebody asks to approve, the service itself wants the passkey, of the very
// login, and before the number.
func TestNoApprovalGoesRoundThePasskey(t *testing.T) {
	inTime(t, func(w *world) {
		g := w.guarded()
		w.configure(func(a *login.App) { a.Number = login.NumberAlways })
		h, l := w.scanned()
		_, second := w.scanned()
		id := string(l.Handle)
		number, _ := w.Number(l)
		for range 5 {
			_, err := w.Approve(w.ctx, alice.Phone, id, number)
			w.wants(err, login.ErrPasskeyRequired)
			_, err = w.Approve(w.ctx, alice.Phone, id, "xx")
			w.wants(err, login.ErrPasskeyRequired)
			_, err = w.ApproveWith(w.ctx, alice.Phone, id, login.Yes{Number: number, Passkey: w.signs(second)})
			w.wants(err, login.ErrPasskeyRefused)
			_, err = w.ApproveWith(w.ctx, alice.Phone, id, login.Yes{Number: "xx", Passkey: &login.Passkey{}})
			w.wants(err, login.ErrPasskeyRefused)
		}
		if now, err := w.Get(w.ctx, h); err != nil || now.State != login.Scanned || now.WrongNumbers != 0 {
			t.Errorf("it is %v with %d wrong numbers, %v", now.State, now.WrongNumbers, err)
		}
		before := g.asked
		_, err := w.ApproveWith(w.ctx, bob.Phone, id, login.Yes{Number: number, Passkey: w.signs(l)})
		w.wants(err, login.ErrNotYours)
		if g.asked != before {
			t.Error("another phone's passkey was looked at")
		}
		_, err = w.ApproveWith(w.ctx, alice.Phone, id, login.Yes{Number: "xx", Passkey: w.signs(l)})
		w.wants(err, login.ErrWrongNumber)
		good := w.signs(l)
		got, err := w.ApproveWith(w.ctx, alice.Phone, id, login.Yes{Number: number, Passkey: good})
		w.must(err)
		if got.State != login.Approved || got.WrongNumbers != 1 || g.who != alice.Phone {
			t.Errorf("it is %v with %d wrong numbers, for %v", got.State, got.WrongNumbers, g.who)
		}
		if _, err = w.Approve(w.ctx, alice.Phone, id, ""); err != nil {
			t.Errorf("again: %v", err)
		}
		if _, ok := w.PasskeyChallenge(got); ok {
			t.Error("an approved login asks for a passkey")
		}
		_, err = w.Deny(w.ctx, alice.Phone, string(second.Handle))
		w.must(err)
	})
}

func TestAPushLoginNeedsThePasskeyAsWell(t *testing.T) {
	inTime(t, func(w *world) {
		_, c := w.signedIn()
		w.guarded()
		id, _ := w.pushed(c.PushTicket, decimal(c.UIN))
		_, err := w.Approve(w.ctx, alice.Phone, string(id[:12]), "")
		w.wants(err, login.ErrPasskeyRequired)
		l, err := w.Scanned(w.ctx, alice.Phone, string(id[:12]))
		w.must(err)
		_, err = w.ApproveWith(w.ctx, alice.Phone, string(id[:12]), login.Yes{Passkey: w.signs(l)})
		w.must(err)
	})
}

// An operator who asks for passkeys from now on means the logins under way, too, and one
// who has nothing that verifies them lets nobody in.
func TestTheRuleIsThatOfTheMomentAndWithoutAVerifierItHolds(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.scanned()
		w.configure(func(a *login.App) { a.Passkey = true })
		_, err := w.ApproveWith(w.ctx, alice.Phone, string(l.Handle), login.Yes{Passkey: w.signs(l)})
		w.wants(err, login.ErrPasskeyRequired)
		w.configure(func(a *login.App) { a.Passkey = false })
		_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
	})
}

// An app that is taken out in mid-scan, or that another node does not know yet, has no rule
// that says that nothing is asked for: once it is back, an approval would be good.
func TestNobodyApprovesForAnAppThatIsGone(t *testing.T) {
	inTime(t, func(w *world) {
		w.guarded()
		h, l := w.scanned()
		apps := w.config.Apps
		w.config.Apps = apps[1:]
		w.Configure(w.config)
		_, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.wants(err, login.ErrNotFound)
		w.config.Apps = apps
		w.Configure(w.config)
		if now, err := w.Get(w.ctx, h); err != nil || now.State != login.Scanned {
			t.Errorf("it is %v, %v", now.State, err)
		}
		_, err = w.ApproveWith(w.ctx, alice.Phone, string(l.Handle), login.Yes{Passkey: w.signs(l)})
		w.must(err)
	})
}

func TestAChallengeIsOfAllThatIsApproved(t *testing.T) {
	inTime(t, func(w *world) {
		w.guarded()
		_, l := w.scanned()
		l.NumberRequired = true
		seen := map[string]string{}
		for name, change := range map[string]func(*login.Login){
			"itself":           func(*login.Login) {},
			"another scan":     func(l *login.Login) { l.Handle = l.Handle[1:] + l.Handle[:1] + "A" },
			"another origin":   func(l *login.Login) { l.RedirectURI = login.Shorten("https://shop.example:8443/in") },
			"another scheme":   func(l *login.Login) { l.RedirectURI = login.Shorten("http://shop.example/in") },
			"no number":        func(l *login.Login) { l.NumberRequired = false },
			"another address":  func(l *login.Login) { l.Browser.Addr = netip.MustParseAddr("192.0.2.9") },
			"another browser":  func(l *login.Login) { l.Browser.UserAgent = login.Shorten(l.Browser.UserAgent.String() + "x") },
			"another person":   func(l *login.Login) { l.Phone.Subject = "bob" },
			"another issuer":   func(l *login.Login) { l.Phone.Issuer = "tokens" },
			"shifted by a bit": func(l *login.Login) { l.Phone.Issuer, l.Phone.Subject = "testa", "lice" },
		} {
			other := l
			change(&other)
			challenge, ok := w.PasskeyChallenge(other)
			if before, there := seen[string(challenge)]; there || !ok || len(challenge) != 32 {
				t.Errorf("%s has the challenge of %q: %x", name, before, challenge)
			}
			seen[string(challenge)] = name
			if again, _ := w.PasskeyChallenge(other); !bytes.Equal(again, challenge) {
				t.Errorf("%s: it changes", name)
			}
		}
		l.App = "forum"
		if _, ok := w.PasskeyChallenge(l); ok {
			t.Error("the forum asks for a passkey")
		}
		first, _ := w.PasskeyChallenge(func() login.Login { l := l; l.App = "shop"; return l }())
		w.config.Apps[1].Passkey = true
		w.Configure(w.config)
		if second, _ := w.PasskeyChallenge(l); bytes.Equal(first, second) {
			t.Error("two apps have one challenge")
		}
		w.config.Keys = keyring(t, keyLine("k2", 2))
		w.Configure(w.config)
		if _, ok := w.PasskeyChallenge(l); ok {
			t.Error("a login whose key is gone has a challenge")
		}
	})
}

// Whoever holds the phone's token may try passkeys as often as he likes: it is seen, and does
// not fill the record.
func TestOfRefusedPasskeysThreeAreTold(t *testing.T) {
	audited(t, func(w *world, told func() []login.Event) {
		var steps []login.Step
		w.config.Observe = func(s login.Step) { steps = append(steps, s) }
		w.guarded()
		_, l := w.scanned()
		steps = nil
		for n := range 100 {
			if n == 2 { // another node knows what was told
				w.Service = login.NewService(w.store, w.config)
			}
			_, err := w.ApproveWith(w.ctx, alice.Phone, string(l.Handle), login.Yes{Passkey: &login.Passkey{}})
			w.wants(err, login.ErrPasskeyRefused)
			_, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "") // who shows none is asked, and not refused
			w.wants(err, login.ErrPasskeyRequired)
		}
		named := 0
		for _, s := range steps {
			if s.Name != login.StepApprove || s.Result != login.StepPasskeyRefused {
				t.Errorf("%+v", s)
			}
			if s.Login.Handle != "" {
				named++
			}
		}
		if len(steps) != 100 || named != 3 {
			t.Errorf("%d steps, %d with their login", len(steps), named)
		}
		got, err := w.ApproveWith(w.ctx, alice.Phone, string(l.Handle), login.Yes{Passkey: w.signs(l)})
		w.must(err)
		for range 2 { // what was told of passkeys is not taken from tickets
			_, err = w.RedeemTicket(w.ctx, "forum", w.query(got).Get("ticket"))
			w.wants(err, login.ErrRefused)
		}
		_, err = w.RedeemTicket(w.ctx, "shop", w.query(got).Get("ticket"))
		w.must(err)
		var names []string
		for _, e := range told() {
			names = append(names, string(e.Name))
			if e.Login != l.Handle || e.Phone != alice.Phone {
				t.Errorf("%+v", e)
			}
		}
		if said := strings.Join(names, " "); said != "scan passkey_refused passkey_refused passkey_refused approve ticket_refused redeem" {
			t.Errorf("told %s", said)
		}
	})
}

// A refusal is one also where nobody can note it.
func TestAPasskeyIsRefusedWhileTheStoreIsAway(t *testing.T) {
	audited(t, func(w *world, told func() []login.Event) {
		w.guarded()
		_, l := w.scanned()
		store := w.store
		store.Logins = fading{w.store.Logins, new(int)}
		w.Service = login.NewService(store, w.config)
		_, err := w.ApproveWith(w.ctx, alice.Phone, string(l.Handle), login.Yes{Passkey: &login.Passkey{}})
		w.wants(err, login.ErrPasskeyRefused)
		if n := len(told()); n != 1 {
			t.Errorf("%d events, and only the scan was saved", n)
		}
	})
}

// fading is a table that goes away after its first change.
type fading struct {
	login.Table[login.Handle, login.Login]
	changes *int
}

func (f fading) Update(ctx ctx, h login.Handle, change func(*login.Login) error) (login.Login, error) {
	if *f.changes++; *f.changes > 1 {
		return login.Login{}, errAway
	}
	return f.Table.Update(ctx, h, change)
}
