package attack

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/passkey"
	"qrlatch/server/passkey/passkeytest"
)

// vault is a site that asks for a passkey at every approval.
func vault(s *setup) {
	party := &passkey.RelyingParty{ID: "login.example", Origins: []string{base}}
	s.login.Apps = append(apps(), login.App{ID: "vault", Name: "Vault", RedirectURIs: []string{shopPage}, Passkey: true})
	s.login.Passkeys, s.web.Passkeys = party, party
}

// approval is the body of an approval with a passkey.
func approval(credential string, assertion json.RawMessage) string {
	return `{"passkey":{"credential":"` + credential + `","assertion":` + string(assertion) + `}}`
}

// asked are the options of a scan, as its phone is given them.
func (v *visitor) asked(id string) []byte {
	v.w.t.Helper()
	var said struct {
		Required bool            `json:"passkey_required"`
		Passkey  json.RawMessage `json:"passkey"`
	}
	if v.w.parse(v.get("/v1/scans/"+id).body, &said); !said.Required {
		v.w.t.Fatal("no passkey is asked for")
	}
	return said.Passkey
}

// enrols is what a phone does whose person has just signed in.
func (v *visitor) enrols(a *passkeytest.Authenticator) string {
	v.w.t.Helper()
	var said struct{ Credential string }
	got := v.post("/v1/passkeys", `{"attestation":`+string(a.Create([]byte(v.post("/v1/passkeys/options", "").body)))+`}`)
	if v.w.parse(got.body, &said); got.status != http.StatusCreated {
		v.w.t.Fatalf("not enrolled: %v", got)
	}
	return said.Credential
}

// T12: who has a phone that was stolen unlocked has its token, its cookies and whatever its
// app keeps, but not its person. Where an app asks for passkeys he approves nothing: not by
// the API, not by the pages, not a push, not with what he has recorded; and he enrols no
// passkey of his own.
func TestAStolenUnlockedPhoneApprovesNothingWhereAPasskeyIsAsked(t *testing.T) {
	inTime(t, vault, func(w *world) {
		token := w.issuer.jwtOf(map[string]any{"auth_time": time.Now().Unix()})
		thief := w.phone(token) // from the moment at which Ada puts her phone down
		hers, his := passkeytest.New(t, "login.example", base), passkeytest.New(t, "login.example", base)
		credential := thief.enrols(hers)
		before := w.from(home).begins("vault")
		q := thief.scans(before.code)
		recorded := approval(credential, hers.Get(thief.asked(q.ID)))
		if got := thief.post("/v1/scans/"+q.ID+"/approve", recorded); got.status != http.StatusOK {
			t.Fatalf("Ada herself: %v", got)
		}
		time.Sleep(5 * time.Minute)

		b := w.from(home).begins("vault")
		q = thief.scans(b.code)
		hers.Verifies = false // she touches it, or he does: it does not know his finger
		for name, body := range map[string]string{
			"nothing":                    "",
			"a number":                   `{"number":"42"}`,
			"a replay of another scan's": recorded,
			"her passkey, without her":   approval(credential, hers.Get(thief.asked(q.ID))),
			"his own passkey":            approval(credential, his.Get(thief.asked(q.ID))),
		} {
			if got := thief.post("/v1/scans/"+q.ID+"/approve", body); got.status != http.StatusUnauthorized {
				t.Errorf("%s: %v", name, got)
			}
		}
		for _, path := range []string{"/v1/passkeys/options", "/v1/passkeys"} {
			if got := thief.post(path, `{"attestation":{}}`); got.status != http.StatusForbidden {
				t.Errorf("%s: %v", path, got)
			}
		}
		bob := w.phone(w.issuer.jwtOf(map[string]any{"sub": "mallory", "auth_time": time.Now().Unix()}))
		if got := thief.post("/v1/scans/"+q.ID+"/approve", approval(bob.enrols(his), his.Get(thief.asked(q.ID)))); got.status != http.StatusUnauthorized {
			t.Errorf("a passkey that he has enrolled for himself: %v", got)
		}
		if got := w.status(b); got != "scanned" {
			t.Errorf("it is %s", got)
		}
		if got := thief.post("/v1/scans/"+q.ID+"/deny", ""); got.status != http.StatusOK {
			t.Errorf("a no: %v", got)
		}
	})
}

// T12, on the phone's pages: Alice's session there is no older than a few hours, and no
// proof of her.
func TestAStolenPhonePageApprovesNothingWhereAPasskeyIsAsked(t *testing.T) {
	inTime(t, vault, func(w *world) {
		thief := w.from(phones)
		thief.signsIn()
		his := passkeytest.New(t, "login.example", base)
		first := thief.opens(w.from(home).begins("vault"))
		creation := w.find(`data-creation="([^"]+)"`, first.page)
		time.Sleep(5 * time.Minute)

		b := w.from(home).begins("vault")
		asked := thief.opens(b)
		if strings.Contains(asked.page, "data-creation") || strings.Contains(asked.page, ">Approve<") {
			t.Error("he may add a passkey, or approve")
		}
		form := asked.form
		form.Set("attestation", string(his.Create([]byte(html.UnescapeString(creation)))))
		if got := thief.post("/phone/passkeys", form.Encode()); got.status != http.StatusForbidden {
			t.Errorf("his own passkey: %v", got)
		}
		for _, assertion := range []string{"", "{}", string(his.Get([]byte(html.UnescapeString(creation))))} {
			form.Set("assertion", assertion)
			if got := thief.post(asked.path+"/approve", form.Encode()); got.status != http.StatusUnauthorized {
				t.Errorf("%q: %v", assertion, got)
			}
		}
		if got := w.status(b); got != "scanned" {
			t.Errorf("it is %s", got)
		}
		if got := thief.post(asked.path+"/deny", form.Encode()); got.status != http.StatusSeeOther {
			t.Errorf("a no: %v", got)
		}
	})
}

// questionPage is the question of a code on the phone's pages.
type questionPage struct {
	path, page string
	form       url.Values
}

func (v *visitor) opens(b begun) questionPage {
	v.w.t.Helper()
	got := v.post("/l/"+b.code, formOf(v.get("/l/"+b.code).body).Encode())
	o := questionPage{path: got.header.Get("Location")}
	o.page = v.get(o.path).body
	o.form = formOf(o.page)
	return o
}
