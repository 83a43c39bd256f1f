package login_test

import (
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// FuzzCredentials hands any text in as each thing that opens something, with a live login, a
// binding and a session there: nothing opens, unless it is what we have handed out.
func FuzzCredentials(f *testing.F) {
	store := memstore.New(memstore.Options{})
	f.Cleanup(store.Close)
	s := login.NewService(store.Store, login.Config{
		Keys: keyring(f, keyLine("k1", 1)), Apps: []login.App{{ID: "shop", RedirectURIs: []string{pageURI}}}, LoginTTL: time.Hour,
	})
	begin := func() (login.ID, login.Login) {
		id, l, err := s.Start(f.Context(), login.Request{App: "shop", Browser: desk, UserCode: true})
		if err != nil {
			f.Fatal(err)
		}
		return id, l
	}
	id, l := begin()
	code, _, _ := s.Code(l, time.Now())
	userCode, _ := s.UserCode(l, time.Now())
	for _, text := range []string{
		string(id), string(l.Handle), code, strings.ToUpper(code), userCode, "https://login.example/l/" + code, "", strings.Repeat("A", 36), strings.Repeat("A", 22), strings.Repeat("A", 44),
		"bcdf-ghjk", "\x00", "é", string(id[:12]), string(id) + string(id), string(id) + "=",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := s.Get(t.Context(), login.Holder{ID: text, Binding: text}); err == nil && text != string(id) {
			t.Errorf("%q is a login", text)
		}
		if s.KnowsBinding(text) {
			t.Errorf("%q is a binding", text)
		}
		if _, _, err := s.StartPush(t.Context(), text, text, login.Request{App: "shop"}); err == nil {
			t.Errorf("%q is a push ticket", text)
		}
		if _, err := s.RedeemTicket(t.Context(), "shop", text); err == nil {
			t.Errorf("%q is a ticket", text)
		}
		if _, err := s.SessionOf(t.Context(), "shop", text); err == nil {
			t.Errorf("%q is a session", text)
		}
		if _, err := s.Approve(t.Context(), alice.Phone, text, text); err == nil {
			t.Errorf("%q is alice's to approve", text)
		}
	})
}
