package jsontext

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Text  string    `json:"text"`
	Maybe string    `json:"maybe,omitempty"`
	Texts []string  `json:"texts,omitempty"`
	Inner *inner    `json:"inner,omitempty"`
	Yes   bool      `json:"yes"`
	Time  time.Time `json:"time"`
	N     int       `json:"n"`
}

type inner struct {
	Maybe string `json:"maybe,omitempty"`
	N     int    `json:"n"`
}

func (s sample) json() []byte {
	o := Begin(64)
	o.Text("text", s.Text)
	o.OptionalText("maybe", s.Maybe)
	o.OptionalTexts("texts", s.Texts)
	if s.Inner != nil {
		o.Open("inner")
		o.OptionalText("maybe", s.Inner.Maybe)
		o.Number("n", s.Inner.N)
		o.Close()
	}
	o.Bool("yes", s.Yes)
	o.Time("time", s.Time)
	o.Number("n", s.N)
	return o.End()
}

// TestEveryCharacterIsWrittenAsByEncodingJSON: those of the basic plane, some beyond it, and
// every byte that is no text.
func TestEveryCharacterIsWrittenAsByEncodingJSON(t *testing.T) {
	texts := []string{"\U0001f600", "\U0010ffff"}
	for c := range rune(0xffff) + 1 {
		texts = append(texts, string(c))
	}
	for c := range 256 {
		texts = append(texts, string([]byte{byte(c)}), string([]byte{'a', byte(c), 'b'}))
	}
	for _, text := range texts {
		want, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendText(nil, text); string(got) != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzObject: an object is written as encoding/json writes it, whatever is in it.
func FuzzObject(f *testing.F) {
	for _, text := range []string{
		"", "plain", `"`, `\`, "/", "\b\f\n\r\t\x00\x1f \x7f", "<script>&", "ünï", "王小明", "😀", "\u2028", "\u2029", "\u2027", "“”", "\ufffd", "\ufeff",
		"\xff", "\xe2\x80", "\xed\xa0\x80", "a\xc3", `{"a":"b"}`, "a{", strings.Repeat("a", 1000) + "<",
	} {
		f.Add(text, text, 0, int64(0))
		f.Add("{", text, -1, int64(-1))
		f.Add(text, "", math.MaxInt, int64(253402300799))
	}
	f.Fuzz(func(t *testing.T, text, maybe string, n int, seconds int64) {
		const year = 365 * 24 * 60 * 60
		s := sample{Text: text, Maybe: maybe, N: n, Yes: n > 0, Time: time.Unix(seconds%(1000*year), int64(n%2)*500).UTC()}
		if n%3 != 0 {
			s.Texts = []string{maybe, text, ""}[:(n%3+3)%3]
		}
		if n%5 != 0 {
			s.Inner = &inner{Maybe: maybe, N: n}
		}
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.json(); string(got) != string(want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}
