package login

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// edit changes an address in one of the ways in which people and attackers do.
func edit(r *rand.Rand, uri string) string {
	at := func() int { return r.IntN(len(uri) + 1) }
	const marks = "/\\?#@:;&=%.,+*~ \t\r\n\x00-_[]\"'<>"
	switch r.IntN(12) {
	case 0: // a byte becomes another
		b := []byte(uri)
		if len(b) > 0 {
			b[r.IntN(len(b))] = byte(r.IntN(256))
		}
		return string(b)
	case 1: // one more
		i := at()
		return uri[:i] + string([]byte{byte(r.IntN(256))}) + uri[i:]
	case 2: // one that means something
		i := at()
		return uri[:i] + marks[r.IntN(len(marks)):][:1] + uri[i:]
	case 3: // one less
		if i := at(); i < len(uri) {
			return uri[:i] + uri[i+1:]
		}
	case 4: // a piece away
		i, j := at(), at()
		return uri[:min(i, j)] + uri[max(i, j):]
	case 5: // a piece twice
		i, j := at(), at()
		return uri[:max(i, j)] + uri[min(i, j):]
	case 6: // capitals
		if i := at(); i < len(uri) {
			return uri[:i] + strings.ToUpper(uri[i:i+1]) + uri[i+1:]
		}
	case 7:
		return strings.ToLower(uri)
	case 8: // escaped
		if i := at(); i < len(uri) {
			const hex = "0123456789abcdefABCDEF"
			return uri[:i] + "%" + hex[uri[i]>>4:][:1] + hex[uri[i]&15:][:1] + uri[i+1:]
		}
	case 9: // looks alike
		return strings.NewReplacer("e", "е", "o", "о", "a", "а", ".", "。", "/", "／").Replace(uri)
	case 10: // what browsers leave out or fill in
		return []string{uri + "/", uri + "?", uri + "#", strings.TrimSuffix(uri, "/"), " " + uri, uri + " ", strings.Replace(uri, "://", ":", 1), strings.Replace(uri, ".example", ".example:443", 1)}[r.IntN(8)]
	default: // within or around another
		return []string{"https://evil.example/" + uri, uri + "@evil.example", uri + ".evil.example", "https://evil.example?" + uri, uri + "," + uri, uri + uri}[r.IntN(6)]
	}
	return uri
}

// registrable draws an app's addresses.
func registrable(r *rand.Rand) (uris []string) {
	letters := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	for range 1 + r.IntN(4) {
		uri := []string{"https", "http"}[r.IntN(2)] + "://" + letters(1+r.IntN(8)) + ".example"
		uri += []string{"", ":8443"}[r.IntN(2)] + "/" + letters(r.IntN(9)) + []string{"", "/", "/webwxnewloginpage", "?a=1", "?a=%2F&b=", "/%e7%88%b1"}[r.IntN(6)]
		uris = append(uris, uri)
	}
	return uris
}

// Promise 7: of a hundred thousand edits of registered addresses none goes through unless it
// is, byte for byte, one of them; and each of them does.
func TestNoEditOfARegisteredAddressIsOne(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 20))
	different := 0
	for range 20_000 {
		app := App{RedirectURIs: registrable(r)}
		for _, uri := range app.RedirectURIs {
			if got, ok := app.RedirectURI(uri); !ok || got != uri {
				t.Fatalf("%q of %q: %q, %v", uri, app.RedirectURIs, got, ok)
			}
		}
		for range 5 {
			uri := app.RedirectURIs[r.IntN(len(app.RedirectURIs))]
			for range 1 + r.IntN(3) {
				uri = edit(r, uri)
			}
			isNoOtherAddress(t, app, uri)
			if !slices.Contains(app.RedirectURIs, uri) {
				different++
			}
		}
	}
	if different < 80_000 {
		t.Errorf("only %d edits made a difference", different)
	}
}

// isNoOtherAddress holds an app to what it may answer for any text.
func isNoOtherAddress(t *testing.T, app App, uri string) {
	t.Helper()
	registered := false
	for _, one := range app.RedirectURIs {
		registered = registered || len(one) == len(uri) && strings.HasPrefix(one, uri)
	}
	got, ok := app.RedirectURI(uri)
	switch {
	case uri == "" && len(app.RedirectURIs) > 0: // the app's own choice
		if !ok || got != app.RedirectURIs[0] {
			t.Fatalf("without one: %q, %v", got, ok)
		}
	case ok != registered || ok && got != uri:
		t.Fatalf("%q of %q: %q, %v", uri, app.RedirectURIs, got, ok)
	}
}

// FuzzRedirectMatch edits as the fuzzer likes, and as people do.
func FuzzRedirectMatch(f *testing.F) {
	for _, uri := range []string{"https://shop.example/in", "https://shop.example/in?a=1&b=%2F", "http://localhost:8080/cgi-bin/mmwebwx-bin/webwxnewloginpage", "", "https://"} {
		f.Add(uri, uri, uint64(1))
		f.Add(uri, uri+"/", uint64(2))
		f.Add(uri, "https://evil.example/"+uri, uint64(3))
	}
	f.Fuzz(func(t *testing.T, registered, uri string, seed uint64) {
		app := App{RedirectURIs: []string{registered, "https://second.example/"}}
		if registered == "" {
			app.RedirectURIs = app.RedirectURIs[1:]
		}
		isNoOtherAddress(t, app, uri)
		isNoOtherAddress(t, app, registered)
		r := rand.New(rand.NewPCG(seed, 0))
		for range 5 {
			uri, registered = edit(r, uri), edit(r, registered)
			isNoOtherAddress(t, app, uri)
			isNoOtherAddress(t, app, registered)
		}
	})
}
