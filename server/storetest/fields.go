package storetest

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"qrlatch/server/login"
)

// fields saves a login, and a short code, in which nothing is zero: a store that writes records down
// must not lose or round any of it.
func fields(t *testing.T, store login.Store) {
	at := func(d time.Duration) time.Time { return time.Now().Add(d).Truncate(time.Microsecond).UTC() }
	want := login.Login{
		Handle: "handle", ID: login.HashedSecret{1}, KeyID: "k1", Binding: login.HashedSecret{2},
		App: "shop", RedirectURI: "https://shop.example/in?a=1", SiteState: "st\"<ate>", Lang: "zh_CN",
		Browser: login.Browser{Addr: netip.MustParseAddr("2001:db8::1"), UserAgent: "Mozilla/4.0 (compatible; MSIE 6.0)"},
		State:   login.Approved, Deadline: at(time.Minute), Started: at(-3 * time.Second),
		Scanned: at(-2 * time.Second), Approved: at(-time.Second), Redeemed: at(0),
		Phone:   login.Phone{Issuer: "https://id.example", Subject: "爱丽丝"},
		Profile: login.Profile{Name: "Alice O'Hara", Picture: "https://id.example/a.png"},
		Push:    true, Renewed: "renewed", Bound: true, Ahead: 7, UserCode: 3, Typed: true, Risk: login.RiskStale | login.RiskPlace, NumberRequired: true, WrongNumbers: 2,
		Nonce: [16]byte{3}, Redeemer: login.HashedSecret{4}, Void: true, Told: 5,
	}
	ctx := context.Background()
	store.Logins.Notify(func(login.Handle) {})
	if err := store.Logins.Create(ctx, want); err != nil {
		t.Fatal(err)
	}
	got, err := store.Logins.Get(ctx, want.Handle)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("read %+v\nwant %+v", got, want)
	}

	code := login.UserCode{ID: "id", Login: want.Handle, Expires: at(time.Minute)}
	store.UserCodes.Notify(func(login.UserCodeID) {})
	if err := store.UserCodes.Create(ctx, code); err != nil {
		t.Fatal(err)
	}
	if got, err := store.UserCodes.Get(ctx, code.ID); err != nil || got != code {
		t.Errorf("read %+v, %v\nwant %+v", got, err, code)
	}
}
