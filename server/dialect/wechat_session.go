package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/park"
)

// This file is as much of WeChat Web after the login as a client needs to call
// itself logged in, to notice that it was signed out, and to sign out.

func (w *WeChat) sessionRoutes(e *echo.Echo) {
	both := []string{http.MethodGet, http.MethodPost}
	e.POST(cgi+"webwxinit", w.init)
	e.POST(cgi+"webwxstatusnotify", w.notify)
	e.POST("/webwxstatusnotify", w.notify) // where itchat4j looks for it
	e.POST(cgi+"webwxsync", w.sync)
	e.Match(both, cgi+"webwxgetcontact", w.contacts)
	e.GET(cgi+"synccheck", w.synccheck)
	e.Match(both, cgi+"webwxlogout", w.logout)
	e.Match(both, cgi+"webwxstatreport", w.report)
	e.GET(cgi+"webwxpushloginurl", w.push)
}

// Return codes that clients know.
const (
	retTrouble    = -1 // ours, not the client's: it may try again
	retOK         = 0
	retSignedOut  = 1100 // by the phone, or run out
	retElsewhere  = 1101 // signed in elsewhere
	retBadSession = 1102 // wrong Skey, Sid or Uin
)

type baseResponse struct {
	Ret    int
	ErrMsg string
}

func ret(code int) baseResponse { return baseResponse{Ret: code} }

// credentials is the BaseRequest of a JSON body. Uin comes as a number or a string.
type credentials struct {
	BaseRequest struct {
		Uin       json.RawMessage
		Sid, Skey string
	}
}

// fromBody reads who asks from a JSON body, whatever Content-Type says: ItChat
// misspells the header and WeixinBot sends that of a form. A client that resumes has
// no Skey and proves itself by its cookie.
func (w *WeChat) fromBody(c echo.Context) (login.Session, int) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxBody))
	var sent credentials
	if err != nil || json.Unmarshal(body, &sent) != nil {
		return login.Session{}, retBadSession
	}
	return w.authenticate(c, login.Presented{
		SID: sent.BaseRequest.Sid, Skey: sent.BaseRequest.Skey,
		UIN: string(bytes.Trim(sent.BaseRequest.Uin, `"`)),
	})
}

// fromParameters reads who asks from the query or a form, and what is missing there
// from the cookies.
func (w *WeChat) fromParameters(c echo.Context) (login.Session, int) {
	p, err := parameters(c, "sid", "uin", "skey")
	if err != nil {
		return login.Session{}, retBadSession
	}
	first := func(name, cookieName string) string {
		if p.Has(name) {
			return p.Get(name)
		}
		return cookie(c, cookieName)
	}
	return w.authenticate(c, login.Presented{SID: first("sid", "wxsid"), UIN: first("uin", "wxuin"), Skey: p.Get("skey")})
}

func (w *WeChat) authenticate(c echo.Context, p login.Presented) (login.Session, int) {
	p.DataTicket = cookie(c, "webwx_data_ticket")
	ctx := c.Request().Context()
	s, err := w.Service.Authenticate(ctx, p)
	if errors.Is(err, login.ErrNotFound) {
		return login.Session{}, retBadSession
	}
	if err != nil {
		return login.Session{}, retTrouble
	}
	if s.Ended == login.Active {
		_ = w.Service.Touch(ctx, s) // only a display: a store that fails will say so elsewhere
	}
	return s, retOf(s)
}

// retOf says in WeChat's numbers whether a session goes on.
func retOf(s login.Session) int {
	switch s.Ended {
	case login.Active:
		return retOK
	case login.Elsewhere, login.Voided:
		return retElsewhere
	case login.SignedOut, login.ByPhone:
	}
	return retSignedOut
}

// notify acknowledges a client's note that its phone shows the right chat.
func (w *WeChat) notify(c echo.Context) error {
	_, code := w.fromBody(c)
	return sayJSON(c, struct {
		BaseResponse baseResponse
		MsgID        string
	}{ret(code), "1"})
}

