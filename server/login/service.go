package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Service works by. The zero durations mean the defaults.
type Config struct {
	Keys       Keyring
	Apps       []App         // at least one; ids are unique
	LoginTTL   time.Duration // life of a login until it is scanned; default 5 m
	CodeTTL    time.Duration // length of a slot; default 20 s
	TicketTTL  time.Duration // from approval until the browser must have collected; default 60 s
	SessionTTL time.Duration // default 12 h

	// Apart tells whether two addresses are known to be in different countries, or of
	// different network operators; nil: nobody knows.
	Apart func(browser, phone netip.Addr) bool
	// Passkeys verifies those of approvals; nil: apps that ask for one let nobody in.
	Passkeys Passkeys
	// Audit is told of every Event, once, on the goroutine whose caller waits for the
	// change: it must be quick. What this process has saved and not told when it dies,
	// and what a store has saved although it reported an error, is not told. nil: nobody.
	Audit func(Event)
	// Observe is told of every Step, in the same way, for whoever measures. nil: nobody.
	Observe func(Step)
}

func (c Config) withDefaults() Config {
	fallback := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	fallback(&c.LoginTTL, 5*time.Minute)
	fallback(&c.CodeTTL, 20*time.Second)
	fallback(&c.TicketTTL, time.Minute)
	fallback(&c.SessionTTL, 12*time.Hour)
	return c
}

// Service is the login state machine over a Store. All methods are safe for
// concurrent use.
type Service struct {
	store    Store
	guesses  Guesses // nil: no limit
	config   atomic.Pointer[Config]
	logins   *hub[Handle, Login]
	sessions *hub[SessionID, Session]
	audience audience
	news     sync.Pool // of *Login: a Watch has one between Accept and News
}

// NewService returns a Service that owns the store's notifications.
func NewService(store Store, config Config) *Service {
	s := &Service{store: store}
	s.Configure(config)
	s.logins = newHub(store.Logins, func(l Login) Login {
		l.State = s.stateAt(&l, time.Now())
		s.audience.crier.consider(&l)
		return l
	}, func(l Login) time.Time {
		if l.State.Final() {
			return time.Time{}
		}
		return l.Deadline
	}, func(h Handle) Login { return Login{Handle: h, State: Expired} })
	s.logins.near = store.Audience == nil
	s.audience.crier = newCrier(store.Audience, func(h Handle) []watcher { return s.logins.waiting(nil, h) })
	// Nobody waits for these.
	store.Push.Notify(func(PushID) {})
	store.Blocks.Notify(func(BlockID) {})
	store.UserCodes.Notify(func(UserCodeID) {})
	s.sessions = newHub(store.Sessions, func(v Session) Session { return s.sessionAt(v, time.Now()) }, func(v Session) time.Time {
		if v.Ended != Active {
			return time.Time{}
		}
		return v.Expires
	}, func(id SessionID) Session { return Session{ID: id, Ended: SignedOut} })
	return s
}

// Configure replaces the configuration for everything that begins from now on.
// Logins and sessions under way keep their key: those whose key is in the ring no more
// have expired and ended, and whoever waits for them is told.
func (s *Service) Configure(config Config) {
	config = config.withDefaults()
	s.retire(s.config.Swap(&config))
}

// Keys returns the keys in use.
func (s *Service) Keys() Keyring { return s.config.Load().Keys }

// CodeTTL is how long a picture's code stays the newest.
func (s *Service) CodeTTL() time.Duration { return s.config.Load().CodeTTL }

// App finds a registered app.
func (s *Service) App(id string) (*App, bool) {
	apps := s.config.Load().Apps
	for i := range apps {
		if apps[i].ID == id {
			return &apps[i], true
		}
	}
	return nil, false
}

// Apps returns all registered apps, in the order of the configuration.
func (s *Service) Apps() []App { return s.config.Load().Apps }

// Request asks for a login. Only App is mandatory.
type Request struct {
	App         string
	RedirectURI string // empty: the app's default
	SiteState   string // given back to the site in its redirect_uri
	Lang        string
	Browser     Browser
	Binding     string // the browser's binding cookie, as NewBinding made it
	UserCode    bool   // also a short code, for people who cannot scan
	Dialect     string // how the browser asks, for whoever measures; may be empty
}

// Start begins a login. It returns ErrUnknownApp, ErrRedirectURI, ErrTooLong or
// ErrFull for requests that may not start one.
func (s *Service) Start(ctx context.Context, r Request) (ID, Login, error) {
	began := time.Now()
	l, id, err := s.draft(r)
	if err != nil {
		return "", Login{}, err
	}
	var code UserCodeID
	if r.UserCode {
		// Before the login, which says which draw it was.
		if code, err = s.saveUserCode(ctx, &l); err != nil {
			return "", Login{}, err
		}
	}
	if err := s.store.Logins.Create(ctx, l); err != nil {
		err = fmt.Errorf("start login: %w", err)
		if r.UserCode {
			err = errors.Join(err, s.store.UserCodes.Delete(ctx, code))
		}
		return "", Login{}, err
	}
	s.step(&Step{Name: StepStart, Result: StepDone, Login: l, Dialect: r.Dialect, Began: began})
	return id, l, nil
}

