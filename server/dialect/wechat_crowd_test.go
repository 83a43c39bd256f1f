package dialect_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qrlatch/server/dialect"
	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/problem"
)

// crowd sends the same request so many times at once, and sorts what they get.
func (s *wxServer) crowd(n int, target string, fields func(n int) []string) (got []string) {
	s.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			a := s.get(target, fields(i)...)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, strings.Join([]string{strconv.Itoa(a.status), a.header.Get("Connection"), a.took.String()}, " "))
		})
	}
	all.Wait()
	slices.Sort(got)
	return got
}

// While the store is away nobody can tell what a poll waits for. It is held all the same,
// and so it counts.
func TestPollsThatAreHeldInAnOutageCountAsWaitersAndAreLimited(t *testing.T) {
	for _, by := range []limit.Dialect{limit.ByWeChat, limit.BySyncCheck} {
		t.Run(by.String(), func(t *testing.T) {
			inWX(t, func(t *testing.T, s *wxServer) {
				target := wxLogin + "?tip=1&uuid=" + string(s.pending(wxApp).id)
				if by == limit.BySyncCheck {
					_, v := s.session(wxApp)
					target = wxCGI + "synccheck?" + v.query()
				}
				s.outage()
				waiters := limit.NewWaiters(limit.WaiterLimits{PerLogin: 1, PerAddress: 3, Total: 8})
				s.wechat.Waiters = waiters
				waiting := 0
				peek := s.later(time.Second, func(context.Context) error { waiting = waiters.Count(by); return nil })
				got := s.crowd(8, target, func(int) []string { return nil })
				<-peek
				want := []string{"200  25s", "200  25s", "200  25s", "200  5s", "200  5s", "200  5s", "429 close 0s", "429 close 0s"}
				if !slices.Equal(got, want) || waiting != 3 {
					t.Errorf("of eight at an address: %q, %d counted", got, waiting)
				}
				got = s.crowd(8, target, func(n int) []string { return []string{"Remote: 192.0.2." + strconv.Itoa(n) + ":1"} })
				if !slices.Equal(got, slices.Repeat([]string{"200  25s"}, 8)) {
					t.Errorf("of eight elsewhere: %q", got)
				}
				if waiters.Count(by) != 0 {
					t.Errorf("%d are counted for ever", waiters.Count(by))
				}
			})
		})
	}
}

// A poll that was waiting when the store went away keeps its place to the end, and no other.
func TestAPollThatAnOutageMeetsKeepsItsPlace(t *testing.T) {
	for _, tt := range []struct {
		by   limit.Dialect
		want string
	}{
		{limit.ByWeChat, "window.code=408;"},
		{limit.BySyncCheck, `window.synccheck={retcode:"0",selector:"0"}`},
	} {
		t.Run(tt.by.String(), func(t *testing.T) {
			inWX(t, func(t *testing.T, s *wxServer) {
				store := memstore.New(memstore.Options{})
				t.Cleanup(store.Close)
				fading := store.Store
				logins := &fadingTable[login.Handle, login.Login]{Table: fading.Logins, reads: 100}
				sessions := &fadingTable[login.SessionID, login.Session]{Table: fading.Sessions, reads: 100}
				fading.Logins, fading.Sessions = logins, sessions
				s.service = login.NewService(fading, login.Config{Keys: s.service.Keys(), Apps: s.service.Apps()})
				s.wechat.Service = s.service
				s.wechat.Waiters = limit.NewWaiters(limit.WaiterLimits{PerLogin: 1, PerAddress: 1})
				target := wxLogin + "?tip=1&uuid=" + string(s.pending(wxApp).id)
				if tt.by == limit.BySyncCheck {
					_, v := s.session(wxApp)
					target = wxCGI + "synccheck?" + v.query()
				}
				logins.reads, sessions.reads = 1, 1 // enough to know who asks
				waiting := 0
				peek := s.later(10*time.Second, func(context.Context) error { waiting = s.wechat.Waiters.Count(tt.by); return nil })
				got := s.get(target)
				<-peek
				if got.body != tt.want || got.took != wxHold || waiting != 1 {
					t.Errorf("%s after %v, %d counted", got.body, got.took, waiting)
				}
			})
		})
	}
}

