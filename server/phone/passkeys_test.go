package phone

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/passkey"
	"qrlatch/server/passkey/passkeytest"
)

const passkeyOrigin = "https://login.example"

// dated says when the people of other authenticators have signed in: nobody else does, of
// fixed tokens.
type dated struct {
	Authenticator
	at time.Time
}

func (d *dated) Authenticate(ctx context.Context, bearer string) (login.Identity, error) {
	who, err := d.Authenticator.Authenticate(ctx, bearer)
	who.AuthTime = d.at
	return who, err
}

// vault is a server with an app that asks for a passkey and a number.
type vault struct {
	*server
	people  *dated
	alice   *passkeytest.Authenticator
	service *login.Service
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{people: &dated{at: time.Now()}, alice: passkeytest.New(t, "login.example", passkeyOrigin)}
	party := &passkey.RelyingParty{ID: "login.example", Origins: []string{passkeyOrigin}}
	v.server = newServer(t, func(a *API) {
		v.people.Authenticator = a.Auth
		a.Auth, a.Passkeys, v.service = v.people, party, a.Service
		a.Service.Configure(login.Config{Keys: a.Service.Keys(), Passkeys: party, Apps: []login.App{
			{ID: "shop", Name: "Shop", RedirectURIs: []string{"https://shop.example/in"}},
			{ID: "vault", Name: "Vault", RedirectURIs: []string{"https://vault.example/in"}, Passkey: true, Number: login.NumberAlways},
		}})
	})
	return v
}

// enrols returns what the phone of a token keeps of its passkey.
func (v *vault) enrols(t *testing.T, token string, a *passkeytest.Authenticator) string {
	t.Helper()
	options := v.call(t, token, "POST", "/v1/passkeys/options", "")
	read(t, options, 200)
	got := read(t, v.call(t, token, "POST", "/v1/passkeys", `{"attestation":`+string(a.Create(options.Body.Bytes()))+`}`), 201)
	return got["credential"].(string)
}

// signs returns what a passkey says to the scan at path.
func (v *vault) signs(t *testing.T, a *passkeytest.Authenticator, path string) string {
	t.Helper()
	got := read(t, v.call(t, "alice-token", "GET", path, ""), 200)
	if got["passkey_required"] != true {
		t.Fatalf("no passkey is asked for: %v", got)
	}
	options, err := json.Marshal(got["passkey"])
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Get(options))
}

// yes is the body of an approval.
func yes(number, credential, assertion string) string {
	if assertion == "" {
		return `{"number":"` + number + `"}`
	}
	return `{"number":"` + number + `","passkey":{"credential":"` + credential + `","assertion":` + assertion + `}}`
}

// number is what the browser of the scan at path shows.
func (v *vault) number(t *testing.T, id login.ID) string {
	t.Helper()
	l, err := v.Get(t.Context(), login.Holder{ID: string(id)})
	if err != nil {
		t.Fatal(err)
	}
	number, _ := v.Number(l)
	return number
}

