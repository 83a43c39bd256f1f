package geo_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qrlatch/server/geo"
)

// FuzzFile: a file of places that is damaged, or made to harm, is refused or says nothing;
// it never ends the program, and it takes no time.
func FuzzFile(f *testing.F) {
	for _, name := range []string{cities(f), operators(f), write(f, "GeoIP2-Enterprise", nil)} {
		whole, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(whole)
		f.Add(whole[:len(whole)/2])
		f.Add(append(whole[len(whole)/3:], whole...))
	}
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	f.Add([]byte{})
	name := filepath.Join(f.TempDir(), "any.mmdb")
	var addrs []netip.Addr
	for _, text := range []string{"1.1.1.1", "2.2.2.2", "9.9.9.9", "255.1.1.1", "::ffff:1.1.1.1", "2a00:1::7", "2001:db8::1", "::1", "10.0.0.1"} {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if err := os.WriteFile(name, file, 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		db, err := geo.Open(name)
		if err != nil {
			return
		}
		for _, addr := range addrs {
			db.Place(addr, "zh")
			db.Apart(addr, addrs[0])
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
