package login_test

import (
	"net/netip"
	"testing"
	"time"

	"qrlatch/server/login"
)

// abroad is desk's browser elsewhere, or a thief who calls himself so.
var abroad = login.Browser{Addr: netip.MustParseAddr("198.51.100.9"), UserAgent: desk.UserAgent}

// countries makes the networks of desk and abroad known to be apart, and no others.
func (w *world) countries() {
	w.config.Apart = func(browser, before netip.Addr) bool {
		return browser != before && (browser == abroad.Addr || before == abroad.Addr) && browser.IsValid() && before.IsValid()
	}
	w.Configure(w.config)
}

// pushedFrom is pushed for a browser somewhere.
func (w *world) pushedFrom(b login.Browser, ticket, uin string) (l login.Login, next string) {
	w.t.Helper()
	id, next, err := w.StartPush(w.ctx, ticket, uin, login.Request{Browser: b})
	w.must(err)
	return mustGet(w, login.Holder{ID: string(id)}), next
}

func TestAPushTicketUsedInAnotherPlaceCostsTheNumberByTheRuleOfTheApp(t *testing.T) {
	for name, test := range map[string]struct {
		rule   login.NumberRule
		from   login.Browser
		risk   login.Risk
		number bool
	}{
		"on risk, where it was":           {login.NumberOnRisk, desk, 0, false},
		"on risk, at another address":     {login.NumberOnRisk, other, 0, false},
		"on risk, elsewhere":              {login.NumberOnRisk, abroad, login.RiskPlace, true},
		"on risk, of an unknown address":  {login.NumberOnRisk, login.Browser{}, 0, false},
		"never, elsewhere: it is told so": {login.NumberNever, abroad, login.RiskPlace, false},
		"always, where it was":            {login.NumberAlways, desk, 0, true},
		"always, elsewhere":               {login.NumberAlways, abroad, login.RiskPlace, true},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(w *world) {
				w.configure(func(a *login.App) { a.Number = test.rule }).countries()
				_, c := w.signedIn()
				time.Sleep(13 * time.Hour) // the session has run out, and what is known of it goes on
				l, _ := w.pushedFrom(test.from, c.PushTicket, decimal(c.UIN))
				if l.Risk != test.risk || l.NumberRequired != test.number {
					t.Errorf("risk %v, number %v", l.Risk.Reasons(), l.NumberRequired)
				}
				_, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), "")
				if test.number {
					w.wants(err, login.ErrWrongNumber)
				} else {
					w.must(err)
				}
			})
		})
	}
}

// A thief must not become the browser that he is compared with by asking twice.
func TestARenewedPushTicketRemembersWhereItsSessionWas(t *testing.T) {
	inTime(t, func(w *world) {
		w.countries()
		_, c := w.signedIn()
		uin := decimal(c.UIN)
		_, next := w.pushedFrom(abroad, c.PushTicket, uin)
		l, next := w.pushedFrom(abroad, next, uin)
		if l.Risk != login.RiskPlace || !l.NumberRequired {
			t.Errorf("who asks twice: risk %v, number %v", l.Risk.Reasons(), l.NumberRequired)
		}
		// Whoever shows the number is at home there from then on.
		number, _ := w.Number(l)
		l, err := w.Approve(w.ctx, alice.Phone, string(l.Handle), number)
		w.must(err)
		v, err := w.RedeemPage(w.ctx, w.query(l), abroad)
		w.must(err)
		fresh, err := w.Credentials(v)
		w.must(err)
		w.refusesPush("the ticket before", next, uin)
		if l, _ := w.pushedFrom(abroad, fresh.PushTicket, uin); l.Risk != 0 || l.NumberRequired {
			t.Errorf("after the move: risk %v, number %v", l.Risk.Reasons(), l.NumberRequired)
		}
	})
}
