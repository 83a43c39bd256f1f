package dialect_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// brokenTable is a store that cannot be reached.
type brokenTable[K ~string, R login.Record[K]] struct{ login.Table[K, R] }

var errOutage = errors.New("connection refused")

func (brokenTable[K, R]) Create(context.Context, R) error { return errOutage }

func (brokenTable[K, R]) Get(context.Context, K) (r R, err error) { return r, errOutage }

func (brokenTable[K, R]) Update(context.Context, K, func(*R) error) (r R, err error) {
	return r, errOutage
}

func (brokenTable[K, R]) Owned(context.Context, login.Phone) ([]R, error) { return nil, errOutage }

// outage takes the store away from the server.
func (s *wxServer) outage() {
	working := memstore.New(memstore.Options{})
	s.t.Cleanup(working.Close)
	s.wechat.Service = login.NewService(login.Store{
		Logins:    brokenTable[login.Handle, login.Login]{working.Logins},
		Sessions:  brokenTable[login.SessionID, login.Session]{working.Sessions},
		Push:      brokenTable[login.PushID, login.PushTicket]{working.Push},
		Blocks:    brokenTable[login.BlockID, login.Block]{working.Blocks},
		UserCodes: brokenTable[login.UserCodeID, login.UserCode]{working.UserCodes},
	}, login.Config{Keys: s.service.Keys(), Apps: s.service.Apps()})
}

// 400 and 500 make old pages reload at once: an outage would become a storm.
func TestWhenTheStoreIsDownPollsSayNothingYet(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		target := s.redirect(s.approved(wxApp))
		_, v := s.session(wxApp)
		s.outage()
		for what, to := range map[string]struct {
			got    wxAnswer
			status int
			body   string
			took   time.Duration
		}{
			"a poll":      {s.ask(a.id, "1"), 200, "window.code=408;", wxHold},
			"a start":     {s.get("/jslogin?appid=" + wxApp), 200, refused + `no login can start now; try again in a minute";`, 5 * time.Second},
			"push login":  {s.get(wxCGI+"webwxpushloginurl?uin=1", "Cookie: webwx_auth_ticket="+v.PushTicket), 200, `{"msg":"scan a code instead","ret":"1"}`, 0},
			"a page":      {s.get(target + "&fun=new"), 200, noPage + "This login could not be completed. Please scan a new code.</message></error>", 0},
			"a sync":      {s.get(wxCGI + "synccheck?" + v.query()), 200, `window.synccheck={retcode:"0",selector:"0"}`, wxHold},
			"a sign-out":  {s.get(wxCGI + "webwxlogout?" + v.query()), 302, `{"BaseResponse":{"Ret":-1,"ErrMsg":""}}`, 0},
			"a wrong sid": {s.get(wxCGI + "synccheck?sid=x"), 200, `window.synccheck={retcode:"1102",selector:"0"}`, time.Second},
		} {
			if to.got.status != to.status || to.got.body != to.body || to.got.took != to.took {
				t.Errorf("%s: %d %s after %v; want %d %s after %v", what, to.got.status, to.got.body, to.got.took, to.status, to.body, to.took)
			}
		}
	})
}

// readOnlyTable is a store whose other half is gone: it reads and cannot write.
type readOnlyTable[K ~string, R login.Record[K]] struct{ login.Table[K, R] }

func (readOnlyTable[K, R]) Update(context.Context, K, func(*R) error) (r R, err error) {
	return r, errOutage
}

// openwechat reads nothing but JSON, a page nothing but a redirect.
func TestASignOutThatFailsIsAnsweredInTheCallersWords(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		store := memstore.New(memstore.Options{})
		defer store.Close()
		broken := store.Store
		broken.Sessions = readOnlyTable[login.SessionID, login.Session]{store.Sessions}
		s.service = login.NewService(broken, login.Config{Keys: s.service.Keys(), Apps: wxApps()})
		s.wechat.Service = s.service
		_, v := s.session(wxApp)
		got := s.get(wxCGI + "webwxlogout?" + v.query())
		if got.status != 302 || got.header.Get("Location") != "/" || wxRet(got) == 0 {
			t.Errorf("%d, Location %q, %s; want a redirect, and Ret not 0", got.status, got.header.Get("Location"), got.body)
		}
		if len(got.cookies) != 0 {
			t.Error("it takes the cookies from a browser whose session goes on")
		}
	})
}
