package web

import (
	"encoding/json"
	"net/http/httptest"

	"qrlatch/server/passkey/passkeytest"
)

// passkey enrols one and approves with it, and with what is none.
func (c *contract) passkey() {
	a := passkeytest.New(c.t, "login.example", "https://login.example")
	options := c.call("beginPasskey", 200, "/v1/passkeys/options", "", asAlice)
	attestation := `{"attestation":` + string(a.Create(options.Body.Bytes())) + `}`
	c.call("beginPasskey", 403, "/v1/passkeys/options", "", asBob)
	c.call("enrolPasskey", 403, "/v1/passkeys", attestation, "Authorization: Bearer long-ago")
	var enrolled struct{ Credential string }
	c.read(c.call("enrolPasskey", 201, "/v1/passkeys", attestation, asAlice), &enrolled)

	w := c.call("startLogin", 201, "/v1/logins", `{"app":"vault"}`)
	w = c.call("scan", 201, "/v1/scans", `{"code":"`+c.says("Login", w.Body.String())["qr"].(map[string]any)["text"].(string)+`"}`, asAlice)
	var scan struct {
		ID      string
		Passkey json.RawMessage
	}
	c.read(w, &scan)
	at := "/v1/scans/" + scan.ID + "/approve"
	body := func(credential string) string {
		return `{"passkey":{"credential":"` + credential + `","assertion":` + string(a.Get(scan.Passkey)) + `}}`
	}
	c.call("approve", 401, at, "", asAlice)
	c.call("approve", 401, at, body("x"), asAlice)
	a.Verifies = false
	c.call("approve", 401, at, body(enrolled.Credential), asAlice)
	a.Verifies = true
	c.call("approve", 200, at, body(enrolled.Credential), asAlice)
}

func (c *contract) read(w *httptest.ResponseRecorder, into any) {
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		c.t.Fatal(err)
	}
}
