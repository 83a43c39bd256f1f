package login

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"unicode"
)

func testKey(t testing.TB, b byte) Key {
	t.Helper()
	ring, err := ParseKeys(strings.NewReader("k " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))))
	if err != nil {
		t.Fatal(err)
	}
	return ring.Newest()
}

// Every letter is as likely as any other at every place, and at one place after any other.
func TestShortCodesAreEvenlyDistributed(t *testing.T) {
	const draws = 100_000
	key := testKey(t, 1)
	var single [userCodeLen][256]float64
	pairs := map[string]float64{}
	for n := range uint64(draws) {
		var raw [handleBytes]byte
		binary.BigEndian.PutUint64(raw[1:], n)
		code := drawUserCode(key, Handle(encode(raw[:])), 1)
		if len(code) != userCodeLen || strings.Trim(code, "BCDFGHJKLMNPQRSTVWXZ") != "" {
			t.Fatalf("drew %q", code)
		}
		for i := range userCodeLen {
			single[i][code[i]]++
		}
		pairs[code[:2]]++
	}
	chi := func(counts []float64) (sum float64) {
		want := draws / float64(len(counts))
		for _, n := range counts {
			sum += (n - want) * (n - want) / want
		}
		return sum
	}
	for i := range userCodeLen {
		counts := make([]float64, 0, 20)
		for _, letter := range []byte(userCodeLetters) {
			counts = append(counts, single[i][letter])
		}
		if x := chi(counts); x > 45.3 { // 19 degrees of freedom: 1 in 1600
			t.Errorf("letter %d: chi square is %.1f", i+1, x)
		}
	}
	counts := make([]float64, 0, 400)
	for _, n := range pairs {
		counts = append(counts, n)
	}
	if x := chi(counts); len(counts) != 400 || x > 495 { // 399 degrees of freedom: 1 in 1300
		t.Errorf("%d pairs of letters, chi square %.1f", len(counts), x)
	}
}

func TestAShortCodeHangsOnKeyHandleAndDraw(t *testing.T) {
	seen := map[string]bool{}
	for _, key := range []Key{testKey(t, 1), testKey(t, 2)} {
		for _, h := range []Handle{"AAAAAAAAAAAA", "AAAAAAAAAAAB"} {
			for draw := 1; draw < 5; draw++ {
				code := drawUserCode(key, h, draw)
				if code != drawUserCode(key, h, draw) {
					t.Error("the same draw gives two codes")
				}
				seen[code] = true
			}
		}
	}
	if len(seen) != 16 {
		t.Errorf("16 draws gave %d codes", len(seen))
	}
	if userCodeID(testKey(t, 1), "BCDFGHJK") == userCodeID(testKey(t, 2), "BCDFGHJK") {
		t.Error("the hash does not hang on the key")
	}
}

func TestShortCodesAreReadAsPeopleTypeThem(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"as shown", "BCDF-GHJK", "BCDFGHJK"},
		{"in lower case", "bcdf-ghjk", "BCDFGHJK"},
		{"mixed", "Bcdf-gHJk", "BCDFGHJK"},
		{"without the dash", "BCDFGHJK", "BCDFGHJK"},
		{"with spaces", "  bcdf ghjk\t\n", "BCDFGHJK"},
		{"letter by letter", "b c d f - g h j k", "BCDFGHJK"},
		{"too many dashes", "-B--CDFG--HJK-", "BCDFGHJK"},
		{"an en dash", "BCDF–GHJK", "BCDFGHJK"},
		{"an em dash with spaces", "BCDF — GHJK", "BCDFGHJK"},
		{"a non-breaking hyphen", "BCDF‑GHJK", "BCDFGHJK"},
		{"a minus sign", "BCDF−GHJK", "BCDFGHJK"},
		{"a non-breaking space", "BCDF\u00a0GHJK", "BCDFGHJK"},
		{"a soft hyphen", "BCDF\u00adGHJK", "BCDFGHJK"},
		{"copied with marks of direction", "\u2066BCDF-GHJK\u2069\ufeff", "BCDFGHJK"},
		{"wide letters", "ＢＣＤＦ－ＧＨＪＫ", "BCDFGHJK"},
		{"wide small letters and a wide space", "ｂｃｄｆ\u3000ｇｈｊｋ", "BCDFGHJK"},
		{"every letter, first part", "LMNPQRST", "LMNPQRST"},
		{"every letter, second part", "vwxzvwxz", "VWXZVWXZ"},

		{"nothing", "", ""},
		{"dashes only", "--------", ""},
		{"a letter too few", "BCDF-GHJ", ""},
		{"a letter too many", "BCDF-GHJKL", ""},
		{"a vowel", "BCDF-GHJA", ""},
		{"a Y", "BCDF-GHJY", ""},
		{"a digit", "BCDF-GHJ0", ""},
		{"a wide digit", "BCDF-GHJ１", ""},
		{"a K that is a unit", "BCDF-GHJ\u212a", ""},
		{"an s of long ago", "BCDF-GHJ\u017f", ""},
		{"a Cyrillic letter", "ВCDF-GHJK", ""},
		{"a Greek letter", "BCDF-GHJΚ", ""},
		{"an accent", "BC\u0327DF-GHJK", ""},
		{"an underscore", "BCDF_GHJK", ""},
		{"a full stop", "BCDF.GHJK", ""},
		{"a NUL", "BCDF-GHJK\x00", ""},
		{"not UTF-8", "BCDF-GHJK\xff", ""},
		{"in an address", "https://login.example/l/BCDF-GHJK", ""},
		{"a path", "/BCDF-GHJK", ""},
		{"a scan code", strings.Repeat("b", codeLen), ""},
	} {
		code, ok := parseUserCode(tt.text)
		if ok != (tt.want != "") || ok && code != tt.want {
			t.Errorf("%s: %q is read as %q, %v", tt.name, tt.text, code, ok)
		}
	}
}

// FuzzUserCode: what is taken for a short code is eight letters of ours, in their order,
// with nothing between that could be seen as another letter; and is read again as itself.
func FuzzUserCode(f *testing.F) {
	for _, seed := range []string{
		"BCDF-GHJK", "bcdf ghjk", "ＢＣＤＦ－ＧＨＪＫ", "B–C—D−F‑G_H.J/K", "BCDFGHJKL", "BCDFGHJA", "\u2066BCDF-GHJK\u2069", "ſssssss\u212a",
		"https://login.example/l/BCDF-GHJK", "", "\xffBCDFGHJK", strings.Repeat("-", 1000) + "BCDFGHJK", strings.Repeat("B", 1000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		code, ok := parseUserCode(text)
		if !ok {
			if code != "" && len(code) >= userCodeLen {
				t.Fatalf("%q is refused and gives %q", text, code)
			}
			return
		}
		if len(code) != userCodeLen || strings.Trim(code, userCodeLetters) != "" {
			t.Fatalf("%q is read as %q", text, code)
		}
		if again, ok := parseUserCode(strings.ToLower(code[:3] + " - " + code[3:])); !ok || again != code {
			t.Fatalf("%q is read as %q, and that as %q", text, code, again)
		}
		var letters strings.Builder
		for _, r := range text {
			if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) {
				if r > 0xff00 {
					r -= 0xfee0
				}
				letters.WriteRune(r)
			}
		}
		if strings.ToUpper(letters.String()) != code || strings.ContainsAny(text, "/?#_.\x00") {
			t.Fatalf("%q is read as %q", text, code)
		}
	})
}
