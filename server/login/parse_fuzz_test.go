package login

import (
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzID: of an id and of a handle there is one spelling, and it is ours.
func FuzzID(f *testing.F) {
	id, handle := newID()
	for _, text := range []string{
		string(id), string(handle), "", "=", strings.Repeat("A", 36), strings.Repeat("A", 35) + "B", strings.Repeat("A", 35) + "\n", strings.Repeat("A", 34) + "\r\n",
		strings.Repeat("A", 12), strings.Repeat("A", 11) + "+", strings.Repeat("A", 44), "ſ", strings.Repeat("é", 18),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if id, ok := parseID(text); ok {
			raw, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil || encode(raw) != text || string(id) != text || id.handle() != Handle(text[:handleLen]) {
				t.Errorf("the id %q is %q", text, id)
			}
		}
		if h, ok := parseHandle(text); ok && (len(h) != handleLen || string(h) != text || strings.ContainsAny(text, "\r\n=+/")) {
			t.Errorf("the handle %q is %q", text, h)
		}
	})
}
