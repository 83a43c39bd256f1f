package dialect

import (
	"encoding/json"
	"testing"
	"testing/quick"
)

// TestALoginIsSaidAsEncodingJSONWritesIt, whatever is in which of its fields.
func TestALoginIsSaidAsEncodingJSONWritesIt(t *testing.T) {
	same := func(v loginView, qr, user bool) bool {
		if !qr {
			v.QR = qrView{}
		}
		if !user {
			v.User = nil
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.json(); string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
			return false
		}
		return true
	}
	if err := quick.Check(same, &quick.Config{MaxCount: 3000}); err != nil {
		t.Error(err)
	}
	if !same(loginView{}, false, false) || !same(loginView{User: &userView{}}, false, true) {
		t.Error("of nothing")
	}
}
