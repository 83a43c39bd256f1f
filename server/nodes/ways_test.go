package nodes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// way is a dialect: how a browser starts a login there, and how it waits.
type way struct {
	name   string
	last   string // after this state it asks no more
	waits  bool   // its requests are held
	cursor bool   // it is not told again what it knows, wherever it comes back
	start  func(context.Context, *attempt) error
	// watch is one connection: it returns when that is over, whatever it was told.
	watch func(context.Context, *attempt) error
}

func ways() []*way {
	return []*way{
		{"WeChat", "approved", true, false, startWeChat, watchWeChat},
		{"JSON, short", "redeemed", false, false, startJSON, shortly(watchJSON("", 0))},
		{"JSON, long", "redeemed", true, true, startJSON, watchJSON("", 60)},
		{"JSONP, short", "redeemed", false, false, startJSONP, shortly(watchJSON(".js", 0))},
		{"JSONP, long", "redeemed", true, true, startJSONP, watchJSON(".js", 60)},
		{"Taobao", "approved", false, false, startTaobao, shortly(watchTaobao)},
		{"SSE", "redeemed", true, true, startJSON, watchSSE},
		{"WebSocket", "redeemed", true, false, startWebSocket, watchWebSocket},
	}
}

// waiters are how many of them are held.
func waiters(all []*way) (n int) {
	for _, w := range all {
		if w.waits {
			n++
		}
	}
	return n
}

// shortly is a client that asks now and then, and no more often than it may.
func shortly(ask func(context.Context, *attempt) error) func(context.Context, *attempt) error {
	return func(ctx context.Context, a *attempt) error {
		rest(ctx, 200*time.Millisecond)
		return ask(ctx, a)
	}
}

var (
	uuidOf = regexp.MustCompile(`QRLogin\.code = 200; window\.QRLogin\.uuid = "(\S+?)";`)
	codeOf = regexp.MustCompile(`window\.code=(\d+);`)
	uriOf  = regexp.MustCompile(`window\.redirect_uri="(\S+?)";`)
)

func find(expr *regexp.Regexp, text string) string {
	if m := expr.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// errNotNow is a server's word, in a dialect's own, that no login can start.
var errNotNow = errors.New("no login can start now")

// began takes the id of a login.
func (a *attempt) began(id, said string) error {
	if id == "" {
		return fmt.Errorf("%w: %s", errNotNow, said)
	}
	a.id = id
	return nil
}

func startWeChat(ctx context.Context, a *attempt) error {
	got, err := a.asks(ctx, toStart, http.MethodGet, "/jslogin?fun=new&lang=en&appid="+pageApp, "")
	if err != nil {
		return err
	}
	return a.began(find(uuidOf, got.body), got.body)
}

func watchWeChat(ctx context.Context, a *attempt) error {
	tip := "1"
	if state, _, _ := a.knows(); state != "pending" {
		tip = "0"
	}
	got, err := a.asks(ctx, toWatch, http.MethodGet, "/cgi-bin/mmwebwx-bin/login?loginicon=true&uuid="+a.id+"&tip="+tip, "")
	if err != nil {
		return err
	}
	switch find(codeOf, got.body) {
	case "408":
	case "201":
		a.hear("scanned", "", "")
	case "200":
		a.hear("approved", find(uriOf, got.body), "")
	case "400", "202":
		a.hear("over", "", "")
	default:
		return fmt.Errorf("the poll is answered %d %s", got.status, got.body)
	}
	return nil
}

// view is the JSON of a login.
type view struct {
	ID, State   string
	RedirectURI string `json:"redirect_uri"`
	Error       struct{ Status int }
}

// readView reads it, perhaps within a call.
func readView(body string) (v view, err error) {
	err = json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(body, "/**/cb("), ");")), &v)
	if err == nil && (v.Error.Status >= 500 || v.Error.Status == http.StatusTooManyRequests) {
		err = status(v.Error.Status)
	}
	return v, err
}

func startJSON(ctx context.Context, a *attempt) error {
	got, err := a.asks(ctx, toStart, http.MethodPost, "/v1/logins", `{"app":"`+siteApp+`"}`, inJSON)
	if err != nil {
		return err
	}
	v, err := readView(got.body)
	return errors.Join(err, a.began(v.ID, got.body))
}

func startJSONP(ctx context.Context, a *attempt) error {
	got, err := a.asks(ctx, toStart, http.MethodGet, "/v1/logins.js?callback=cb&app="+siteApp, "")
	if err != nil {
		return err
	}
	v, err := readView(got.body)
	if err != nil {
		return err
	}
	return a.began(v.ID, got.body)
}

// watchJSON is one poll, of pages or, with an ending, of script tags.
func watchJSON(ending string, wait int) func(context.Context, *attempt) error {
	return func(ctx context.Context, a *attempt) error {
		since, _, over := a.knows()
		if over {
			return nil
		}
		target := fmt.Sprintf("/v1/logins/%s%s?callback=cb&since=%s&wait=%d", a.id, ending, since, wait)
		got, err := a.asks(ctx, toWatch, http.MethodGet, target, "")
		if err != nil {
			return err
		}
		v, err := readView(got.body)
		switch {
		case err != nil:
			return err
		case got.status == http.StatusNotFound || v.Error.Status == http.StatusNotFound:
			a.hear("gone", "", "")
		case v.State == "":
			return fmt.Errorf("the poll is answered %d %s", got.status, got.body)
		case v.State != since:
			a.hear(v.State, v.RedirectURI, "")
		}
		return nil
	}
}

func startTaobao(ctx context.Context, a *attempt) error {
	got, err := a.asks(ctx, toStart, http.MethodGet, "/qrcodelogin/generateQRCode4Login.do?from=tb&appkey="+siteApp, "")
	if err != nil {
		return err
	}
	var v struct{ LgToken string }
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		return err
	}
	return a.began(v.LgToken, got.body)
}

func watchTaobao(ctx context.Context, a *attempt) error {
	got, err := a.asks(ctx, toWatch, http.MethodGet, "/qrcodelogin/qrcodeLoginCheck.do?lgToken="+a.id, "")
	if err != nil {
		return err
	}
	var v struct{ Code, URL string }
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		return err
	}
	switch v.Code {
	case "10000": // nothing yet, or nobody knows
	case "10001":
		a.hear("scanned", "", "")
	case "10006":
		a.hear("approved", v.URL, "")
	case "10003", "10004":
		a.hear("over", "", "")
	default:
		return fmt.Errorf("the check is answered %d %s", got.status, got.body)
	}
	return nil
}
