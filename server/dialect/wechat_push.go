package dialect

import (
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
)

// This file is WeChat's association login: a browser that was signed in before asks
// its phone again, without a picture.

const (
	pushCookie     = "webwx_auth_ticket"
	pushCookieLife = 30 * 24 * time.Hour
)

// push starts a login that waits on the phone at once. ret is a string, as the
// original's: openwechat reads nothing else. A client that is refused shows a QR.
func (w *WeChat) push(c echo.Context) error {
	refuse := func(ret, why string) error {
		return sayJSON(c, map[string]string{"ret": ret, "msg": why})
	}
	p, err := parameters(c, "uin")
	if err != nil {
		return refuse("1", err.Error())
	}
	id, next, err := w.Service.StartPush(c.Request().Context(), cookie(c, pushCookie), p.Get("uin"), login.Request{Browser: browserOf(c), Dialect: limit.ByWeChat.String()})
	switch {
	case errors.Is(err, login.ErrTooMany):
		return refuse("1205", "the phone was asked too often; scan a code instead")
	case err != nil:
		return refuse("1", "scan a code instead")
	}
	w.setCookies(c, wechatCookie{pushCookie, next, cookieTime(time.Now().Add(pushCookieLife)), true})
	return sayJSON(c, struct {
		Ret  string `json:"ret"`
		Msg  string `json:"msg"`
		UUID string `json:"uuid"`
	}{"0", "all ok", string(id)})
}
