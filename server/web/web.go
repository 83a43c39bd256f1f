// Package web puts the parts together: the routes of every interface behind one set
// of rules for hosts, proxies, logs and errors.
package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/dialect"
	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/metrics"
	"qrlatch/server/pages"
	"qrlatch/server/park"
	"qrlatch/server/passkey"
	"qrlatch/server/phone"
	"qrlatch/server/qr"
	"qrlatch/server/relay"
	"qrlatch/server/site"
)

// Options are what a server is made of. Service, Phones, PublicURL, Log and Metrics
// are mandatory.
type Options struct {
	Service   *login.Service
	Phones    phone.Authenticator
	Places    phone.Places // of addresses; nil: nobody knows any
	PublicURL *url.URL     // scheme and host: the only source of absolute URLs
	Log       *slog.Logger
	Metrics   *metrics.Metrics
	Symbols   *qr.Encoder // of pictures; nil: one that learned nothing
	Messages  Messages    // from sites to sockets; nil: within this process

	Hosts          []string     // further hosts this server answers for; "*": any
	Loopback       bool         // 127.0.0.1, [::1] and localhost are the same to it
	TrustedProxies []*net.IPNet // whose X-Forwarded-* are believed
	PollHold       time.Duration
	Limits         Limits
	Accounts       []pages.Account // who may sign in on the phone pages
	SignIn         pages.Provider  // where everybody else may; nil: nowhere
	AppLinks       AppLinks
	Demo           bool
	Passkeys       *passkey.RelyingParty // nil: there are none here
	Draining       context.Context       // ends when waiting requests must be answered; nil: never
	Lot            *park.Lot             // where browsers wait, of which http.Server knows nothing; nil: on goroutines
}

// Messages carries what sites send to the sockets of their sessions.
type Messages interface {
	dialect.Messages
	site.Messages
}

// New returns the handler of the public listener.
func New(o Options) (http.Handler, error) {
	mayStart := startLimiter(o.Limits.StartsPerAddress, o.Metrics.LimitHit("starts_per_address"))
	scans := limit.NewPerMinute(o.Limits.ScansPerPhone).Report(o.Metrics.LimitHit("scans_per_phone")) // one count for app and pages
	waiters := waiters(o.Metrics, o.Limits)
	o.Service.LimitGuesses(limit.NewGuesses().PerNetwork(o.Limits.GuessesPerAddress).Report(o.Metrics.LimitHit("codes")))
	people, err := pages.New(pages.Options{
		Service: o.Service, PublicURL: o.PublicURL.String(), Hosts: o.Hosts, Demo: o.Demo, Accounts: o.Accounts, SignIn: o.SignIn,
		Passkeys: o.Passkeys, Secure: o.PublicURL.Scheme == "https", Log: o.Log, Scans: scans, Places: o.Places,
		Limit: mayStart, Waiters: waiters, Refused: o.Metrics.LimitHit("sign_ins"),
		SignInsPerAddress: o.Limits.SignInsPerAddress, PasswordsPerAddress: o.Limits.PasswordsPerAddress,
	})
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(discard{})
	e.IPExtractor = clientAddress(o.TrustedProxies)
	e.HTTPErrorHandler = errorHandler(people)

	proxies := proxies(o.TrustedProxies)
	wechat := &dialect.WeChat{
		Service: o.Service, Hold: o.PollHold, Count: o.Metrics.StatReports.Inc,
		Secure:  func(r *http.Request) bool { return o.PublicURL.Scheme == "https" || proxies.secure(r) },
		Limit:   mayStart,
		Waiters: waiters, Lot: o.Lot,
		Avatar:  people.Avatar,
		Refused: people.TicketRefused,
	}
	public := o.PublicURL.String()
	wechat.Routes(e)
	polls := dialect.NewPolls(o.Limits.PollsPerLogin, o.Metrics.LimitHit("polls"))
	(&dialect.JSON{
		Service: o.Service, PublicURL: public, Limit: mayStart,
		Waiters: waiters, Polls: polls, Lot: o.Lot,
	}).Routes(e)
	(&dialect.SSE{Service: o.Service, PublicURL: public, Waiters: waiters, Lot: o.Lot}).Routes(e)
	messages := o.Messages
	if messages == nil {
		messages = new(relay.Local)
	}
	(&dialect.WebSocket{
		Service: o.Service, PublicURL: public, Symbols: o.Symbols, Limit: mayStart, Waiters: waiters,
		Messages: messages, Lot: o.Lot,
	}).Routes(e)
	(&dialect.Taobao{Service: o.Service, PublicURL: public, Limit: mayStart, Waiters: waiters, Polls: polls}).Routes(e)
	(&dialect.Picture{
		Service: o.Service, PublicURL: public, Symbols: o.Symbols, Waiters: waiters, PerMinute: o.Limits.PicturesPerLogin, Refused: o.Metrics.LimitHit("pictures"),
	}).Routes(e)

	phones := &phone.API{
		Service: o.Service, Auth: o.Phones, Places: o.Places, Scans: scans, Waiters: waiters,
		Strangers: phone.NewStrangers(o.Metrics.LimitHit("tokens")), Passkeys: o.Passkeys,
	}
	sites := &site.API{Service: o.Service, Issuer: public, Messages: messages}
	phones.Routes(e)
	sites.Routes(e)
	e.DELETE("/v1/sessions/:id", SignOut(phones.DeleteSession, sites.DeleteSession))
	people.Routes(e)
	o.AppLinks.routes(e)
	return &front{
		echo: e, log: o.Log, requests: newRequests(o.Metrics.Requests, e), hosts: newHosts(o, proxies), limits: newDeadlines(o.Limits), draining: o.Draining,
	}, nil
}

// discard keeps Echo's own log quiet: whatever matters comes through slog.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
