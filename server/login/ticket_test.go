package login_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

func TestARedirectURIHasTheOneShapeThatEveryClientReads(t *testing.T) {
	inTime(t, func(w *world) {
		id, l, err := w.Start(w.ctx, login.Request{
			App: "shop", RedirectURI: "https://shop.example/in?a=1&b=2", SiteState: `p/q;r"s t+u&v=é'`, Lang: "zh_CN",
		})
		w.must(err)
		l, err = w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		scanned := time.Now().Unix()
		time.Sleep(7 * time.Second)
		l, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		uri, ok := w.RedirectURI(l)
		if !ok {
			t.Fatal("no redirect_uri")
		}
		shape := regexp.MustCompile(`^https://shop\.example/in\?a=1&b=2` +
			`&ticket=([A-Za-z0-9_-]{36})&uuid=([A-Za-z0-9_-]{12})&lang=zh_CN&scan=(\d+)` +
			`&state=p%2Fq%3Br%22s%20t%2Bu%26v%3D%C3%A9%27&kid=k1&sig=([A-Za-z0-9_-]{43})$`)
		m := shape.FindStringSubmatch(uri)
		if m == nil {
			t.Fatalf("it is %s", uri)
		}
		if m[2] != string(l.Handle) || m[3] != decimal(scanned) {
			t.Errorf("uuid %s and scan %s, want %s and %d", m[2], m[3], l.Handle, scanned)
		}
		if strings.Contains(uri, string(id)) || strings.Contains(uri, string(id[12:])) {
			t.Error("the login id is in it")
		}
		if again, _ := w.RedirectURI(l); again != uri {
			t.Errorf("a second time it is %s", again)
		}
	})
}

func TestEveryByteOfTheQueryIsAWordOrPercentEncoded(t *testing.T) {
	inTime(t, func(w *world) {
		var all []byte
		for c := range 256 {
			all = append(all, byte(c))
		}
		_, l, err := w.Start(w.ctx, login.Request{App: "shop", SiteState: string(all), Browser: desk})
		w.must(err)
		l, err = w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		l, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
		w.must(err)
		uri, _ := w.RedirectURI(l)
		_, query, _ := strings.Cut(uri, "?")
		if !regexp.MustCompile(`^([A-Za-z0-9_&=-]|%[0-9A-F]{2})*$`).MatchString(query) {
			t.Errorf("the query is %s", query)
		}
		if got := w.query(l).Get("state"); got != string(all) {
			t.Errorf("the site's state came back as %q", got)
		}
		if _, err := w.RedeemPage(w.ctx, w.query(l), desk); err != nil {
			t.Errorf("the ticket beside it is refused: %v", err)
		}
	})
}

func TestOnlyAnApprovedLoginHasARedirectURI(t *testing.T) {
	inTime(t, func(w *world) {
		_, pending := w.start()
		_, scanned := w.scanned()
		h, approved := w.approved()
		for _, l := range []login.Login{pending, scanned} {
			if uri, ok := w.RedirectURI(l); ok || uri != "" {
				t.Errorf("a %s login has %s", l.State, uri)
			}
		}
		_, err := w.RedeemPage(w.ctx, w.query(approved), desk)
		w.must(err)
		redeemed, err := w.Get(w.ctx, h)
		w.must(err)
		if uri, ok := w.RedirectURI(redeemed); ok {
			t.Errorf("a redeemed login has %s", uri)
		}
	})
}

func TestATicketPageIsRefusedWithAnyParameterAltered(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		_, foreign := w.approved()
		good, theirs := w.query(l), w.query(foreign)
		altered := 0
		try := func(name, value string) {
			query := maps.Clone(good)
			if query[name] = []string{value}; value == good.Get(name) {
				return
			}
			altered++
			if _, err := w.RedeemPage(w.ctx, query, desk); err == nil {
				t.Fatalf("%s=%q passes", name, value)
			} else {
				w.wants(err, login.ErrRefused)
			}
		}
		for name := range good {
			value := good.Get(name)
			try(name, "")
			try(name, value+"A")
			try(name, value[1:])
			try(name, theirs.Get(name))
			for i := range value {
				try(name, value[:i]+string(value[i]^1)+value[i+1:])
				try(name, value[:i]+string(value[i]^32)+value[i+1:])
			}
		}
		if altered < 100 {
			t.Errorf("only %d alterations were tried", altered)
		}
		if _, err := w.RedeemPage(w.ctx, good, desk); err != nil {
			t.Errorf("after all that the ticket itself is refused: %v", err)
		}
	})
}

