package audit

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"qrlatch/server/qr"
)

// FuzzAnswers: the audit asks servers of others. Whatever they answer, an id is one that they
// have said, and a picture is read or it is not.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`window.QRLogin.code = 200; window.QRLogin.uuid = "abc";`, `window.code=201;`, `window.code=200;window.redirect_uri="x";`, `{"id":"abc","state":"pending","qr":{"text":"t","image":"i"}}`,
		`/**/f({"id":"abc"})`, `(function(){f({"success":true,"lgToken":"abc","url":"//x"});})();`, `(function(){`, `(function(){})`, `{`, `}{`, `{}`, "event: scanned\nid: scanned\ndata: {\"state\":\"scanned\"}\n\n", "event:", "\x00",
		`{"id":{"a":1}}`, `{"code":"10000"}`, `{"error":{}}`,
	} {
		f.Add(body, 200, "application/json")
		f.Add(body, 404, "text/event-stream")
	}
	f.Fuzz(func(t *testing.T, body string, status int, kind string) {
		a := answer{status: status, header: http.Header{"Content-Type": {kind}}, body: body}
		for _, d := range dialects() {
			if d.began != nil {
				if b := d.began(a); b.id != "" && d.name == "WeChat" && !strings.Contains(body, b.id) {
					t.Errorf("%s: the id %q of %q", d.name, b.id, body)
				}
			}
			if d.speaks != nil {
				d.speaks(a)
			}
			if got := d.read(a); got < unclear || got > held {
				t.Errorf("%s: %d of %q", d.name, got, body)
			}
		}
		if got, err := read(strings.NewReader(body), kind == "text/event-stream"); err != nil || !strings.HasPrefix(body, got) {
			t.Errorf("%q is read as %q, %v", body, got, err)
		}
	})
}

// FuzzDecode: neither is a picture of a stranger's more than text or an error.
func FuzzDecode(f *testing.F) {
	symbol, err := qr.Encode("https://login.example/l/abcdefghijklmnopqrstuvwxyzab")
	if err != nil {
		f.Fatal(err)
	}
	picture := symbol.PNG(128)
	for _, seed := range [][]byte{picture, picture[:100], bytes.Repeat(picture[:40], 3), []byte("GIF89a\xff\xff\xff\xff"), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, picture []byte) {
		if text, err := decode(string(picture)); err != nil && text != "" {
			t.Errorf("%q and %v", text, err)
		}
	})
}