func (s *Service) draft(r Request) (Login, ID, error) {
	config := s.config.Load()
	app, ok := s.App(r.App)
	if !ok {
		return Login{}, "", ErrUnknownApp
	}
	uri, ok := app.RedirectURI(r.RedirectURI)
	if !ok {
		return Login{}, "", ErrRedirectURI
	}
	if len(r.SiteState) > maxSiteState || len(r.Lang) > maxLang {
		return Login{}, "", ErrTooLong
	}
	id, handle := newID()
	now := time.Now()
	l := Login{
		Handle: handle, ID: id.hash(), KeyID: config.Keys.Newest().ID,
		App: app.ID, RedirectURI: Shorten(uri), SiteState: r.SiteState, Lang: r.Lang, Browser: r.Browser.Kept(),
		State: Pending, Started: now, Deadline: now.Add(config.LoginTTL),
	}
	if s.bindingHolds(r.Binding) {
		l.Binding = hashSecret(r.Binding)
	}
	return l, id, nil
}

// Holder is what a request presents to be taken for the browser that started a
// login. Binding is needed only where the login id itself was scanned: then the id
// was in a picture, and is no proof any more (SECURITY §2, class B).
//
// The others prove nothing, and are there to be told to the phone.
type Holder struct {
	ID      string
	Binding string

	Addr        netip.Addr // after trusted proxies; the zero Addr: unknown
	ShowsNumber bool       // this browser can show people the number of a login
}

// proves tells whether h may see the login l.
func (h Holder) proves(l Login) bool {
	id, ok := parseID(h.ID)
	sum := id.hash()
	if !ok || subtle.ConstantTimeCompare(sum[:], l.ID[:]) != 1 {
		return false
	}
	if !l.Bound {
		return true
	}
	return h.HoldsBinding(l)
}

// Get returns the login that h started. Unknown, foreign and forgotten ones all
// give ErrNotFound.
func (s *Service) Get(ctx context.Context, h Holder) (Login, error) {
	l, err := s.find(ctx, h)
	if err == nil {
		s.audience.crier.consider(&l)
		if l.State <= Scanned { // nobody asks who was there later on
			s.audience.hear(l.Handle, watcherOf(h, l))
		}
	}
	return l, err
}

// find is Get for those who are not the browser.
func (s *Service) find(ctx context.Context, h Holder) (Login, error) {
	id, ok := parseID(h.ID)
	if !ok {
		return Login{}, ErrNotFound
	}
	l, err := s.store.Logins.Get(ctx, id.handle())
	if err != nil {
		return Login{}, err
	}
	if !h.proves(l) {
		return Login{}, ErrNotFound
	}
	l.State = s.stateAt(&l, time.Now())
	return l, nil
}

// Watch calls fire once, as soon as the login of h is in another state than since:
// perhaps before Watch returns. If h stops being its browser, fire gets
// ErrNotFound. fire runs on whichever goroutine made the change: it must not block,
// must not call stop and must not change a record. After stop returned, fire is not
// called any more.
func (s *Service) Watch(ctx context.Context, h Holder, since State, fire func(Login, error)) (stop func(), err error) {
	l, err := s.Get(ctx, h)
	if err != nil {
		return nil, err
	}
	handle, state, by := l.Handle, l.State, watcherOf(h, l) // and not all of l, which would be kept
	end, err := s.logins.watch(handle, by, func(now Login) bool {
		switch {
		case now.State < state: // saved before, and offered late
			return false
		case !h.proves(now):
			fire(Login{}, ErrNotFound)
		case now.State != since:
			fire(now, nil)
		default:
			return false
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return func() {
		s.audience.note(handle.pack(), by) // until now it was there; before the hub lets go of it
		end()
		s.audience.crier.asks(handle, by)
	}, nil
}

// Wait is Watch for a caller that has a goroutine to spare. When ctx ends first it
// returns the error of ctx.
func (s *Service) Wait(ctx context.Context, h Holder, since State) (Login, error) {
	type answer struct {
		login Login
		err   error
	}
	fired := make(chan answer, 1)
	stop, err := s.Watch(ctx, h, since, func(l Login, err error) { fired <- answer{l, err} })
	if err != nil {
		return Login{}, err
	}
	defer stop()
	select {
	case a := <-fired:
		return a.login, a.err
	case <-ctx.Done():
		return Login{}, ctx.Err()
	}
}

// Tell marks the login as told of mark, and reports whether this caller is the
// first: of all that ask on all nodes, exactly one is. It reports false as well
// when the login has left the state it was told of.
func (s *Service) Tell(ctx context.Context, l Login, mark Mark) (first bool, err error) {
	if l.Told&mark != 0 {
		return false, nil // no mark is ever taken away
	}
	handle, state := l.Handle, l.State // and not all of l, which would go to the heap
	_, err = s.store.Logins.Update(ctx, handle, func(now *Login) error {
		if now.Told&mark != 0 || s.stateAt(now, time.Now()) != state {
			return ErrDecided
		}
		now.Told |= mark
		return nil
	})
	if errors.Is(err, ErrDecided) {
		return false, nil
	}
	return err == nil, err
}