// openwechat sorts the parameters, many append their own, some encode once more.
func TestATicketPageIsAcceptedHoweverAClientWritesIt(t *testing.T) {
	for name, rewrite := range map[string]func(q string) string{
		"as it is":      func(q string) string { return q },
		"sorted":        func(q string) string { v, _ := url.ParseQuery(q); return v.Encode() },
		"extended":      func(q string) string { return "fun=new&" + q + "&version=v2&mod=desktop&lang=zh_CN" },
		"all encoded":   func(q string) string { return strings.NewReplacer("_", "%5F", "-", "%2d", "s", "%73").Replace(q) },
		"plus as space": func(q string) string { return strings.ReplaceAll(q, "%20", "+") },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(w *world) {
				_, l := w.approved()
				uri, _ := w.RedirectURI(l)
				_, raw, _ := strings.Cut(uri, "?")
				query, err := url.ParseQuery(rewrite(raw))
				w.must(err)
				if _, err := w.RedeemPage(w.ctx, query, desk); err != nil {
					t.Errorf("%s: %v", rewrite(raw), err)
				}
			})
		})
	}
}

func TestATicketOfAnotherAppIsRefusedAndNotConsumed(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		ticket := w.query(l).Get("ticket")
		for _, app := range []string{"forum", "", "nobody"} {
			_, err := w.RedeemTicket(w.ctx, app, ticket)
			w.wants(err, login.ErrRefused)
		}
		_, err := w.RedeemTicket(w.ctx, "shop", ticket)
		w.must(err)
	})
}

func TestTheLoginPageServesOnlyAppsThatHaveOneAndConsumesNothingOfOthers(t *testing.T) {
	inTime(t, func(w *world) {
		w.configure(func(a *login.App) { a.RedirectURIs = []string{"https://shop.example/in"} })
		_, l := w.approved()
		_, err := w.RedeemPage(w.ctx, w.query(l), desk)
		w.wants(err, login.ErrRefused)
		_, err = w.RedeemTicket(w.ctx, "shop", w.query(l).Get("ticket"))
		w.must(err)
	})
}

func TestWhatIsNoTicketIsRefused(t *testing.T) {
	inTime(t, func(w *world) {
		h, l := w.approved()
		for _, text := range []string{"", "x", h.ID, string(l.Handle), string(l.Handle) + strings.Repeat("A", 24), strings.Repeat("\n", 36)} {
			_, err := w.RedeemTicket(w.ctx, "shop", text)
			w.wants(err, login.ErrRefused)
		}
	})
}

// Whoever has a ticket that lets nobody in any more may present it for ever, and under any
// name: the record must not grow with that.
func TestARefusedTicketIsToldOnceOfAClientAndEightTimesAtMost(t *testing.T) {
	for name, spend := range map[string]func(*world, login.Login) error{
		"redeemed by the site": func(w *world, l login.Login) error {
			_, err := w.RedeemTicket(w.ctx, "shop", w.query(l).Get("ticket"))
			return err
		},
		"run out": func(*world, login.Login) error { time.Sleep(time.Minute); return nil },
		"void, since two have it": func(w *world, l login.Login) error {
			_, err := w.RedeemPage(w.ctx, w.query(l), desk)
			_, _ = w.RedeemPage(w.ctx, w.query(l), other) // refused: that is how it becomes void
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			audited(t, func(w *world, told func() []login.Event) {
				_, l := w.approved()
				w.must(spend(w, l))
				before := len(told())
				presents := func(as login.Browser) {
					if _, err := w.RedeemPage(w.ctx, w.query(l), as); !errors.Is(err, login.ErrRefused) {
						t.Fatalf("%v", err)
					}
				}
				for n := range 100 {
					if n == 50 { // another node knows it as well
						w.Service = login.NewService(w.store, w.config)
					}
					presents(other)
				}
				if got := told()[before:]; len(got) != 1 || got[0].Name != login.EventTicketRefused || got[0].Presenter != other {
					t.Errorf("of one client: %+v", got)
				}
				for n := range 1000 {
					presents(login.Browser{Addr: desk.Addr, UserAgent: decimal(int64(n))})
				}
				if n := len(told()) - before; n != 8 {
					t.Errorf("of a thousand clients: %d", n)
				}
			})
		})
	}
}

