package login

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"strings"
	"testing"
)

func TestAScanCodeIsTwentyEightLettersAndIsReadBack(t *testing.T) {
	check := func(raw []byte) {
		t.Helper()
		handle, mac := Handle(encode(raw[:handleBytes])), [codeHash]byte(raw[handleBytes:])
		code := scanCode(handle, mac)
		if len(code) != codeLen || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Fatalf("the code of %x is %q", raw, code)
		}
		gotHandle, gotMAC, ok := parseScanCode(code)
		if !ok || gotHandle != handle || gotMAC != mac {
			t.Fatalf("%x became %q and then %q, %x, %v", raw, code, gotHandle, gotMAC, ok)
		}
	}
	// The corners: all zeros, all ones, every single bit, every prefix of ones.
	check(make([]byte, 16))
	check(bytes.Repeat([]byte{0xff}, 16))
	ones := make([]byte, 16)
	for bit := range 128 {
		one := make([]byte, 16)
		one[bit/8] = 1 << (bit % 8)
		check(one)
		ones[bit/8] |= 1 << (bit % 8)
		check(ones)
	}
	raw := make([]byte, 16)
	for range 20_000 {
		_, _ = rand.Read(raw)
		check(raw)
	}
}

// The code is the number in base 26: math/big is the oracle, at the limit above all.
func TestOnlyNumbersBelow2To128AreScanCodes(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	word := func(n *big.Int) string {
		text := []byte(strings.Repeat("a", codeLen))
		n = new(big.Int).Set(n)
		for i := codeLen - 1; i >= 0; i-- {
			var rem big.Int
			n.DivMod(n, big.NewInt(26), &rem)
			text[i] = 'a' + byte(rem.Int64())
		}
		return string(text)
	}
	highest := new(big.Int).Exp(big.NewInt(26), big.NewInt(codeLen), nil)
	highest.Sub(highest, big.NewInt(1))
	for _, n := range []*big.Int{
		big.NewInt(0), big.NewInt(1), new(big.Int).Sub(limit, big.NewInt(1)), limit, new(big.Int).Add(limit, big.NewInt(1)),
		new(big.Int).Lsh(limit, 1), new(big.Int).Mul(limit, big.NewInt(3)), highest,
	} {
		handle, mac, ok := parseScanCode(word(n))
		if want := n.Cmp(limit) < 0; ok != want {
			t.Errorf("%s (%s) is read: %v, want %v", word(n), n.Text(16), ok, want)
		}
		if !ok {
			continue
		}
		raw, _ := decode(string(handle), handleBytes)
		if got := new(big.Int).SetBytes(append(raw, mac[:]...)); got.Cmp(n) != 0 {
			t.Errorf("%s is read as %s, want %s", word(n), got, n)
		}
	}
}

func TestMalformedScanCodesAreRefused(t *testing.T) {
	good := scanCode(Handle(encode(make([]byte, handleBytes))), [codeHash]byte{})
	for _, bad := range []string{
		"", good[1:], good + "a", strings.ToUpper(good), " " + good[1:], good[1:] + "\n", good[1:] + "0", good[1:] + "`", good[1:] + "{",
		strings.Repeat("z", codeLen), "é" + good[2:], strings.Repeat("a", 1<<16),
	} {
		if _, _, ok := parseScanCode(bad); ok {
			t.Errorf("%.40q is read as a scan code", bad)
		}
	}
}

func TestMalformedIDsAndHandlesAreRefusedBeforeAStoreSeesThem(t *testing.T) {
	id, handle := newID()
	if _, ok := parseID(string(id)); !ok {
		t.Errorf("our own id %q is refused", id)
	}
	if _, ok := parseHandle(string(handle)); !ok || id.handle() != handle {
		t.Errorf("our own handle %q is refused", handle)
	}
	bad := func(text string) []string {
		return []string{
			"", text[1:], text + "A", text + "=", text[1:] + "=", text[1:] + "+", text[1:] + "/", text[1:] + " ", text[1:] + "\x00",
			text[1:] + "\n", text[1:] + "\r", "\r\n" + text[2:], text[4:] + "\n\n\n\n", text[1:] + "é", strings.Repeat("\n", len(text)),
		}
	}
	for _, text := range bad(string(id)) {
		if _, ok := parseID(text); ok {
			t.Errorf("%q is taken for a login id", text)
		}
	}
	for _, text := range bad(string(handle)) {
		if _, ok := parseHandle(text); ok {
			t.Errorf("%q is taken for a handle", text)
		}
	}
}

func TestAHundredThousandLoginIDsShareNothing(t *testing.T) {
	const n = 100_000
	ids, handles, secrets := map[ID]bool{}, map[Handle]bool{}, map[string]bool{}
	var ones [(handleBytes + secretBytes) * 8]int
	for range n {
		id, handle := newID()
		if len(id) != 36 || len(handle) != handleLen || !strings.HasPrefix(string(id), string(handle)) {
			t.Fatalf("newID gave %q and %q", id, handle)
		}
		ids[id], handles[handle], secrets[string(id[handleLen:])] = true, true, true
		raw, _ := decode(string(id), handleBytes+secretBytes)
		for bit := range ones {
			ones[bit] += int(raw[bit/8] >> (bit % 8) & 1)
		}
	}
	if len(ids) != n || len(handles) != n || len(secrets) != n {
		t.Errorf("of %d ids %d differ, %d in their handles, %d in their secrets", n, len(ids), len(handles), len(secrets))
	}
	for bit, set := range ones {
		// Six standard deviations: a fair coin fails this once in 2 million test runs.
		if off := set - n/2; off*off > 36*n/4 {
			t.Errorf("bit %d is set in %d of %d ids", bit, set, n)
		}
	}
}

func TestTheLastSegmentOfWhatAPhoneScannedIsTheCode(t *testing.T) {
	for text, want := range map[string]string{
		"https://login.example/l/abc": "abc", "abc": "abc", " abc\n": "abc", "https://x/l/abc?from=wechat": "abc",
		"https://x/l/abc#top": "abc", "https://x/l/abc?u=https://y/z": "abc", "https://x/l/abc#/other": "abc",
		"https://x/l/abc/": "", "": "", "/": "", "?abc": "", "#": "", "https://login.weixin.qq.com/l/Qe3P-Df_": "Qe3P-Df_",
	} {
		if got := lastSegment(text); got != want {
			t.Errorf("of %q the last segment is %q, want %q", text, got, want)
		}
	}
}

func FuzzScanCode(f *testing.F) {
	f.Add(strings.Repeat("a", codeLen))
	f.Add(scanCode(Handle(encode(bytes.Repeat([]byte{0xff}, handleBytes))), [codeHash]byte(bytes.Repeat([]byte{0xff}, codeHash))))
	f.Add(strings.Repeat("z", codeLen))
	f.Fuzz(func(t *testing.T, text string) {
		handle, mac, ok := parseScanCode(text)
		if ok && scanCode(handle, mac) != text {
			t.Errorf("%q is another spelling of %q", text, scanCode(handle, mac))
		}
	})
}

func FuzzLastSegment(f *testing.F) {
	for _, text := range []string{"https://x/l/abc?d#e", "a#b?c/d", "//", "\n/ \t"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := lastSegment(text)
		if strings.ContainsAny(got, "/?#") || !strings.Contains(text, got) {
			t.Errorf("of %q the last segment is %q", text, got)
		}
	})
}