// synccheck is held until the session ends. Its spelling is exact: clients take it
// apart by expressions.
func (w *WeChat) synccheck(c echo.Context) error {
	s, code := w.fromParameters(c)
	if code != retOK && code != retTrouble {
		if !pause(c.Request().Context(), c, w.Waiters, slowPoll) {
			return turnAway(c)
		}
		return script(c, saysSync(code))
	}
	v := limit.Waiter{Dialect: limit.BySyncCheck, Addr: addressOf(c)}
	if code == retOK {
		v.Topic, v.Bound = string(s.ID), true
	}
	check := new(syncCheck)
	check.await(w.Hold)
	if check.enter(w.Waiters, v) == limit.TurnedAway {
		return turnAway(c)
	}
	if code == retOK { // else it hears nothing: the store's trouble ends no session
		check.watch(w.Service, s.ID)
	}
	w.Lot.Wait(c.Response(), c.Request(), check)
	return nil
}

// syncCheck is a synccheck that waits.
type syncCheck struct {
	longPoll
	code   atomic.Int32 // of a session that has ended
	unlink func()
}

func (s *syncCheck) watch(service *login.Service, id login.SessionID) {
	stop, err := service.WatchSession(id, func(v login.Session) {
		s.code.Store(int32(retOf(v)))
		s.Ring()
	})
	if errors.Is(err, login.ErrNotFound) {
		s.code.Store(retSignedOut)
	}
	s.unlink = stop
}

func (s *syncCheck) look() (reply, bool) {
	code := int(s.code.Load())
	return inWeChat(saysSync(code)), code != retOK
}

func (s *syncCheck) nothing() reply { return inWeChat(saysSync(retOK)) }

// Wake is the Lot's.
func (s *syncCheck) Wake(spot park.Spot) { s.ask(s, spot) }

// Gone is the Lot's.
func (s *syncCheck) Gone() {
	if s.unlink != nil {
		s.unlink()
	}
	s.place.Leave()
}

func saysSync(code int) string {
	return `window.synccheck={retcode:"` + strconv.Itoa(code) + `",selector:"0"}`
}

// logout ends the session. A page posts a form and wants to be sent on, openwechat
// wants JSON and follows nothing: a redirect with a body serves both. A session that
// has ended may be ended again: Mojo-Weixin asks twice.
func (w *WeChat) logout(c echo.Context) error {
	s, code := w.fromParameters(c)
	switch c.Request().Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		// The cookies of a link on somebody else's page prove nothing.
		if c.FormValue("skey") == "" {
			code = retBadSession
		}
	}
	if code == retOK {
		if err := w.Service.SignOut(c.Request().Context(), s.App, string(s.ID)); err != nil && !errors.Is(err, login.ErrNotFound) {
			code = retTrouble
		}
	}
	if code != retBadSession && code != retTrouble {
		code = retOK
		for _, name := range []string{"wxsid", "wxuin", "wxloadtime", "webwx_data_ticket", pushCookie} {
			w.setCookies(c, wechatCookie{name, "", cookieTime(time.Unix(1, 0)), name == pushCookie})
		}
	}
	body, err := json.Marshal(struct{ BaseResponse baseResponse }{ret(code)})
	if err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/")
	return answer(c, http.StatusFound, "application/json; charset=utf-8", string(body))
}

// report counts a client's statistics and keeps nothing of them. The oldest page
// loads it as a picture.
func (w *WeChat) report(c echo.Context) error {
	if w.Count != nil {
		w.Count()
	}
	if c.Request().Method == http.MethodGet {
		return answer(c, http.StatusOK, "image/gif", emptyGIF)
	}
	return sayJSON(c, struct{ BaseResponse baseResponse }{ret(retOK)})
}

// emptyGIF is one transparent pixel.
const emptyGIF = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
