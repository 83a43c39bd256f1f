package login

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redirectParams are the query parameters that a redirect_uri is given, in the
// order in which they are signed. The signature comes after them.
var redirectParams = []string{"ticket", "uuid", "lang", "scan", "state", "kid"}

// RedirectParameters are the query parameters that a redirect_uri is given. A
// registered one must not have any of them.
func RedirectParameters() []string { return append(slices.Clone(redirectParams), "sig") }

func newNonce() (n [16]byte) {
	_, _ = rand.Read(n[:])
	return n
}

// ticket is derived, so that a repeated answer carries the same one on any node:
// handle, by which it finds its login, and a MAC over the nonce of the approval.
func ticket(key Key, l *Login) string {
	var room [64]byte
	b := append(room[:0], l.Handle...)
	return string(key.appendWord(b, secretBytes, labelTicket, string(l.Handle), string(l.Nonce[:])))
}

// RedirectURI returns where the browser of an approved login goes: its registered
// URI with a one-time ticket, signed. ok is false in any other state.
func (s *Service) RedirectURI(l Login) (uri string, ok bool) {
	key, known := s.Keys().Key(l.KeyID)
	if !known || l.State != Approved {
		return "", false
	}
	query := redirectQuery(func(name string) string {
		switch name {
		case "ticket":
			return ticket(key, &l)
		case "uuid":
			return string(l.Handle)
		case "lang":
			return l.Lang
		case "scan":
			return strconv.FormatInt(l.Scanned.Unix(), 10)
		case "state":
			return l.SiteState
		}
		return key.ID // "kid"
	})
	base, sep := l.RedirectURI.String(), "?"
	if strings.Contains(base, "?") {
		sep = "&"
	}
	return base + sep + query + "&sig=" + redirectSignature(key, query), true
}

// redirectQuery writes the signed parameters in their one canonical form: clients
// reorder and re-encode what they were given.
func redirectQuery(value func(name string) string) string {
	var b strings.Builder
	b.Grow(200) // most have less
	for i, name := range redirectParams {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(escaped(value(name)))
	}
	return b.String()
}

// escaped leaves words of our own as they are.
func escaped(text string) string {
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return unreserved.Replace(url.QueryEscape(text))
		}
	}
	return text
}

// unreserved goes on where QueryEscape stops: only letters, digits, - and _ stand for
// themselves, since clients cut at other signs, and some decode + as in a path.
var unreserved = strings.NewReplacer("+", "%20", ".", "%2E", "~", "%7E")

func redirectSignature(key Key, query string) string {
	return key.word(sha256.Size, labelRedirect, query)
}

// RedeemPage redeems the ticket in the query of a redirect_uri for the browser that
// asks, as the WeChat login page does. The browser that redeemed gets the same
// session again for 40 s. Any other one gets ErrRefused, and if it comes while the
// ticket could still have been good, the session is void: one of the two stole it.
func (s *Service) RedeemPage(ctx context.Context, query interface{ Get(name string) string }, client Browser) (Session, error) {
	key, ok := s.Keys().Key(query.Get("kid"))
	if !ok || !hmac.Equal([]byte(query.Get("sig")), []byte(redirectSignature(key, redirectQuery(query.Get)))) {
		s.step(&Step{Name: StepRedeem, Result: StepRefused, Began: time.Now()})
		return Session{}, ErrRefused
	}
	client.UserAgent = cut(client.UserAgent, maxUserAgent)
	return s.redeem(ctx, query.Get("ticket"), redeemer{
		id:    client.client(),
		by:    client,
		again: func(l *Login, now time.Time) bool { return now.Before(l.Redeemed.Add(grace)) },
		may:   (*App).HasLoginPage,
	})
}

// RedeemTicket redeems a ticket for a site that has proved to be app. A second time
// gives ErrRedeemed and harms nothing. After any other error it can be tried again: the
// session has not been given to anybody.
func (s *Service) RedeemTicket(ctx context.Context, app, ticket string) (Session, error) {
	return s.redeem(ctx, ticket, redeemer{
		id:   hashSecret("app " + app),
		site: true,
		may:  func(a *App) bool { return a.ID == app },
	})
}

// redeemer is one who presents a ticket.
type redeemer struct {
	id    HashedSecret
	by    Browser                      // for the record
	site  bool                         // it proved itself by the app's secret
	again func(*Login, time.Time) bool // whether id may have the same session once more; nil: never
	may   func(*App) bool              // whether the ticket's app lets it redeem at all
}

