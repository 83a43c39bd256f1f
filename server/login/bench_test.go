package login_test

import (
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// BenchmarkLogin is one whole login on the memory store, without HTTP and pictures.
func BenchmarkLogin(b *testing.B) {
	store := memstore.New(memstore.Options{})
	defer store.Close()
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		b.Fatal(err)
	}
	s := login.NewService(store.Store, login.Config{Keys: keys, Apps: []login.App{{ID: "shop", RedirectURIs: []string{"https://shop.example/in"}}}})
	b.ReportAllocs()
	for b.Loop() {
		_, l, err := s.Start(b.Context(), login.Request{App: "shop"})
		if err != nil {
			b.Fatal(err)
		}
		code, _, _ := s.Code(l, time.Now())
		if _, err = s.Scan(b.Context(), alice, code, time.Time{}); err == nil {
			_, err = s.Approve(b.Context(), alice.Phone, string(l.Handle), "")
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
