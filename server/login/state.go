package login

import "slices"

// State is how far a login has come. The zero State is none of them: as a cursor
// it means "has seen nothing yet".
type State uint8

// The states, in the order in which a login may come to them.
const (
	Pending  State = iota + 1 // waits for a phone to scan its code
	Scanned                   // a phone has it on its screen and has not decided
	Approved                  // the phone said yes; the browser has not collected
	Redeemed                  // the browser has collected: a session exists
	Denied                    // the phone said no, or gave three wrong numbers
	Expired                   // nobody came in time
)

// next lists the states that each state may become. Nothing ever returns to an
// earlier state, which is why a state can serve as a cursor.
var next = map[State][]State{
	Pending:  {Scanned, Expired},
	Scanned:  {Approved, Denied, Expired},
	Approved: {Redeemed, Expired},
	Redeemed: {},
	Denied:   {},
	Expired:  {},
}

var stateNames = map[State]string{
	Pending: "pending", Scanned: "scanned", Approved: "approved",
	Redeemed: "redeemed", Denied: "denied", Expired: "expired",
}

// String returns the name of RFC 8628's vocabulary, in lower case, or "" for the
// zero State.
func (s State) String() string { return stateNames[s] }

// ParseState is the inverse of String. The empty text is the zero State.
func ParseState(text string) (State, bool) {
	for s, name := range stateNames {
		if name == text {
			return s, true
		}
	}
	return 0, text == ""
}

// Final tells whether a login in this state can no longer change.
func (s State) Final() bool { return s >= Redeemed }

// May tells whether a login in state s may become to.
func (s State) May(to State) bool { return slices.Contains(next[s], to) }
