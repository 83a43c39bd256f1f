package audit

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// dialect is one way in which browsers start logins and ask how far they are.
type dialect struct {
	name     string
	callback string                                     // the path whose answers call a function of the page, without its query
	start    func(app string, extra url.Values) request // nil: it only follows logins that another has started
	began    func(answer) begun
	speaks   func(answer) bool // whether a refused start was refused in this dialect
	poll     func(id string) request
	read     func(answer) outcome
}

// begun is a login that was started. Its id is "" if it was refused.
type begun struct {
	by      string // dialect
	id      string
	picture string // its address
	text    string // what the picture says, if the server tells
	answer  answer
}

// outcome is what a poll hears of a login.
type outcome int

const (
	unclear  outcome = iota
	dead             // unknown, over, or not for this client
	live             // waits for the phone
	approved         // and here is where to go
	held             // no answer before patience ended
)

const (
	cgi          = "/cgi-bin/mmwebwx-bin/"
	callbackName = "qrlatchAudit"
)

// dialects are all that the audit knows, in the order of the report.
func dialects() []dialect {
	return []dialect{wechat(), plainJSON(), jsonp(), taobao(), events(), webSocket()}
}

var (
	wechatBegan    = regexp.MustCompile(`window\.QRLogin\.code\s*=\s*200;\s*window\.QRLogin\.uuid\s*=\s*["']([^"']+)["']`)
	wechatCode     = regexp.MustCompile(`window\.code\s*=\s*(\d+)`)
	wechatRedirect = regexp.MustCompile(`window\.redirect_uri\s*=\s*["']([^"']+)["']`)
)

func wechat() dialect {
	return dialect{
		name: "WeChat",
		start: func(app string, extra url.Values) request {
			return request{path: "/jslogin?" + with(extra, "appid", app, "fun", "new", "lang", "en_US")}
		},
		began: func(a answer) begun {
			if found := wechatBegan.FindStringSubmatch(a.body); found != nil {
				return begun{id: found[1], picture: "/qrcode/" + url.PathEscape(found[1])}
			}
			return begun{}
		},
		speaks: func(a answer) bool { return strings.Contains(a.body, "window.QRLogin.code") },
		poll: func(id string) request {
			return request{path: cgi + "login?" + with(nil, "uuid", id, "tip", "0", "loginicon", "true")}
		},
		read: func(a answer) outcome {
			found := wechatCode.FindStringSubmatch(a.body)
			if found == nil {
				return refused(a)
			}
			return map[string]outcome{"408": live, "201": live, "200": approved, "400": dead, "202": dead}[found[1]]
		},
	}
}

// view is what the JSON dialects and Taobao's say of a login.
type view struct {
	ID          string
	State       string
	RedirectURI string `json:"redirect_uri"`
	Number      string
	QR          struct{ Text, Image string }
	Error       json.RawMessage

	LgToken string // Taobao's
	Code    string
	URL     string
	Success *bool
}

// object reads the JSON in a body, be it alone, the argument of a call, or an event's data.
func object(body string) (v view, ok bool) {
	from, to := strings.IndexByte(body, '{'), strings.LastIndexByte(body, '}')
	if wrapper := "(function(){"; strings.HasPrefix(body, wrapper) {
		from = len(wrapper) + max(0, strings.IndexByte(body[len(wrapper):], '{'))
		to = strings.LastIndex(body, "})") // the wrapper's own
		to = strings.LastIndexByte(body[:max(0, to)], '}')
	}
	if from < 0 || to < from {
		return v, false
	}
	return v, json.Unmarshal([]byte(body[from:to+1]), &v) == nil
}

func plainJSON() dialect {
	return dialect{
		name: "JSON",
		start: func(app string, extra url.Values) request {
			members := map[string]string{"app": app}
			for name := range extra {
				members[name] = extra.Get(name)
			}
			body, _ := json.Marshal(members) // strings always can be
			return request{method: http.MethodPost, path: "/v1/logins", body: string(body), header: headers("Content-Type", "application/json")}
		},
		began:  beganJSON,
		speaks: func(a answer) bool { return strings.HasSuffix(a.kind(), "json") && !missing(a) },
		poll:   func(id string) request { return request{path: "/v1/logins/" + url.PathEscape(id)} },
		read:   readJSON,
	}
}

