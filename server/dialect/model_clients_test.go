package dialect_test

import (
	"regexp"
	"strings"
	"time"
)

// habit is how a client polls: the tips it sends, the expressions it reads with, the
// pauses it makes and the answers that make it give up. poll returns the redirect_uri
// once the client goes there, and "" if it stops, reloads or takes a new code.
type habit struct {
	name     string
	jar      bool          // keeps the binding cookie
	draws    bool          // draws the QR itself, from the login id
	patience time.Duration // it gives a phone at least this long to scan, and again to approve
	poll     func(b *modelBrowser) (redirectURI string)
}

const forever = 100 * time.Second

var habits = []habit{
	{name: "WeChat's page of 2017", patience: forever, poll: angular},
	{name: "WeChat's page of 2013", patience: forever, poll: classic},
	{name: "qrlogin.js", patience: forever, poll: qrlogin},
	{name: "openwechat", jar: true, patience: forever, poll: openwechat},
	{name: "wechat4u", jar: true, draws: true, patience: forever, poll: wechat4u},
	{name: "ItChat", jar: true, draws: true, patience: forever, poll: itchat},
	{name: "wechat-go", patience: forever, poll: wechatGo},
	{name: "wechat-feit", jar: true, draws: true, patience: 70 * time.Second, poll: feit},
	{name: "WeChatBot of urinx", jar: true, patience: 23 * time.Second, poll: urinx},
	{name: "wxBot", jar: true, draws: true, patience: forever, poll: wxbot},
	{name: "Mojo-Weixin", jar: true, draws: true, patience: 45 * time.Second, poll: mojo},
	{name: "itchat4j", jar: true, patience: forever, poll: itchat4j},
	{name: "wechat-bie", jar: true, patience: 23 * time.Second, poll: bie},
	{name: "wechat-api", jar: true, patience: forever, poll: wechatAPI},
}

var (
	codeAny     = regexp.MustCompile(`window.code=(\d+)`)
	codeClosed  = regexp.MustCompile(`window.code=(\d+);`)
	codeThree   = regexp.MustCompile(`code=(\d{3});`)
	uriLazy     = regexp.MustCompile(`window.redirect_uri="(.*?)";`)
	uriNoSpace  = regexp.MustCompile(`window.redirect_uri="(\S+?)";`)
	uriToTheEnd = regexp.MustCompile(`redirect_uri="(.+)";$`)
	avatarText  = regexp.MustCompile(`window.userAvatar = '(.+)'`)
	assignments = regexp.MustCompile(`window\.(.+?)=(.+?);`)
	wechatRsp   = regexp.MustCompile(`window.code=(\d{3});(window.userAvatar = '(.+)'|\swindow.redirect_uri="(.+)")?`)
)

// found is the first group of what expr finds in text, or "".
func found(expr *regexp.Regexp, text string) string {
	if m := expr.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

func angular(b *modelBrowser) string {
	for tip := "1"; ; tip = "0" {
		body, err := b.poll("loginicon=true&uuid=UUID&tip=" + tip + "&r=-1479642309&_=1")
		if err != nil {
			return "" // "network broken"
		}
		switch found(codeClosed, body) {
		case "200":
			return found(uriLazy, body)
		case "201", "408":
		default:
			return "" // 202: a new uuid; 400, 500 and 0: reload; else it stops
		}
	}
}

func classic(b *modelBrowser) string {
	for tip := "1"; ; {
		body, err := b.poll("uuid=UUID&tip=" + tip + "&_=1")
		if err != nil {
			b.rest(5 * time.Second)
			continue
		}
		switch found(codeClosed, body) {
		case "200":
			return found(uriLazy, body)
		case "201":
			tip = "0"
		case "408":
			b.rest(500 * time.Millisecond)
		default:
			return "" // 400 and 500: reload; else it stops without a word
		}
	}
}

func qrlogin(b *modelBrowser) string {
	for tip := "1"; ; {
		body, err := b.poll("uuid=UUID&tip=" + tip + "&t=1")
		if err != nil {
			b.rest(2 * time.Second)
			continue
		}
		switch found(codeClosed, body) {
		case "200":
			return found(uriLazy, body)
		case "201":
			tip = "0"
		case "408":
			b.rest(time.Second)
		default:
			return ""
		}
	}
}

func openwechat(b *modelBrowser) string {
	for tries := 0; tries < 5; {
		body, err := b.poll("_=1&loginicon=true&r=2&tip=0&uuid=UUID")
		if err != nil {
			tries++
			continue
		}
		tries = 0
		switch found(codeClosed, body) {
		case "200":
			return found(uriLazy, body)
		case "400", "":
			return ""
		} // 201 calls back; 202, 408, 500 and others: on at once
	}
	return ""
}

func wechat4u(b *modelBrowser) string {
	for {
		body, err := b.poll("tip=0&uuid=UUID&loginicon=true&r=-5")
		switch code := found(codeClosed, body); {
		case err != nil, code == "400":
			return "" // throws, which stops the bot
		case code == "200":
			return found(uriLazy, body)
		}
	}
}

func itchat(b *modelBrowser) string {
	for {
		body, err := b.poll("loginicon=true&uuid=UUID&tip=1&r=-5&_=1")
		switch code := found(codeAny, body); {
		case err != nil:
			return "" // an exception
		case code == "200":
			return found(uriNoSpace, body)
		case code != "201" && code != "408":
			return "" // a new code
		}
	}
}

func wechatGo(b *modelBrowser) string {
	for ; ; b.rest(time.Second) {
		body, err := b.poll("tip=0&uuid=UUID&r=1&_=1&loginicon=true")
		switch {
		case err != nil:
		case strings.Contains(body, "window.code=200") && strings.Contains(body, "window.redirect_uri"):
			return found(uriLazy, body)
		case strings.Contains(body, "window.code=201") && found(avatarText, body) == "",
			strings.Contains(body, "window.code=400"), strings.Contains(body, "window.code=500"), strings.Contains(body, "window.code=0"):
			return ""
		}
	}
}

func feit(b *modelBrowser) string {
	for counted := 0; counted < 7; {
		body, err := b.poll("tip=1&uuid=UUID&_=1")
		if err != nil {
			continue // at once
		}
		switch found(codeThree, body) {
		case "200":
			return found(uriToTheEnd, body)
		case "201":
		default:
			counted++
		}
	}
	return ""
}

// replays ask once, of any login, whatever has become of it.
var replays = func() (list []habit) {
	for _, tip := range []string{"&tip=1", "&tip=0", "&tip=", ""} {
		for _, icon := range []string{"", "&loginicon=true", "&loginicon=false"} {
			for _, jar := range []bool{false, true} {
				list = append(list, habit{jar: jar, poll: func(b *modelBrowser) string {
					body, _ := b.poll("uuid=UUID" + tip + icon)
					return found(uriLazy, body)
				}})
			}
		}
	}
	return list
}()
