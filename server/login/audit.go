package login

import (
	"context"
	"net/netip"
	"time"
)

// Event is something that was done, for whoever has to know it later. It holds no
// secret: Login and Session are public names, which open nothing.
type Event struct {
	Name      EventName
	Time      time.Time
	App       string
	Login     Handle
	Session   SessionID // empty before there is one
	Phone     Phone
	PhoneAddr netip.Addr // where the phone's request came from; the zero Addr: no phone asked for this
	Browser   Browser    // of the login
	Presenter Browser    // who presented the ticket; the zero Browser: the site itself, or nobody
	Push      bool       // the browser asked for this person, nobody scanned
	Unbound   bool       // anybody with the login id may collect it: App.UnboundScan
	Risk      Risk
	Number    NumberCheck
	Ended     Ending // why the session is over
	BySite    bool   // its site asked for that end, and so knows
}

// EventName says what was done.
type EventName string

// The events. One is told for each change, after it was saved; a repeated request that
// changes nothing tells nothing. A refused ticket changes nothing but that it is noted:
// it is told once of each client, and at most eight times of a login. A refused passkey is
// told at most three times of a login.
const (
	EventScan           EventName = "scan"
	EventPush           EventName = "push" // a browser asked its person without a scan
	EventApprove        EventName = "approve"
	EventDeny           EventName = "deny"
	EventWrongNumber    EventName = "wrong_number"    // the third denies the login
	EventPasskeyRefused EventName = "passkey_refused" // one was shown that does not approve: somebody else may hold the phone
	EventRedeem         EventName = "redeem"
	EventSignOut        EventName = "sign_out"
	EventNotMe          EventName = "not_me"         // signed out by who says it was not them
	EventTicketRefused  EventName = "ticket_refused" // a real ticket, but late, twice or by another app
	EventTicketReused   EventName = "ticket_reused"  // by another client: the session is void
)

// NumberCheck is how far the check of the number has come.
type NumberCheck string

// The checks.
const (
	NumberNone   NumberCheck = "none"   // the login needs none
	NumberAsked  NumberCheck = "asked"  // the phone has not repeated it yet
	NumberRight  NumberCheck = "right"  // the phone has
	NumberWrong  NumberCheck = "wrong"  // once or twice
	NumberFailed NumberCheck = "failed" // three times: the login is denied
)

// numberCheck is how it stands with the number of l.
func (l *Login) numberCheck() NumberCheck {
	switch {
	case !l.NumberRequired:
		return NumberNone
	case !l.Approved.IsZero():
		return NumberRight
	case l.WrongNumbers >= maxWrongNumbers:
		return NumberFailed
	case l.WrongNumbers > 0:
		return NumberWrong
	}
	return NumberAsked
}

type phoneAddr struct{}

// FromPhone notes in ctx where the request of a phone came from. It is for the record
// only: nothing is decided by it.
func FromPhone(ctx context.Context, addr netip.Addr) context.Context {
	return context.WithValue(ctx, phoneAddr{}, addr.Unmap())
}

// tell gives an event to whoever keeps the record, and has it made only if somebody does.
func (s *Service) tell(ctx context.Context, event func() Event) {
	addr, _ := ctx.Value(phoneAddr{}).(netip.Addr)
	s.tellFrom(addr, event)
}

// tellFrom is tell for what a phone at addr has asked for.
func (s *Service) tellFrom(addr netip.Addr, event func() Event) {
	audit := s.config.Load().Audit
	if audit == nil {
		return
	}
	e := event()
	e.Time, e.PhoneAddr = time.Now(), addr.Unmap()
	audit(e)
}

// tellLogin tells of a login what its record says.
func (s *Service) tellLogin(ctx context.Context, name EventName, l *Login) {
	s.tell(ctx, func() Event { return loginEvent(name, l) })
}

func loginEvent(name EventName, l *Login) Event {
	return Event{
		Name: name, App: l.App, Login: l.Handle, Phone: l.Phone, Browser: l.Browser.Shown(),
		Push: l.Push, Risk: l.Risk, Number: l.numberCheck(),
	}
}

// sessionEvent completes told, which has the name of the event.
func sessionEvent(told Event, v Session) Event {
	told.App, told.Login, told.Session, told.Phone, told.Ended = v.App, v.Login, v.ID, v.Phone, v.Ended
	told.Browser = v.Browser.Shown()
	return told
}
