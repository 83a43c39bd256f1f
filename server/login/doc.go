// Package login is the domain of qrlatch: one attempt of a browser (the
// initiating device) to be let in by a phone (the authorization device) that is
// already signed in, and the session that comes of it. It knows nothing of HTTP,
// of any wire format or of any database.
//
// A login goes through these states and never comes back to one:
//
//	           Scan              Approve              Redeem
//	pending ─────────► scanned ─────────► approved ─────────► redeemed
//	   │                  │ │                 │
//	   │                  │ └──► denied       │
//	   └──────────────────┴─────► expired ◄───┘
//
// Because no state repeats, the state a browser has last seen is a cursor:
// [Service.Watch] fires when the login is in any other state. WeChat's tip, the
// Last-Event-ID of a stream and the since of a long poll are all this cursor.
//
// Five invariants hold throughout:
//
//  1. The login id, which collects the login, and the scan code, which is shown in
//     a picture, are unrelated: neither can be computed from the other. A photo of
//     the screen cannot collect the login (SECURITY: session spying, QRLjacking).
//  2. A [Store] holds no secret. Login ids are kept as hashes; scan codes, tickets
//     and session credentials are derived from the keys when they are needed.
//  3. What may have to be handed out twice is derived, so it comes out the same on
//     a retry, on another node and after a write that was lost.
//  4. Every transition is one compare-and-swap on one record.
//  5. A waiting browser owns no goroutine and no timer here.
package login
