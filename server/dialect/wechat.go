package dialect

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/park"
)

// WeChat speaks the protocol of WeChat Web, so that its unmodified clients can log
// in here. This file is the login itself: a browser asks /jslogin for a uuid (the
// login id), shows the picture of /qrcode/uuid, and polls until window.code is 200.
//
// Deliberately different from the original: the picture does not contain the uuid.
type WeChat struct {
	Service *login.Service
	Hold    time.Duration              // how long a poll waits before it says 408
	Secure  func(*http.Request) bool   // whether cookies of this request's host need https
	Limit   func(login.Browser) bool   // whether this browser may start one more login; nil: any may
	Waiters *limit.Waiters             // counts those who wait; nil: any number may
	Avatar  func(l login.Login) []byte // JPEG of a scanned login's person; nil: a neutral one
	Refused func(c echo.Context) error // shows people that a ticket was refused; nil: XML for them too
	Count   func()                     // counts the statistics reports of clients; may be nil
	Lot     *park.Lot                  // where polls wait; nil: on their goroutines

	script  http.Header // of every answer to a poll: nobody may change it
	avatars avatars
}

// Routes adds the login's endpoints and those of its later files.
func (w *WeChat) Routes(e *echo.Echo) {
	w.script = plain("text/javascript; charset=utf-8")
	e.Match([]string{http.MethodGet, http.MethodPost}, "/jslogin", w.start)
	e.GET(cgi+"login", w.poll)
	e.Match([]string{http.MethodGet, http.MethodPost}, cgi+"webwxnewloginpage", w.page)
	w.sessionRoutes(e)
}

// cgi is where everything but the start and the picture lives.
const cgi = "/cgi-bin/mmwebwx-bin/"

var language = regexp.MustCompile(`^[A-Za-z0-9_-]{0,35}$`)

// start is /jslogin. Some clients send their fields as a form, some leave out all
// but appid. It alone sets the binding cookie: only clients that draw the QR
// themselves need it, they keep cookies, and they ignore SameSite; for a browser it
// is Strict, so that no foreign page's script tag can ever carry it.
func (w *WeChat) start(c echo.Context) error {
	p, err := parameters(c, "appid", "redirect_uri", "lang", "state")
	if err != nil {
		return w.refuse(c, err.Error())
	}
	app, ok := w.Service.App(p.Get("appid"))
	if !ok {
		return w.refuse(c, login.ErrUnknownApp.Error())
	}
	if !mayStart(c.Request(), app) {
		return w.refuse(c, "the page that asks is not registered for this app")
	}
	if !language.MatchString(p.Get("lang")) {
		return w.refuse(c, "lang is malformed")
	}
	if w.Limit != nil && !w.Limit(browserOf(c)) {
		pause(c.Request().Context(), c, w.Waiters, slowStart)
		return w.refuse(c, "too many logins from this address; try again in a minute")
	}
	binding := cookie(c, bindingCookie)
	if !w.Service.KnowsBinding(binding) {
		binding = w.Service.NewBinding()
	}
	id, _, err := w.Service.Start(c.Request().Context(), login.Request{
		App: app.ID, RedirectURI: p.Get("redirect_uri"), SiteState: p.Get("state"), Lang: p.Get("lang"),
		Browser: browserOf(c), Binding: binding, Dialect: limit.ByWeChat.String(),
	})
	switch {
	case errors.Is(err, login.ErrRedirectURI), errors.Is(err, login.ErrTooLong):
		return w.refuse(c, err.Error())
	case err != nil:
		pause(c.Request().Context(), c, w.Waiters, slowStart)
		return w.refuse(c, "no login can start now; try again in a minute")
	}
	c.SetCookie(&http.Cookie{
		Name: bindingCookie, Value: binding, Path: "/",
		HttpOnly: true, Secure: w.Secure(c.Request()), SameSite: http.SameSiteStrictMode,
	})
	return script(c, `window.QRLogin.code = 200; window.QRLogin.uuid = "`+string(id)+`";`)
}

const bindingCookie = "qrb"

// refuse says why no login starts. why is one of our own sentences: nothing that a
// client sent is ever in it.
func (w *WeChat) refuse(c echo.Context, why string) error {
	return script(c, `window.QRLogin.code = 400; window.QRLogin.error = "`+why+`";`)
}

// What a poll says. The bytes matter: see the clients' expressions in the tests.
const (
	saysNothing  = "window.code=408;"
	saysScanned  = "window.code=201;"
	saysApproved = "window.code=200;\n"
	saysDenied   = "window.code=202;"
	saysDead     = "window.code=400;"
)