func (s *Service) redeem(ctx context.Context, text string, by redeemer) (Session, error) {
	step := Step{Name: StepRedeem, Result: StepRefused, Site: by.site, Began: time.Now()}
	defer func() { s.step(&step) }()
	if !wellFormed(text, handleBytes+secretBytes) {
		return Session{}, ErrRefused
	}
	var saw redemption // by the last run of the change
	redeem := func(l *Login) error {
		saw = redemption{}
		now := time.Now()
		key, ok := s.Keys().Key(l.KeyID)
		app, known := s.App(l.App)
		if !ok || !known || l.Approved.IsZero() || !hmac.Equal([]byte(ticket(key, l)), []byte(text)) {
			return ErrRefused
		}
		if saw.key, saw.ours = key, true; !by.may(app) {
			return ErrRefused
		}
		switch state := l.stateAt(now); {
		case state == Approved:
			l.become(Redeemed)
			l.Redeemed, l.Redeemer = now, by.id
			l.Deadline = l.Deadline.Add(grace) // until then a second presenter voids the session
			return nil
		case state != Redeemed || l.Void:
			return ErrRefused
		case l.Redeemer == by.id && s.unopened(l, now):
			return errUnchanged // the store failed before there was a session: the same one goes on
		case l.Redeemer == by.id && by.again != nil && by.again(l, now):
			return errUnchanged
		case by.site || l.Redeemer == by.id:
			return ErrRedeemed
		case l.Redeemer == hashSecret("app "+l.App):
			return ErrRefused // the site has it, and proved itself: nothing was stolen
		case now.Before(l.Deadline):
			l.Void, saw.stolen = true, true
			return nil
		}
		return ErrRefused
	}
	l, err := s.store.Logins.Update(ctx, Handle(text[:handleLen]), func(l *Login) error {
		err := redeem(l)
		if saw.ours && (errors.Is(err, ErrRefused) || errors.Is(err, ErrRedeemed)) && l.noteRefusal(by.id) {
			saw.refused = err
			return nil // save the note, and nothing else has changed
		}
		return err
	})
	var session SessionID
	if saw.ours {
		session = sessionID(saw.key, text)
	}
	if err == nil {
		step.Login = l
		s.tellRedemption(ctx, &l, session, &by, saw)
		err = saw.refused
	}
	step.Result = stepResult(err, saw.stolen)
	switch {
	case errors.Is(err, ErrNotFound):
		return Session{}, ErrRefused
	case err != nil && !errors.Is(err, errUnchanged):
		return Session{}, wrap("redeem", err)
	case saw.stolen:
		return Session{}, errors.Join(ErrRefused, s.end(ctx, session, Voided, EventSignOut))
	}
	return s.openSession(ctx, saw.key, session, &l, by.again != nil)
}

// redemption is what was found out of a ticket that was presented.
type redemption struct {
	refused error
	stolen  bool
	ours    bool // it is a ticket of this login
	key     Key  // of the login
}

// tellRedemption tells what became of a ticket. Of texts that are no ticket of ours
// nothing is told: anybody can send those, as many as he likes.
func (s *Service) tellRedemption(ctx context.Context, l *Login, session SessionID, by *redeemer, saw redemption) {
	s.tell(ctx, func() Event {
		e := loginEvent(EventRedeem, l)
		switch {
		case saw.stolen:
			e.Name = EventTicketReused
		case saw.refused != nil:
			e.Name = EventTicketRefused
		}
		if l.State == Approved || l.State == Redeemed {
			e.Session = session
		}
		e.Presenter = by.by
		return e
	})
}

// refusalsTold is how many refusals of one ticket are told. Whoever has a ticket that is
// used up, or has run out, may present it as often as he likes, under as many names as
// he likes, until its login is forgotten: he must not fill the record.
const refusalsTold = 8

// refusalTold is the first of so many marks. Those of passkeys stand before it, and the
// dialects' own begin at the other end.
const refusalTold Mark = 1 << 8

// noteRefusal notes that a ticket of l was refused to id, and reports whether that is new
// and so to be told. Of one client it is told once; there is a mark for each eighth of
// all clients, so of two that share one only the first is told.
func (l *Login) noteRefusal(id HashedSecret) (first bool) {
	mark := refusalTold << (id[0] % refusalsTold)
	first = l.Told&mark == 0
	l.Told |= mark
	return first
}