// What is noted of a refusal changes nothing else.
func TestARefusedTicketHarmsNothing(t *testing.T) {
	inTime(t, func(w *world) {
		_, l := w.approved()
		query := w.query(l)
		v, err := w.RedeemTicket(w.ctx, "shop", query.Get("ticket"))
		w.must(err)
		saved, err := w.store.Logins.Get(w.ctx, l.Handle)
		w.must(err)
		for range 3 {
			_, err = w.RedeemPage(w.ctx, query, other)
			w.wants(err, login.ErrRefused)
			_, err = w.RedeemTicket(w.ctx, "shop", query.Get("ticket"))
			w.wants(err, login.ErrRedeemed)
		}
		now, err := w.store.Logins.Get(w.ctx, l.Handle)
		w.must(err)
		if now.Told &^= 0xff << 8; now != saved {
			t.Errorf("the login was %+v\nand is %+v", saved, now)
		}
		if _, err := w.SessionOf(w.ctx, "shop", string(v.ID)); err != nil {
			t.Errorf("its session: %v", err)
		}
	})
}

func TestARedirectURIMustBeRegisteredByteForByte(t *testing.T) {
	app := login.App{RedirectURIs: []string{pageURI, "https://shop.example/in?a=1"}}
	if got, ok := app.RedirectURI(""); !ok || got != pageURI {
		t.Errorf("the default is %q, %v", got, ok)
	}
	for _, uri := range app.RedirectURIs {
		if got, ok := app.RedirectURI(uri); !ok || got != uri {
			t.Errorf("%q gave %q, %v", uri, got, ok)
		}
		for i := range uri {
			for _, bad := range []string{uri[:i], uri[:i] + "%" + uri[i:], uri[:i] + string(uri[i]^32) + uri[i+1:], uri[:i] + "/" + uri[i:]} {
				if got, ok := app.RedirectURI(bad); ok && bad != "" {
					t.Errorf("%q passes as %q", bad, got)
				}
			}
		}
	}
	if _, ok := (&login.App{}).RedirectURI(""); ok {
		t.Error("an app without redirect URIs has a default")
	}
}

// FuzzRedeemPage may find no query that panics or lets anybody in.
func FuzzRedeemPage(f *testing.F) {
	f.Add("ticket=a&uuid=b&lang=c&scan=1&state=&kid=k1&sig=d")
	f.Add("kid=k1&sig=" + base64.RawURLEncoding.EncodeToString(make([]byte, 32)))
	f.Add("ticket=" + strings.Repeat("%0A", 36) + "&kid=k1")
	f.Fuzz(func(t *testing.T, raw string) {
		w := newWorld(t, nil)
		_, l := w.approved()
		query, _ := url.ParseQuery(raw)
		if v, err := w.RedeemPage(w.ctx, query, desk); err == nil || v.ID != "" {
			t.Errorf("%q was let in: %+v", raw, v)
		}
		// A good ticket does not help a query that is not signed.
		query.Set("ticket", w.query(l).Get("ticket"))
		if v, err := w.RedeemPage(w.ctx, query, desk); err == nil || v.ID != "" {
			t.Errorf("%q was let in with another's ticket: %+v", raw, v)
		}
	})
}
