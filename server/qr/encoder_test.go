package qr_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"qrlatch/server/qr"
)

const (
	prefix  = "https://login.example/l/"
	letters = 28
)

// encoder returns the one that has learned the codes of prefix. Learning takes time.
func encoder(t testing.TB) *qr.Encoder {
	t.Helper()
	e, err := theEncoder()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var theEncoder = sync.OnceValues(func() (*qr.Encoder, error) {
	e := qr.NewEncoder(prefix, letters)
	return e, e.Learn(context.Background())
})

// learned returns an Encoder of other codes.
func learned(t testing.TB, prefix string, letters int) *qr.Encoder {
	t.Helper()
	e := qr.NewEncoder(prefix, letters)
	if err := e.Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

func newCode(random *rand.Rand, letters int) string {
	code := make([]byte, letters)
	for i := range code {
		code[i] = 'a' + byte(random.IntN(26))
	}
	return string(code)
}

func TestLearnedSymbolsAreGoQRCodesModuleForModule(t *testing.T) {
	t.Parallel()
	e := encoder(t)
	random := rand.New(rand.NewPCG(1, 2))
	masks := map[int]int{}
	same := 0
	codes := thousands()
	for range codes {
		text := prefix + newCode(random, letters)
		s, err := e.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		got := seen(t, s)
		if sameBut(t, got, text) {
			same++
		}
		masks[got.mask(t)]++
	}
	if len(masks) != 8 || same < codes/10 {
		t.Errorf("masks %v, %d of %d have go-qrcode's own", masks, same, codes)
	}
}

// Prefixes of every length up to the longest, and such as go-qrcode doesn't write in bytes
// from end to end. One letter is learned quickly.
func TestEveryVersionThatFitsIsLearned(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	versions := map[int]bool{}
	prefixes := []string{"", "0123456789", "http://127.0.0.1:8080/l/", "HTTPS://LOGIN.EXAMPLE/L/", "http://[::1]:18080/l/", "https://login.example/微信/"}
	for version, most := range []int{1: 14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251} {
		if version > 0 {
			prefixes = append(prefixes, strings.Repeat("-x", most)[:most-1])
		}
	}
	for _, prefix := range prefixes {
		e := learned(t, prefix, 1)
		for range 8 {
			text := prefix + newCode(random, 1)
			s, err := e.Encode(text)
			if err != nil {
				t.Fatal(err)
			}
			got := seen(t, s)
			sameBut(t, got, text)
			versions[(len(got)-17)/4] = true
		}
	}
	if len(versions) != 11 {
		t.Errorf("versions %v", versions)
	}
}

func TestOtherTextsAreGoQRCodes(t *testing.T) {
	e := encoder(t)
	code := newCode(rand.New(rand.NewPCG(7, 8)), letters)
	for _, text := range []string{
		prefix, prefix + code[1:], prefix + code + "a", prefix + code[1:] + "A", prefix + code[1:] + "{", prefix + code[1:] + "`", prefix + code[2:] + "é",
		"http" + prefix[5:] + code, code, "1234567", strings.Repeat("x", 1000), "x" + prefix + code,
	} {
		got, err := e.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		if want := taught(t, text); !slices.EqualFunc(seen(t, got), want, slices.Equal[[]bool]) {
			t.Errorf("%s is not", text)
		}
	}
	if _, err := e.Encode(strings.Repeat("a", 4000)); err == nil {
		t.Error("4000 letters became a symbol")
	}
}

func TestPrefixesThatAreTooLongAreNotLearned(t *testing.T) {
	prefix := strings.Repeat("long", 62)
	for _, tooMuch := range []string{prefix + "abcd", strings.Repeat(prefix, 20)} {
		e := qr.NewEncoder(tooMuch, 1)
		if err := e.Learn(t.Context()); err == nil {
			t.Errorf("%d bytes were learned", len(tooMuch))
		}
		if len(tooMuch) > 1000 {
			continue // no symbol at all holds it
		}
		s, err := e.Encode(tooMuch + "z")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(seen(t, s), taught(t, tooMuch+"z"), slices.Equal[[]bool]) {
			t.Error("its symbol is not go-qrcode's")
		}
	}
}

func TestLearningEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := qr.NewEncoder(prefix, letters)
	if err := e.Learn(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for _, e := range []*qr.Encoder{e, nil} {
		text := prefix + strings.Repeat("a", letters)
		s, err := e.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		sameBut(t, seen(t, s), text)
	}
}

func TestSymbolsAreRightWhileItLearns(t *testing.T) {
	const letters = 4
	e := qr.NewEncoder(prefix, letters)
	done := make(chan struct{})
	var drawing sync.WaitGroup
	for i := range 4 {
		drawing.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 9))
			for last := false; !last; {
				select {
				case <-done:
					last = true // once more with what it has learned
				default:
				}
				text := prefix + newCode(random, letters)
				s, err := e.Encode(text)
				if err != nil {
					t.Error(err)
					return
				}
				if got := readPure(t, s.PNG(256)); got != text {
					t.Errorf("%q instead of %q", got, text)
				}
			}
		})
	}
	err := e.Learn(t.Context())
	close(done)
	drawing.Wait()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPictureIsAddedToWhatIsThere(t *testing.T) {
	e := encoder(t)
	code := newCode(rand.New(rand.NewPCG(23, 24)), letters)
	for _, e := range []*qr.Encoder{e, qr.NewEncoder(prefix, letters), nil} {
		for _, parts := range [][2]string{{prefix, code}, {prefix[1:], code}, {prefix, code[1:]}, {"", prefix + code}, {prefix + code, ""}} {
			s, err := e.Encode(parts[0] + parts[1])
			if parts[0] != prefix {
				s, err = qr.Encode(parts[0] + parts[1])
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, room := range []int{0, 5000} {
				got, err := e.AppendPNG(append(make([]byte, 0, room), "before"...), parts[0], parts[1], defaultSize)
				if want := "before" + string(s.PNG(defaultSize)); err != nil || string(got) != want {
					t.Errorf("%q and %q: %d bytes, want %d; %v", parts[0], parts[1], len(got), len(want), err)
				}
			}
		}
		if got, err := e.AppendPNG([]byte("before"), prefix, strings.Repeat("a", 4000), 1); err == nil || string(got) != "before" {
			t.Errorf("4000 letters: %d bytes, %v", len(got), err)
		}
	}
}

// What is promised of a picture of the usual size: two allocations, none if there is room for
// it, and 1.4 kB.
func TestAPictureIsSmallAndCheap(t *testing.T) {
	e := encoder(t)
	random := rand.New(rand.NewPCG(10, 11))
	for range 500 {
		s, err := e.Encode(prefix + newCode(random, letters))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(s.PNG(256)); n > 1400 {
			t.Fatalf("%d bytes", n)
		}
	}
	text := prefix + newCode(random, letters)
	for _, test := range []struct {
		what string
		most float64
		draw func(qr.Symbol)
	}{
		{"PNG", 2, func(s qr.Symbol) { s.PNG(256) }},
		{"SVG", 3, func(s qr.Symbol) { s.SVG(256) }},
	} {
		if n := testing.AllocsPerRun(100, func() {
			s, _ := e.Encode(text)
			test.draw(s)
		}); n > test.most {
			t.Errorf("%s: %v allocations", test.what, n)
		}
	}
	room := make([]byte, 0, 1400+200)
	code := newCode(random, letters)
	if n := testing.AllocsPerRun(100, func() { _, _ = e.AppendPNG(room, prefix, code, 256) }); n > 0 {
		t.Errorf("PNG in a room: %v allocations", n)
	}
}
