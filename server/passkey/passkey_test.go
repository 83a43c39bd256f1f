package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/passkey"
	"qrlatch/server/passkey/passkeytest"
)

const (
	host   = "login.example"
	origin = "https://login.example"
)

var (
	alice = login.Phone{Issuer: "https://id.example", Subject: "alice"}
	bob   = login.Phone{Issuer: "https://id.example", Subject: "bob"}
)

func party() *passkey.RelyingParty {
	return &passkey.RelyingParty{ID: host, Origins: []string{origin, "android:apk-key-hash:abc"}}
}

func ring(t testing.TB, lines ...string) login.Keyring {
	t.Helper()
	keys, err := login.ParseKeys(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func signedIn(who login.Phone) login.Identity {
	return login.Identity{Phone: who, AuthTime: time.Now()}
}

func written(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// enrol is what a phone does whose person has just signed in.
func enrol(t testing.TB, r *passkey.RelyingParty, keys login.Keyring, who login.Identity, a *passkeytest.Authenticator) (string, error) {
	t.Helper()
	options, err := r.Creation(keys, who)
	if err != nil {
		return "", err
	}
	sealed, expires, err := r.Enrol(keys, who, a.Create(written(t, options)))
	if left := time.Until(expires); err == nil && (left > passkey.Life || left < passkey.Life-time.Minute) {
		t.Errorf("it expires at %v", expires)
	}
	return sealed, err
}

func mustEnrol(t testing.TB, keys login.Keyring, who login.Phone, a *passkeytest.Authenticator) string {
	t.Helper()
	sealed, err := enrol(t, party(), keys, signedIn(who), a)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestAPasskeySignsOneChallengeForOnePhoneWithItsPersonVerified(t *testing.T) {
	keys := ring(t, login.NewKeyLine())
	this, other := []byte(strings.Repeat("a", 32)), []byte(strings.Repeat("b", 32))
	for _, tc := range []struct {
		name   string
		change func(*passkeytest.Authenticator) // before it signs
		signs  []byte
		by     login.Phone
		want   error
	}{
		{"as it should", nil, this, alice, nil},
		{"by the app of a phone", func(a *passkeytest.Authenticator) { a.Origin = "android:apk-key-hash:abc" }, this, alice, nil},
		{"nobody verified", func(a *passkeytest.Authenticator) { a.Verifies = false }, this, alice, login.ErrPasskeyRefused},
		{"nobody there", func(a *passkeytest.Authenticator) { a.Present = false }, this, alice, login.ErrPasskeyRefused},
		{"another scan", nil, other, alice, login.ErrPasskeyRefused},
		{"another origin", func(a *passkeytest.Authenticator) { a.Origin = "https://login.example.evil" }, this, alice, login.ErrPasskeyRefused},
		{"a sibling's origin", func(a *passkeytest.Authenticator) { a.Origin = "https://evil.login.example" }, this, alice, login.ErrPasskeyRefused},
		{"another scheme", func(a *passkeytest.Authenticator) { a.Origin = "http://login.example" }, this, alice, login.ErrPasskeyRefused},
		{"another app of the phone", func(a *passkeytest.Authenticator) { a.Origin = "android:apk-key-hash:abd" }, this, alice, login.ErrPasskeyRefused},
		{"another rp id", func(a *passkeytest.Authenticator) { a.RPID = "example" }, this, alice, login.ErrPasskeyRefused},
		{"another passkey", func(a *passkeytest.Authenticator) { *a = *passkeytest.New(t, host, origin) }, this, alice, login.ErrPasskeyRefused},
		{"another phone", nil, this, bob, login.ErrPasskeyUnknown},
		{"the same subject of another issuer", nil, this, login.Phone{Issuer: "tokens", Subject: "alice"}, login.ErrPasskeyUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := passkeytest.New(t, host, origin)
			sealed := mustEnrol(t, keys, alice, a)
			if tc.change != nil {
				tc.change(a)
			}
			assertion := a.Get(written(t, party().Request(tc.signs)))
			if err := party().Verify(keys, tc.by, this, login.Passkey{Credential: sealed, Assertion: assertion}); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestASignatureOfSomethingElseIsRefused(t *testing.T) {
	keys, a := ring(t, login.NewKeyLine()), passkeytest.New(t, host, origin)
	sealed := mustEnrol(t, keys, alice, a)
	challenge := []byte(strings.Repeat("a", 32))
	good := string(a.Get(written(t, party().Request(challenge))))
	options, err := party().Creation(keys, signedIn(alice))
	if err != nil {
		t.Fatal(err)
	}
	for name, assertion := range map[string]string{
		"nothing":          ``,
		"no JSON":          `{`,
		"null":             `null`,
		"an empty object":  `{}`,
		"an enrolment":     string(a.Create(written(t, options))),
		"a signature less": strings.Replace(good, `"signature":"`, `"x":"`, 1),
		"another bit":      strings.Replace(good, `"signature":"ME`, `"signature":"MF`, 1),
		"two of them":      good + good,
		"too long":         strings.TrimSuffix(good, "}") + `,"x":"` + strings.Repeat("x", 9000) + `"}`,
	} {
		if err := party().Verify(keys, alice, challenge, login.Passkey{Credential: sealed, Assertion: []byte(assertion)}); !errors.Is(err, login.ErrPasskeyRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASealedCredentialIsGoodForItsTimeAndItsKeyAndAsItWasSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, line := login.NewKeyLine(), login.NewKeyLine()
		keys, a := ring(t, old), passkeytest.New(t, host, origin)
		sealed := mustEnrol(t, keys, alice, a)
		if again := mustEnrol(t, keys, alice, a); again == sealed {
			t.Error("two seals are the same bytes")
		}
		kid, body, _ := strings.Cut(sealed, ".")
		good := func(keys login.Keyring, r *passkey.RelyingParty, sealed string) bool {
			_, ok := r.Enrolled(keys, alice, sealed)
			err := r.Verify(keys, alice, []byte("x"), login.Passkey{Credential: sealed, Assertion: a.Get(written(t, r.Request([]byte("x"))))})
			if ok != (err == nil) || err != nil && !errors.Is(err, login.ErrPasskeyUnknown) {
				t.Errorf("Enrolled says %v and Verify %v", ok, err)
			}
			return ok
		}
		raw, err := base64.RawURLEncoding.DecodeString(body)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			raw[i] ^= 1
			if good(keys, party(), kid+"."+base64.RawURLEncoding.EncodeToString(raw)) {
				t.Fatalf("altered at %d, and taken", i)
			}
			raw[i] ^= 1
		}
		for _, bad := range []string{"", ".", kid, kid + ".", "." + body, body, sealed + "A", sealed + ".", sealed + "\n", "x" + sealed, kid + "." + strings.Repeat("A", 4000)} {
			if good(keys, party(), bad) {
				t.Errorf("%.40q is taken", bad)
			}
		}
		if elsewhere := party(); true {
			elsewhere.ID = "example"
			if good(keys, elsewhere, sealed) {
				t.Error("it is taken for another name of this server")
			}
		}
		if !good(ring(t, line, old), party(), sealed) {
			t.Error("a new key has made it worthless")
		}
		if good(ring(t, line), party(), sealed) {
			t.Error("it is taken although its key is gone")
		}
		time.Sleep(passkey.Life - time.Second)
		if !good(keys, party(), sealed) {
			t.Error("it has ended too early")
		}
		time.Sleep(time.Second)
		if good(keys, party(), sealed) {
			t.Error("it does not end")
		}
	})
}

func TestAnEnrolmentNeedsAFreshSignInAndItsOwnChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, a, demo := ring(t, login.NewKeyLine()), passkeytest.New(t, host, origin), party()
		demo.AnySignIn = true
		for _, tc := range []struct {
			name string
			r    *passkey.RelyingParty
			at   time.Time
			want error
		}{
			{"just now", party(), time.Now(), nil},
			{"almost five minutes ago", party(), time.Now().Add(time.Second - passkey.FreshFor), nil},
			{"by a clock that is ahead", party(), time.Now().Add(30 * time.Second), nil},
			{"five minutes ago", party(), time.Now().Add(-passkey.FreshFor), passkey.ErrStale},
			{"in the future", party(), time.Now().Add(time.Hour), passkey.ErrStale},
			{"nobody knows when", party(), time.Time{}, passkey.ErrUndated},
			{"in a demo", demo, time.Time{}, nil},
		} {
			who := login.Identity{Phone: alice, AuthTime: tc.at}
			if _, err := enrol(t, tc.r, keys, who, a); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v", tc.name, err)
			}
			options, err := party().Creation(keys, signedIn(alice))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := tc.r.Enrol(keys, who, a.Create(written(t, options))); !errors.Is(err, tc.want) {
				t.Errorf("%s, with the options of a fresh one: %v", tc.name, err)
			}
		}
		options, err := demo.Creation(keys, signedIn(alice))
		if err != nil {
			t.Fatal(err)
		}
		answer := a.Create(written(t, options))
		if _, _, err := demo.Enrol(keys, signedIn(bob), answer); !errors.Is(err, passkey.ErrInvalid) {
			t.Errorf("Bob enrols with Alice's options: %v", err)
		}
		if _, _, err := demo.Enrol(ring(t, login.NewKeyLine()), signedIn(alice), answer); !errors.Is(err, passkey.ErrInvalid) {
			t.Errorf("with options of another server: %v", err)
		}
		time.Sleep(passkey.FreshFor)
		if _, _, err := demo.Enrol(keys, signedIn(alice), answer); !errors.Is(err, passkey.ErrInvalid) {
			t.Errorf("with old options: %v", err)
		}
	})
}

func TestOnlyAnAuthenticatorThatVerifiesItsPersonIsEnrolled(t *testing.T) {
	keys := ring(t, login.NewKeyLine())
	for name, tc := range map[string]struct {
		change func(*passkeytest.Authenticator)
		want   error
	}{
		"as it should":          {func(*passkeytest.Authenticator) {}, nil},
		"a maker's attestation": {func(a *passkeytest.Authenticator) { a.Format = "packed" }, nil}, // is not looked at
		"nobody verified":       {func(a *passkeytest.Authenticator) { a.Verifies = false }, passkey.ErrInvalid},
		"nobody there":          {func(a *passkeytest.Authenticator) { a.Present = false }, passkey.ErrInvalid},
		"another origin":        {func(a *passkeytest.Authenticator) { a.Origin = "https://evil.example" }, passkey.ErrInvalid},
		"another rp id":         {func(a *passkeytest.Authenticator) { a.RPID = "evil.example" }, passkey.ErrInvalid},
	} {
		a := passkeytest.New(t, host, origin)
		tc.change(a)
		if _, err := enrol(t, party(), keys, signedIn(alice), a); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "null", "{}", "[]", `{"id":"eA","rawId":"eA","type":"public-key","response":{}}`} {
		if _, _, err := party().Enrol(keys, signedIn(alice), []byte(bad)); !errors.Is(err, passkey.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What phones are given is read by their systems, which want these very members.
func TestTheOptionsAreThoseOfWebAuthn(t *testing.T) {
	keys := ring(t, login.NewKeyLine())
	got := string(written(t, party().Request([]byte("abc"), []byte("id"))))
	if want := `{"challenge":"YWJj","timeout":120000,"rpId":"login.example","allowCredentials":[{"type":"public-key","id":"aWQ"}],"userVerification":"required"}`; got != want {
		t.Errorf("request: %s", got)
	}
	creation, err := party().Creation(keys, login.Identity{Phone: alice, Profile: login.Profile{Name: "Alice"}, AuthTime: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		RP                     struct{ ID, Name string }
		User                   struct{ ID, Name, DisplayName string }
		Challenge, Attestation string
		PubKeyCredParams       []struct{ Alg int }
		AuthenticatorSelection struct{ UserVerification, ResidentKey string }
	}
	if err := json.Unmarshal(written(t, creation), &said); err != nil {
		t.Fatal(err)
	}
	if said.RP.ID != host || said.RP.Name == "" || len(said.User.ID) != 43 || said.User.Name != "Alice" || said.User.DisplayName != "Alice" ||
		said.Attestation != "none" || len(said.PubKeyCredParams) != 3 || said.AuthenticatorSelection.UserVerification != "required" || len(said.Challenge) < 43 {
		t.Errorf("creation: %s", written(t, creation))
	}
	if strings.Contains(string(written(t, creation)), alice.Subject+`"`) {
		t.Errorf("the authenticator is told the subject: %s", written(t, creation))
	}
}