// poll is the long poll. Its tip is a lossy cursor: 1 has seen nothing, 0 or empty
// may or may not have seen the scan (openwechat and wechat4u always send 0, ItChat
// always 1). So tip decides nothing. The scan is told once on this dialect, whoever
// asks first; after that a poll is held until more happens, since a second 201 makes
// ItChat spin and WeixinBot give up.
func (w *WeChat) poll(c echo.Context) error {
	var room [usualFields]field
	p, err := readQuery(room[:0], c.Request().URL.RawQuery)
	if tip := p.Get("tip"); err != nil || p.repeats("uuid", "tip", "loginicon") || tip != "" && tip != "0" && tip != "1" {
		if !pause(c.Request().Context(), c, w.Waiters, slowPoll) {
			return turnAway(c)
		}
		return script(c, saysDead)
	}
	icon := p.Get("loginicon") == "true"
	// The number is in the icon: who asks for none has nowhere to show it.
	who := login.Holder{ID: p.Get("uuid"), Binding: cookie(c, bindingCookie), Addr: addressOf(c), ShowsNumber: icon}
	ctx := c.Request().Context()
	l, err := w.Service.Get(ctx, who)
	var r reply
	if err == nil {
		r, err = w.say(ctx, l, icon)
	}
	switch {
	case errors.Is(err, login.ErrNotFound):
		r = inWeChat(saysDead)
		fallthrough
	case r.body != nil:
		if string(r.body) == saysDead && !pause(ctx, c, w.Waiters, slowPoll) {
			return turnAway(c) // itchat4j and wechat-api poll a dead uuid for ever
		}
		return r.send(c)
	}
	if err != nil {
		return w.outlast(c, who, icon)
	}
	poll := &wechatPoll{WeChat: w, icon: icon, watch: w.Service.NewWatch(who, l)}
	poll.await(w.Hold)
	if poll.enter(w.Waiters, waiterFor(c, limit.ByWeChat, who, l)) == limit.TurnedAway {
		return turnAway(c)
	}
	poll.follow(l)
	w.Lot.Wait(c.Response(), c.Request(), poll)
	return nil
}

// wechatPoll is a poll that waits.
type wechatPoll struct {
	longPoll
	*WeChat
	watch login.Watch
	icon  bool
	dead  bool
	deaf  bool // the store is away: nobody will ring
}

func (p *wechatPoll) follow(l login.Login) {
	err := p.watch.Follow(l, p)
	p.dead = errors.Is(err, login.ErrNotFound)
	p.deaf = err != nil && !p.dead
}

func (p *wechatPoll) look() (reply, bool) {
	l, err, rang := p.watch.News()
	if p.deaf {
		l, err = p.watch.Now(background())
		rang = true
	}
	if rang && err == nil {
		var r reply
		if r, err = p.say(background(), l, p.icon); r.body != nil {
			return r, true
		}
		if err == nil {
			p.follow(l)
		}
	}
	if errors.Is(err, login.ErrNotFound) || p.dead {
		return p.tells(saysDead), true
	}
	return reply{}, false
}

func (p *wechatPoll) nothing() reply { return p.tells(saysNothing) }

// Offer is the Watch's.
func (p *wechatPoll) Offer(l login.Login) bool { return p.watch.Accept(l) }

// Wake is the Lot's.
func (p *wechatPoll) Wake(s park.Spot) {
	p.ask(p, s)
	if p.deaf {
		p.later(s)
	}
}

// Gone is the Lot's.
func (p *wechatPoll) Gone() {
	p.watch.Stop()
	p.place.Leave()
}

// say puts the state of a login into words, or returns none if this dialect has said it
// before and should wait.
func (w *WeChat) say(ctx context.Context, l login.Login, icon bool) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err // nobody would hear it
	}
	switch l.State {
	case login.Pending:
		return reply{}, nil
	case login.Scanned:
		first, err := w.Service.Tell(ctx, l, wechatSaidScanned)
		if err != nil || !first {
			return reply{}, err
		}
		return w.tells(saysScanned + w.avatar(l, icon)), nil
	case login.Approved:
		uri, ok := w.Service.RedirectURI(l)
		if !ok {
			return w.tells(saysDead), nil
		}
		// It may be asked for again: WeixinBot polls once more after a 200, Weixinbot
		// (Node) drops an answer that came after a network retry.
		return reply{http.StatusOK, w.script, []byte(saysApproved + `window.redirect_uri="` + uri + `";`)}, nil
	case login.Denied:
		// Only pages of 2017 and later know 202, and they ask for the icon. Others spin on
		// it or stop without a word, so they, and whoever asks again, get 400.
		if !icon {
			return w.tells(saysDead), nil
		}
		first, err := w.Service.Tell(ctx, l, wechatSaidDenied)
		if err != nil {
			return reply{}, err
		}
		if !first {
			return w.tells(saysDead), nil
		}
		return w.tells(saysDenied), nil
	case login.Redeemed, login.Expired:
		return w.tells(saysDead), nil
	}
	return w.tells(saysDead), nil
}

// tells answers a poll, which is a script tag.
func (w *WeChat) tells(says string) reply { return reply{http.StatusOK, w.script, []byte(says)} }

// inWeChat answers any script tag: see script.
func inWeChat(says string) reply {
	return reply{http.StatusOK, plain("text/javascript; charset=utf-8"), []byte(says)}
}

// avatar is the picture that shows who has scanned, or, where the phone must repeat
// a number, the number: unmodified pages can show it nowhere else.
func (w *WeChat) avatar(l login.Login, icon bool) string {
	if !icon {
		return ""
	}
	if digits, ok := w.Service.Number(l); ok {
		return w.avatars.number(digits)
	}
	if w.Avatar != nil {
		if picture := w.Avatar(l); picture != nil {
			return told(picture)
		}
	}
	return w.avatars.nobody()
}

// cookie returns a cookie's value, or "". Most have other cookies: those are not taken apart.
func cookie(c echo.Context, name string) string {
	if !slices.ContainsFunc(c.Request().Header["Cookie"], func(line string) bool { return strings.Contains(line, name) }) {
		return ""
	}
	got, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return strings.Trim(got.Value, `"`)
}