func jsonp() dialect {
	return dialect{
		name: "JSONP", callback: "/v1/logins.js",
		start: func(app string, extra url.Values) request {
			return request{path: "/v1/logins.js?" + with(extra, "app", app, "callback", callbackName)}
		},
		began:  beganJSON,
		speaks: func(a answer) bool { return strings.Contains(a.body, callbackName+"(") },
		poll: func(id string) request {
			return request{path: "/v1/logins/" + url.PathEscape(id) + ".js?callback=" + callbackName}
		},
		read: readJSON,
	}
}

func beganJSON(a answer) begun {
	v, ok := object(a.body)
	if !ok || a.status >= 300 || v.Error != nil {
		return begun{}
	}
	return begun{id: v.ID, picture: v.QR.Image, text: v.QR.Text}
}

func readJSON(a answer) outcome {
	v, ok := object(a.body)
	if a.status >= 300 || !ok || v.Error != nil {
		return refused(a)
	}
	if v.RedirectURI != "" {
		return approved
	}
	return map[string]outcome{
		"pending": live, "scanned": live, "approved": approved, "redeemed": dead, "denied": dead, "expired": dead,
	}[v.State]
}

func taobao() dialect {
	return dialect{
		name: "Taobao", callback: "/qrcodelogin/generateQRCode4Login.do",
		start: func(app string, extra url.Values) request {
			return request{path: "/qrcodelogin/generateQRCode4Login.do?" + with(extra, "appkey", app, "callback", callbackName)}
		},
		began: func(a answer) begun {
			v, ok := object(a.body)
			if !ok {
				return begun{}
			}
			return begun{id: v.LgToken, picture: v.URL}
		},
		speaks: func(a answer) bool { v, ok := object(a.body); return ok && v.Success != nil },
		poll: func(id string) request {
			return request{path: "/qrcodelogin/qrcodeLoginCheck.do?" + with(nil, "lgToken", id)}
		},
		read: func(a answer) outcome {
			v, ok := object(a.body)
			if !ok {
				return refused(a)
			}
			return map[string]outcome{"10000": live, "10001": live, "10006": approved, "10003": dead, "10004": dead}[v.Code]
		},
	}
}

func events() dialect {
	return dialect{
		name: "SSE",
		poll: func(id string) request { return request{path: "/v1/logins/" + url.PathEscape(id) + "/events"} },
		read: func(a answer) outcome {
			if a.status != http.StatusOK || a.kind() != "text/event-stream" {
				return refused(a)
			}
			if strings.Contains(a.body, "redirect_uri") {
				return approved
			}
			return live
		},
	}
}

func webSocket() dialect {
	return dialect{
		name: "WebSocket",
		poll: func(id string) request { return upgrade("/v1/ws?" + with(nil, "id", id)) },
		read: func(a answer) outcome {
			if a.status == http.StatusSwitchingProtocols {
				return live
			}
			return refused(a)
		},
	}
}

// upgrade asks for a WebSocket (RFC 6455, section 4.1).
func upgrade(path string) request {
	return request{path: path, header: headers("Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "cXJsYXRjaCBhdWRpdCA6KQ==")}
}

// refused reads an answer that is not in the words of its dialect.
func refused(a answer) outcome {
	switch {
	case a.held && a.status == 0:
		return held
	case a.status >= 400 && a.status < 500 || a.status == http.StatusNoContent || strings.Contains(a.body, `{"error"`):
		return dead
	}
	return unclear
}

func missing(a answer) bool {
	return a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed
}

// destination is where an approved login sends its browser.
func destination(a answer) string {
	if found := wechatRedirect.FindStringSubmatch(a.body); found != nil {
		return found[1]
	}
	if v, ok := object(a.body); ok && v.RedirectURI != "" {
		return v.RedirectURI
	} else if ok && v.Code == "10006" {
		return v.URL
	}
	return ""
}

// with is a query of the pairs, and of what extra adds to them.
func with(extra url.Values, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	for name := range extra {
		q.Set(name, extra.Get(name))
	}
	return q.Encode()
}
