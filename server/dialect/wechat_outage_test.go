package dialect_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
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

// A poll that came while the store was away, or just before, hears of the scan soon after it is
// back, and nothing of somebody else's login.
func TestAPollOutlastsAnOutageOfTheStore(t *testing.T) {
	for reads := range int64(2) { // that the poll can make before
		left := new(atomic.Int64)
		left.Store(-1)
		inSSEOver(t, func(t loginTable) loginTable { return outage{t, left} }, func(w *sseWorld) {
			w.wechat.Service = w.service
			a := w.pending(wxApp)
			code, _, _ := w.service.Code(a.Login, time.Now())
			asks := func(id, want string) {
				t.Helper()
				left.Store(reads)
				back := w.later(3*time.Second, func(context.Context) error { left.Store(-1); return nil })
				began := time.Now()
				got := w.get("https://login.example" + wxLogin + "?tip=1&uuid=" + id)
				if got.body != want || time.Since(began) > 8*time.Second {
					t.Errorf("%d reads: %q after %v", reads, got.body, time.Since(began))
				}
				<-back
			}
			scanned := w.later(6*time.Second, func(ctx context.Context) error {
				_, err := w.service.Scan(ctx, alice(), "https://login.example/l/"+code, time.Time{})
				return err
			})
			asks(string(a.id), "window.code=201;")
			<-scanned
			asks(string(a.id[:12])+strings.Repeat("A", 24), "window.code=400;")
		})
	}
}
