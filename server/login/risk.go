package login

import (
	"context"
	"slices"
	"time"
)

// This file says why a scan may be that of a relay: a code that somebody passed on, of a
// login that is not the scanner's own (QRLjacking). A sign proves nothing. It is told to
// the phone, and by the rule of the app it asks for the number that only the browser shows.

// Risk is a set of signs of a relay.
type Risk uint8

// The signs.
const (
	RiskStale         Risk = 1 << iota // the code is older than the slot before the current one
	RiskTyped                          // it was the short code, which can be told by telephone
	RiskAhead                          // the code's slot had yet to come
	RiskSecondWatcher                  // two addresses waited for this login, or asked for it, when it was scanned
	RiskDelay                          // nobody had asked for this login for a while
	RiskPlace                          // browser and phone, or a push login's browser and itself before, are in different countries or networks
)

// signs are the words of the protocol, in the order in which they are told.
var signs = [...]struct {
	risk Risk
	word string
}{
	{RiskStale, "stale_code"},
	{RiskTyped, "typed_code"},
	{RiskAhead, "code_ahead"},
	{RiskSecondWatcher, "second_watcher"},
	{RiskDelay, "delay"},
	{RiskPlace, "place"},
}

// Reasons names the signs. It is never nil.
func (r Risk) Reasons() []string {
	words := make([]string, 0, len(signs))
	for _, s := range signs {
		if r&s.risk != 0 {
			words = append(words, s.word)
		}
	}
	return words
}

// risk looks at what a phone has scanned, having seen it at the time seen.
func (s *Service) risk(ctx context.Context, scanned sight, who Identity, l Login, seen time.Time) Risk {
	var r Risk
	app, ok := s.App(l.App)
	unbound := ok && app.UnboundScan
	add := func(sign Risk, there bool) {
		if there {
			r |= sign
		}
	}
	add(RiskStale, scanned.stale)
	add(RiskTyped, scanned.typed)
	add(RiskAhead, scanned.early)
	var room [8]watcher
	waits, heard := s.present(room[:0], l.Handle)
	for _, b := range s.elsewhere(ctx, l.Handle) {
		if b.Waiting {
			waits = append(waits, b.watcher())
		} else {
			heard.add(b)
		}
	}
	heard.anybody = heard.anybody || len(waits) > 0
	if scanned.bound && !unbound {
		// Whoever saw the drawn code may wait with it, and will be sent away. It must not
		// cost the person a number, which clients that draw the code rarely show.
		waits = slices.DeleteFunc(waits, func(w watcher) bool { return !w.binding })
		heard.strangers = false
	} else if heard.network != (NetworkKey{}) {
		waits = append(waits, watcher{network: heard.network}) // asks now and then, or has just gone
	}
	add(RiskSecondWatcher, strangers(waits) || heard.strangers)
	// A person who scans has the page open, and an open page waits, or asks every few
	// seconds. Who made the picture for somebody else may do neither. Of the time when a
	// person saw the code and signed in first, nothing is known any more.
	heard.anybody = heard.anybody || time.Since(l.Started) <= absence
	add(RiskDelay, !heard.anybody && time.Since(seen) <= absence)
	if apart := s.config.Load().Apart; apart != nil {
		add(RiskPlace, apart(l.Browser.Addr, who.Addr))
	}
	return r
}

// strangers tells whether two of those who wait are not the same customer of a
// provider. A browser that comes back, or goes on in another dialect, is no stranger to
// itself; of one whose address is unknown nothing is said.
//
// A browser that has just changed its network is taken for two: what it left behind may
// be open still, or is remembered for a while, and looks just like somebody who takes
// turns with it. That is the lesser evil. It costs two digits, and never a login where the
// browser can show them; a rule that let it pass would let a watcher pass who is careful
// not to be there at the same moment.
func strangers(waits []watcher) bool {
	var first watcher
	for _, w := range waits {
		switch {
		case w.network == NetworkKey{}:
		case first.network == NetworkKey{}:
			first = w
		case w.network != first.network:
			return true
		}
	}
	return false
}

// NumberShown tells whether a browser that waits for l, or has asked for it lately, can
// show people its number. Without one nobody can know it.
func (s *Service) NumberShown(l Login) bool {
	waits, heard := s.present(nil, l.Handle)
	return heard.able ||
		slices.ContainsFunc(waits, func(w watcher) bool { return w.showsNumber }) ||
		slices.ContainsFunc(s.elsewhere(context.Background(), l.Handle), func(b Hearing) bool { return b.ShowsNumber })
}

// elsewhere is what the other nodes have heard. If the store fails there is what this one knows:
// then the number is asked for more often than it need be.
func (s *Service) elsewhere(ctx context.Context, h Handle) []Hearing {
	if s.store.Audience == nil {
		return nil
	}
	all, err := s.store.Audience.Heard(ctx, h)
	if err != nil {
		return nil
	}
	now := time.Now()
	return slices.DeleteFunc(all, func(b Hearing) bool { return !b.lately(now) })
}