func TestAnApprovalWithoutItsPasskeyIsRefusedAndCostsNothing(t *testing.T) {
	v := newVault(t)
	credential := v.enrols(t, "alice-token", v.alice)
	mallory := passkeytest.New(t, "login.example", passkeyOrigin)
	foreign := v.enrols(t, "bob-token", mallory)
	id, path := v.scanned(t, "vault")
	_, elsewhere := v.scanned(t, "vault")
	number := v.number(t, id)

	good := v.signs(t, v.alice, path)
	v.alice.Verifies = false
	unverified := v.signs(t, v.alice, path)
	v.alice.Verifies, v.alice.Origin = true, "https://evil.example"
	phished := v.signs(t, v.alice, path)
	v.alice.Origin = passkeyOrigin
	replayed := v.signs(t, v.alice, elsewhere)

	for name, tc := range map[string]struct{ body, kind string }{
		"nothing":                    {"", "passkey-required"},
		"the number alone":           {yes(number, "", ""), "passkey-required"},
		"null":                       {`{"number":"` + number + `","passkey":null}`, "passkey-required"},
		"an empty one":               {`{"number":"` + number + `","passkey":{}}`, "passkey-required"},
		"nobody verified":            {yes(number, credential, unverified), "passkey-refused"},
		"signed for another scan":    {yes(number, credential, replayed), "passkey-refused"},
		"signed for another site":    {yes(number, credential, phished), "passkey-refused"},
		"another passkey":            {yes(number, credential, v.signs(t, mallory, path)), "passkey-refused"},
		"another phone's":            {yes(number, foreign, v.signs(t, mallory, path)), "passkey-unknown"},
		"no credential":              {yes(number, "", good), "passkey-unknown"},
		"an altered credential":      {yes(number, credential[:len(credential)-1], good), "passkey-unknown"},
		"a credential and no answer": {`{"number":"` + number + `","passkey":{"credential":"` + credential + `"}}`, "passkey-refused"},
		"an answer that is a text":   {yes(number, credential, `"x"`), "passkey-refused"},
	} {
		for range 4 { // more than wrong numbers would be allowed
			w := v.call(t, "alice-token", "POST", path+"/approve", tc.body)
			if got := read(t, w, 401); got["type"] != "/problems/"+tc.kind {
				t.Errorf("%s: %v", name, got)
			}
			// An app that is told of its token's scheme would drop the token.
			if got := w.Header().Values("WWW-Authenticate"); len(got) != 1 || strings.Contains(got[0], "Bearer") || strings.Contains(got[0], "invalid_token") {
				t.Errorf("%s: it is asked for %q", name, got)
			}
		}
	}
	for name, body := range map[string]string{"a text": `{"passkey":"x"}`, "a list": `{"passkey":[]}`} {
		if got := read(t, v.call(t, "alice-token", "POST", path+"/approve", body), 400); !strings.Contains(got["detail"].(string), `"passkey" of the body must be an object`) {
			t.Errorf("%s: %v", name, got)
		}
	}

	// With the passkey it is the number's turn, and each wrong one counts.
	if got := read(t, v.call(t, "alice-token", "POST", path+"/approve", yes("00", credential, good)), 422); got["type"] != "/problems/wrong-number" {
		t.Errorf("a wrong number: %v", got)
	}
	if got := read(t, v.call(t, "alice-token", "POST", path+"/approve", yes(number, credential, good)), 200); got["state"] != "approved" {
		t.Errorf("approved: %v", got)
	}
	for _, again := range []string{"", yes(number, credential, good), yes("", credential, replayed)} {
		if got := read(t, v.call(t, "alice-token", "POST", path+"/approve", again), 200); got["state"] != "approved" {
			t.Errorf("again: %v", got)
		}
	}
	if got := read(t, v.call(t, "alice-token", "GET", path, ""), 200); got["passkey_required"] != nil || got["passkey"] != nil {
		t.Errorf("an approved scan asks for a passkey: %v", got)
	}
	// No is said without one.
	read(t, v.call(t, "alice-token", "POST", elsewhere+"/deny", ""), 200)
	if got := read(t, v.call(t, "alice-token", "POST", elsewhere+"/approve", yes("", credential, replayed)), 410); got["type"] != "/problems/decided" {
		t.Errorf("after a no: %v", got)
	}
}

func TestOnlyAppsThatAskForAPasskeySaySo(t *testing.T) {
	v := newVault(t)
	_, path := v.scanned(t, "shop")
	if got := v.call(t, "alice-token", "GET", path, ""); strings.Contains(got.Body.String(), "passkey") {
		t.Errorf("the shop: %s", got.Body)
	}
	read(t, v.call(t, "alice-token", "POST", path+"/approve", `{"passkey":{"credential":"x","assertion":{}}}`), 200)

	_, code := v.start(t, "vault")
	got := read(t, v.call(t, "alice-token", "POST", "/v1/scans", `{"code":"`+code+`"}`), 201)
	again := read(t, v.call(t, "alice-token", "GET", "/v1/scans/"+got["id"].(string), ""), 200)
	asked, _ := got["passkey"].(map[string]any)
	if got["passkey_required"] != true || asked["rpId"] != "login.example" || asked["userVerification"] != "required" || len(asked["challenge"].(string)) != 43 {
		t.Errorf("the vault: %v", got)
	}
	if again["passkey"].(map[string]any)["challenge"] != asked["challenge"] {
		t.Error("the challenge changes")
	}
	var list []map[string]any
	check(t, v.call(t, "alice-token", "GET", "/v1/scans", ""), 200, &list)
	if len(list) != 1 || list[0]["passkey_required"] != true {
		t.Errorf("the list: %v", list)
	}
}

