package dialect_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// WeChat's page sends the request for the login page up to three times more, ten
// seconds apart, when no answer comes.
func TestTheSameClientMayAskForItsPageAgain(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		target := s.redirect(s.approved(wxApp)) + "&fun=new&version=v2"
		first := s.get(target)
		for range 3 {
			time.Sleep(10*time.Second + time.Duration(-1)) // virtual: the last one is just within 40 s
			again := s.get(target)
			if again.body != first.body || !slices.Equal(again.header["Set-Cookie"], first.header["Set-Cookie"]) {
				t.Fatalf("got\n%s\n%q\nwant\n%s\n%q", again.body, again.header["Set-Cookie"], first.body, first.header["Set-Cookie"])
			}
		}
		time.Sleep(10*time.Second + time.Second)
		late := s.get(target)
		if !strings.HasPrefix(late.body, "<error><ret>1203</ret><message>This login was completed already.") || late.header["Set-Cookie"] != nil {
			t.Errorf("after 40 s: %s, %q", late.body, late.header["Set-Cookie"])
		}
		if got := s.sync(t); got != "0" {
			t.Errorf("coming late ended the session: retcode %s", got)
		}
	})
}

// sync returns the retcode that the one session of alice gets, ended or not.
func (s *wxServer) sync(t *testing.T, of ...wxSession) string {
	t.Helper()
	if len(of) == 0 {
		all, err := s.service.SessionsOf(t.Context(), alice().Phone)
		s.must(err)
		if len(all) != 1 {
			t.Fatalf("%d sessions", len(all))
		}
		of = append(of, s.credentials(all[0]))
	}
	got := s.get(wxCGI + "synccheck?" + of[0].query())
	return strings.Split(got.body, `"`)[1]
}

func TestAnotherClientWithTheSameTicketEndsTheSession(t *testing.T) {
	for thief, how := range map[string][]string{
		"another address": {"Remote: 198.51.100.9:1"},
		"another browser": {"User-Agent: Chrome"},
	} {
		for _, after := range []time.Duration{0, 39 * time.Second, 99 * time.Second, 101 * time.Second} {
			t.Run(thief+" after "+after.String(), func(t *testing.T) {
				inWX(t, func(t *testing.T, s *wxServer) {
					a := s.approved(wxApp)
					target := s.redirect(a) + "&fun=new"
					s.get(target)
					all, err := s.service.SessionsOf(t.Context(), alice().Phone)
					s.must(err)
					v := s.credentials(all[0])
					time.Sleep(after) // virtual
					got := s.get(target, how...)
					if !strings.HasPrefix(got.body, "<error><ret>1203</ret>") || got.status != 200 || got.header["Set-Cookie"] != nil {
						t.Errorf("the thief gets %d %s %q", got.status, got.body, got.header["Set-Cookie"])
					}
					want, answer := "1101", "<error><ret>1203</ret>"
					if after > 100*time.Second { // too late for the ticket ever to have been good
						want = "0"
					}
					if code := s.sync(t, v); code != want {
						t.Errorf("retcode %s, want %s", code, want)
					}
					if again := s.get(target); !strings.HasPrefix(again.body, answer) {
						t.Errorf("the first client gets %s", again.body)
					}
				})
			})
		}
	}
}

// Whoever redeems first, a browser that is held in synccheck hears of the theft.
func TestAHeldSynccheckHearsThatItsSessionIsVoid(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.approved(wxApp)
		target := s.redirect(a) + "&fun=new"
		s.get(target)
		theft := s.later(7*time.Second, func(context.Context) error { s.get(target, "User-Agent: Chrome"); return nil })
		begin := time.Now()
		if code := s.sync(t); code != "1101" || time.Since(begin) != 7*time.Second {
			t.Errorf("retcode %s after %v", code, time.Since(begin))
		}
		<-theft
	})
}

// A redirect_uri is signed: a ticket in another frame of parameters is none.
func TestAnAlteredRedirectIsRefusedAndConsumesNothing(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		target := s.redirect(s.approved(wxApp))
		for _, altered := range []string{
			strings.Replace(target, "lang=en", "lang=de", 1),
			strings.Replace(target, "state=", "state=x", 1),
			strings.Replace(target, "kid=k1", "kid=k2", 1),
			strings.Replace(target, "&sig=", "&gis=", 1),
			strings.Replace(target, "&uuid=", "&uuid=a", 1),
			target + "&state=",
			target + "&ticket=",
			target + "&sig=x",
			target[:len(target)-1],
			target + "A",
			target + "&x=%zz",
		} {
			if got := s.get(altered + "&fun=new"); !strings.HasPrefix(got.body, "<error><ret>1203</ret>") || got.header["Set-Cookie"] != nil {
				t.Errorf("%s gives %s", altered, got.body)
			}
		}
		if got := s.get(target + "&lang=zh_CN&fun=new&version=v2"); !strings.HasPrefix(got.body, "<error><ret>0</ret>") {
			t.Errorf("with the second lang that Mojo-Weixin adds: %s", got.body)
		}
	})
}

// The site behind an app without the login page redeems its tickets itself.
func TestATicketOfAnAppWithoutTheLoginPageIsNotUsedUp(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.approved("plain")
		_, query, _ := strings.Cut(s.redirect(a), "?")
		if got := s.get(wxCGI + "webwxnewloginpage?" + query + "&fun=new"); !strings.HasPrefix(got.body, "<error><ret>1203</ret>") {
			t.Errorf("the login page says %s", got.body)
		}
		ticket, _, _ := strings.Cut(strings.TrimPrefix(query, "ticket="), "&")
		if _, err := s.service.RedeemTicket(t.Context(), "plain", ticket); err != nil {
			t.Errorf("the site gets %v", err)
		}
	})
}