// Where nobody more is held, a client that comes back at once pays for it with a handshake,
// and one that reads numbers is told not to.
func TestWhoIsNotEvenHeldIsToldToComeLaterAndMustConnectAnew(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		_, v := s.session(wxApp)
		waiters := limit.NewWaiters(limit.WaiterLimits{PerAddress: 1})
		never := func(login.Browser) bool { return false }
		s.wechat.Waiters, s.wechat.Limit = waiters, never
		s.echo.HTTPErrorHandler = problem.ErrorHandler(slog.New(slog.DiscardHandler))
		(&dialect.JSON{Service: s.service, PublicURL: "https://login.example", Limit: never, Waiters: waiters}).Routes(s.echo)
		(&dialect.Taobao{Service: s.service, PublicURL: "https://login.example", Limit: never, Waiters: waiters}).Routes(s.echo)
		for range 2 { // one waits, and one is held
			place := new(limit.Place)
			waiters.Enter(place, limit.Waiter{Topic: "another", Addr: firefox().Addr})
			defer place.Leave()
		}
		unknown := strings.Repeat("A", 36)
		const later = "Too many requests wait for this login, or come from this address. Try again in half a minute.\n"
		for _, tt := range []struct {
			name, target string
			status       int
			body         string
		}{
			{"a poll", wxLogin + "?tip=1&uuid=" + string(a.id), 429, later},
			{"a poll of a dead login", wxLogin + "?tip=1&uuid=" + unknown, 429, later},
			{"a poll that is none", wxLogin + "?tip=7&uuid=" + string(a.id), 429, later},
			{"a sync", wxCGI + "synccheck?" + v.query(), 429, later},
			{"a sync of no session", wxCGI + "synccheck?sid=x", 429, later},
			{"a poll in JSON", "/v1/logins/" + string(a.id) + "?since=pending&wait=25", 429, `{"type":"/problems/rate-limited"`},
			{"a poll in JSONP", "/v1/logins/" + string(a.id) + ".js?since=pending&wait=25&callback=cb", 200, `/**/cb({"error":{"type":"/problems/rate-limited"`},
			{"a poll in JSON of a dead login", "/v1/logins/" + unknown, 404, `{"type":"/problems/`},
			{"a start", "/jslogin?appid=" + wxApp, 200, refused + `too many logins from this address; try again in a minute";`},
			{"a start by Taobao's words", taobaoStart, 200, `{"success":false,"message":"too many logins from this address, try again in a minute"}`},
			{"a check by Taobao's words", taobaoCheck + unknown, 200, `{"code":"10004","message":"QRCode expired!code=1, msg=data not exist","success":true}`},
		} {
			got := s.get(tt.target)
			retry := map[int]string{429: "30"}[tt.status]
			if got.status != tt.status || !strings.HasPrefix(got.body, tt.body) || got.took != 0 || got.header.Get("Connection") != "close" || got.header.Get("Retry-After") != retry {
				t.Errorf("%s: %d %q after %v, %v", tt.name, got.status, got.body, got.took, got.header)
			}
			if got := s.get(tt.target, "Remote: 203.0.113.9:1"); got.status == 429 || got.took == 0 || got.header.Get("Connection") != "" {
				t.Errorf("%s, elsewhere: %d %q after %v, %v", tt.name, got.status, got.body, got.took, got.header)
			}
		}
	})
}

// fadingTable is a store that goes away after so many reads.
type fadingTable[K ~string, R login.Record[K]] struct {
	login.Table[K, R]
	reads int
}

func (f *fadingTable[K, R]) Get(ctx context.Context, key K) (r R, err error) {
	if f.reads--; f.reads < 0 {
		return r, errOutage
	}
	return f.Table.Get(ctx, key)
}
