package login

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
)

func secretText(b byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func TestKeyFilesAreReadOrRefusedWithAClearError(t *testing.T) {
	const wantLine, wantField = "want a key id", "the second field is not base64 of 32 bytes"
	one, two := secretText(0x5a), secretText(0xa5)
	for _, test := range []struct{ name, file, ids, err string }{
		{"one key", "k1 " + one, "k1", ""},
		{"newest first", "k2 " + two + "\nk1 " + one + "\n", "k2 k1", ""},
		{"comments, blanks, tabs and CRLF", "# keys\r\n\r\n  k1\t" + one + "  \r\n#k0 " + two, "k1", ""},
		{"no newline at the end of many", "a-b_C9 " + one + "\nk0 " + two, "a-b_C9 k0", ""},
		{"nothing", "", "", "no key in it"},
		{"only comments", "# k1 " + one + "\n\n", "", "no key in it"},
		{"a secret alone", one, "", "line 1: " + wantLine},
		{"three fields", "k1 " + one + " " + two, "", "line 1: " + wantLine},
		{"fields the wrong way round", one + " k1", "", "line 1: " + wantLine},
		{"an id with a dot", "k.1 " + one, "", "line 1: " + wantLine},
		{"an id of 33 letters", strings.Repeat("k", 33) + " " + one, "", "line 1: " + wantLine},
		{"a short secret", "k1 " + one[:40], "", "line 1: " + wantField},
		{"a long secret", "k1 " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x5a}, 33)), "", "line 1: " + wantField},
		{"base64url", "k1 " + strings.Repeat("-_", 21) + "8=", "", "line 1: " + wantField},
		{"no padding", "k1 " + one[:43], "", "line 1: " + wantField},
		{"a bad third line", "k2 " + two + "\n\nk1 " + one + "!", "", "line 3: " + wantField},
		{"an id twice", "k1 " + one + "\nk1 " + two, "", `line 2: key id "k1" is there twice`},
		{"an endless line", "k1 " + strings.Repeat("A", 1<<17), "", "read keys: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			ring, err := ParseKeys(strings.NewReader(test.file))
			if test.err == "" {
				var ids []string
				for _, k := range ring.All() {
					ids = append(ids, k.ID)
				}
				if got := strings.Join(ids, " "); err != nil || got != test.ids {
					t.Fatalf("read %q, %v, want %q", got, err, test.ids)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), test.err) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			for _, secret := range []string{one, two} {
				// Eight letters of it are too many.
				for i := 0; i+8 <= len(secret); i += 4 {
					if strings.Contains(err.Error(), secret[i:i+8]) {
						t.Fatalf("the error shows a secret: %v", err)
					}
				}
			}
		})
	}
}

func TestALineOfKeysNewIsAKeyFile(t *testing.T) {
	one, two := NewKeyLine(), NewKeyLine()
	if one == two {
		t.Error("two drawn keys are equal")
	}
	if _, err := ParseKeys(strings.NewReader(one + "\n" + two)); err != nil {
		t.Error(err)
	}
}

func TestEachUseOfAKeyHasAKeyOfItsOwn(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	key, err := newKey("k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	of := func(key []byte) string { // no parts
		m := hmac.New(sha256.New, key)
		return string(m.Sum(nil))
	}
	seen := map[string]string{of(secret): "nothing"}
	for l, name := range labels {
		sub, err := hkdf.Key(sha256.New, secret, nil, "qrlatch/1 "+name, 32)
		if err != nil {
			t.Fatal(err)
		}
		mac := key.mac(label(l))
		if string(mac[:]) != of(sub) {
			t.Errorf("the MACs of %q are not by a key that was derived for it", name)
		}
		if before, twice := seen[string(mac[:])]; twice {
			t.Errorf("%q and %q share a key", before, name)
		}
		if name == "" {
			t.Errorf("the label %d has no name", l)
		}
		seen[string(mac[:])] = name
	}
	if len(labels) != int(labelOutermost)+1 {
		t.Error("a label is behind the last one, or was forgotten in the list")
	}
	same, _ := newKey("k2", secret)
	if !bytes.Equal(key.Derive("id_token"), same.Derive("id_token")) || bytes.Equal(key.Derive("id_token"), key.Derive("id_token ")) {
		t.Error("Derive does not follow its purpose")
	}
}

// What makes MACs is used again and again, by many at once.
func TestAMACDependsOnNothingThatWasAuthenticatedBefore(t *testing.T) {
	key, _ := newKey("k1", make([]byte, 32))
	want := map[string][32]byte{}
	for _, part := range []string{"", "a", "b", strings.Repeat("long ", 100)} {
		fresh, _ := newKey("k1", make([]byte, 32))
		want[part] = fresh.mac(labelTicket, part)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				for part, mac := range want {
					if key.mac(labelTicket, part) != mac {
						t.Errorf("another MAC of %.10q", part)
						return
					}
				}
			}
		})
	}
	all.Wait()
}

func TestNoTwoListsOfPartsAuthenticateAlike(t *testing.T) {
	key, _ := newKey("k1", make([]byte, 32))
	seen := map[string][]string{}
	for _, parts := range [][]string{nil, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"a", "", "b"}, {"\x00\x00\x00\x01a"}} {
		mac := key.mac(labelTicket, parts...)
		sum := string(mac[:])
		if before, twice := seen[sum]; twice {
			t.Errorf("%q and %q authenticate alike", before, parts)
		}
		seen[sum] = parts
	}
}

func TestAKeyringCannotBeChangedThroughWhatItHandsOut(t *testing.T) {
	ring, err := ParseKeys(strings.NewReader("k2 " + secretText(2) + "\nk1 " + secretText(1)))
	if err != nil {
		t.Fatal(err)
	}
	ring.All()[0] = Key{ID: "mine"}
	if ring.Newest().ID != "k2" || ring.oldest().ID != "k1" {
		t.Errorf("newest %q, oldest %q", ring.Newest().ID, ring.oldest().ID)
	}
	if _, ok := ring.Key("mine"); ok {
		t.Error("a foreign key is in the ring")
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add("k1 " + secretText(1))
	f.Add("# x\n\nk2 " + secretText(2) + "\nk1 " + secretText(1))
	f.Add("k1 k1")
	f.Fuzz(func(t *testing.T, file string) {
		ring, err := ParseKeys(strings.NewReader(file))
		if err != nil {
			for _, word := range strings.Fields(file) {
				if len(word) > 32 && strings.Contains(err.Error(), word) {
					t.Errorf("the error shows what may be a secret: %v", err)
				}
			}
			return
		}
		for _, k := range ring.All() {
			if !keyID.MatchString(k.ID) || k.subs == nil {
				t.Errorf("read a key %q without uses", k.ID)
			}
		}
	})
}