func TestAPasskeyIsEnrolledSoonAfterTheSignInOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t)
		options := v.call(t, "alice-token", "POST", "/v1/passkeys/options", "")
		answer := `{"attestation":` + string(v.alice.Create(options.Body.Bytes())) + `}`
		got := read(t, v.call(t, "alice-token", "POST", "/v1/passkeys", answer), 201)
		if want := time.Now().Add(passkey.Life).UTC().Format(time.RFC3339); got["expires_at"] != want || len(got) != 2 {
			t.Errorf("got %v, want until %s", got, want)
		}
		for name, tc := range map[string]struct {
			at   time.Time
			kind string
		}{
			"a fixed token":     {time.Time{}, "/problems/sign-in-undated"},
			"five minutes late": {time.Now().Add(-5 * time.Minute), "/problems/sign-in-too-old"},
		} {
			v.people.at = tc.at
			for path, body := range map[string]string{"/v1/passkeys/options": "", "/v1/passkeys": answer} {
				if got := read(t, v.call(t, "alice-token", "POST", path, body), 403); got["type"] != tc.kind || !strings.Contains(got["detail"].(string), "five minutes") {
					t.Errorf("%s at %s: %v", name, path, got)
				}
			}
		}
		v.people.at = time.Now()
		for _, body := range []string{`{}`, `{"attestation":null}`, `{"attestation":{}}`, `{"attestation":"x"}`} {
			if got := read(t, v.call(t, "alice-token", "POST", "/v1/passkeys", body), 400); !strings.Contains(got["detail"].(string), "attestation") {
				t.Errorf("%s: %v", body, got)
			}
		}
		v.alice.Key = []byte("\xa4\x01\x03\x03\x39\x01\x00\x20\x42\xff\xff\x21\x43\x01\x00\x01") // COSE: RSA, RS256, of 16 bits
		small := `{"attestation":` + string(v.alice.Create(options.Body.Bytes())) + `}`
		if got := read(t, v.call(t, "alice-token", "POST", "/v1/passkeys", small), 400); !strings.Contains(got["detail"].(string), "2048 to 4096 bits") {
			t.Errorf("a key of 16 bits: %v", got)
		}
		read(t, v.call(t, "bob-token", "POST", "/v1/passkeys", answer), 400)
		read(t, v.call(t, "", "POST", "/v1/passkeys", answer), 401)
		read(t, v.call(t, "alice-token", "POST", "/v1/passkeys", ""), 400)
	})
}

func TestWithoutPasskeysNobodyEnrolsAndNoVaultOpens(t *testing.T) {
	s := newServer(t, func(a *API) {
		a.Service.Configure(login.Config{Keys: a.Service.Keys(), Apps: []login.App{
			{ID: "vault", Name: "Vault", RedirectURIs: []string{"https://vault.example/in"}, Passkey: true},
		}})
	})
	for _, path := range []string{"/v1/passkeys/options", "/v1/passkeys"} {
		if got := s.call(t, "alice-token", "POST", path, "{}"); got.Code != 404 {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	_, path := s.scanned(t, "vault")
	read(t, s.call(t, "alice-token", "POST", path+"/approve", `{"passkey":{"credential":"x","assertion":{}}}`), 401)
}

func TestWhatIssuersSayOfTheSignIn(t *testing.T) {
	for said, want := range map[string]int64{
		`{"sub":"a"}`:                               0,
		`{"sub":"a","auth_time":1700000000}`:        1700000000,
		`{"sub":"a","auth_time":1700000000.9}`:      1700000000,
		`{"sub":"a","auth_time":"1700000000"}`:      0,
		`{"sub":"a","auth_time":null}`:              0,
		`{"sub":"a","auth_time":-1}`:                0,
		`{"sub":"a","auth_time":99999999999999999}`: 0,
	} {
		c, ok := parseClaims([]byte(said))
		who, err := c.identity("https://id.example", "", ClaimNames{})
		if got := who.AuthTime; !ok || err != nil || want == 0 && !got.IsZero() || want != 0 && got.Unix() != want {
			t.Errorf("%s: %v, %v", said, got, err)
		}
	}
}

// Whatever a body says, a login that asks for a passkey is approved by that passkey alone.
func FuzzApprove(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"number":"42"}`, `{"number":"42","passkey":{"credential":"k.AAAA","assertion":{"id":"eA","rawId":"eA","type":"public-key","response":{}}}}`,
		`{"passkey":null}`, `{"passkey":{"assertion":[]}}`, `{"PASSKEY":{"Credential":"x"}}`, `{"passkey":{},"passkey":{}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		v := newVault(t)
		_, path := v.scanned(t, "vault")
		if got := v.call(t, "alice-token", "POST", path+"/approve", body); got.Code < 400 || got.Code >= 500 {
			t.Errorf("%q: %d %s", body, got.Code, got.Body)
		}
		if got := read(t, v.call(t, "alice-token", "GET", path, ""), 200); got["state"] != "scanned" {
			t.Errorf("%q: it is %v", body, got["state"])
		}
	})
}
