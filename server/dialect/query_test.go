package dialect

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A query says what it says to net/url, whatever it is; a repeated name is told of.
func FuzzAQuery(f *testing.F) {
	for _, query := range []string{
		"", "&", "=", "a", "a=", "=a", "a=b", "a=b&c=d", "a=b&&c=d&", "a=1&a=2", "a=1&%61=2", "a=b=c", "a+b=c+d", "a=%2B%20%C3%A9",
		"a=%", "a=%4", "a=%zz", "%=a", "%zz&a=b", "a=1;b=2", "a;b", ";", "a=%3B",
		"uuid=AbC_-9&tip=1&loginicon=true&r=-1234567890&_=1795279688000", "a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10&a=11",
		strings.Repeat("&", maxFields-1), strings.Repeat("&", maxFields),
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		want, wantErr := url.ParseQuery(query)
		got, err := readQuery(nil, query)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		values := url.Values{}
		for _, one := range got {
			values.Add(one.name, one.value)
		}
		if !maps.EqualFunc(values, want, slices.Equal) {
			t.Errorf("%v, want %v", values, want)
		}
		for name, values := range want {
			if got.Get(name) != want.Get(name) || got.repeats(name) != (len(values) > 1) {
				t.Errorf("%q: %q, repeats %v, want of %q", name, got.Get(name), got.repeats(name), values)
			}
		}
	})
}
