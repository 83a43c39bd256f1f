package phone

import (
	"context"
	"errors"
	"strings"
	"testing"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

func TestOutageIsTemporaryAndTellsNothing(t *testing.T) {
	healthy := newServer(t)
	_, path := healthy.scanned(t, "shop")
	store := memstore.New(memstore.Options{})
	defer store.Close()
	broken := store.Store
	broken.Logins = brokenTable{store.Logins}
	storeDown := newServer(t, func(a *API) {
		a.Service = login.NewService(broken, login.Config{Keys: a.Service.Keys(), Apps: a.Service.Apps()})
	})
	authDown := newServer(t, func(a *API) { a.Auth = brokenAuth{} })

	for name, s := range map[string]*server{"store": storeDown, "authenticator": authDown} {
		for _, call := range []string{"GET /v1/scans", "GET " + path, "GET " + path + "?since=scanned&wait=9", "POST " + path + "/approve"} {
			method, target, _ := strings.Cut(call, " ")
			w := s.call(t, "alice-token", method, target, "")
			read(t, w, 503)
			if w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "refused") {
				t.Errorf("%s, %s: %v %s", name, call, w.Header(), w.Body)
			}
		}
	}
}

var errDown = errors.New("connection refused")

type brokenAuth struct{}

func (brokenAuth) Authenticate(context.Context, string) (login.Identity, error) {
	return login.Identity{}, errDown
}

// brokenTable is a table that nobody can reach.
type brokenTable struct {
	login.Table[login.Handle, login.Login]
}

func (brokenTable) Get(context.Context, login.Handle) (l login.Login, err error) { return l, errDown }

func (brokenTable) Update(context.Context, login.Handle, func(*login.Login) error) (l login.Login, err error) {
	return l, errDown
}

func (brokenTable) Owned(context.Context, login.Phone) ([]login.Login, error) { return nil, errDown }
