package dialect_test

import (
	"strings"
	"time"
)

// urinx makes one call for the scan and one for the approval, and each must succeed.
func urinx(b *modelBrowser) string {
	b.rest(time.Second)
	for _, tip := range []string{"1", "0"} {
		body, err := b.poll("tip=" + tip + "&uuid=UUID&_=1")
		code := found(codeClosed, body)
		if err != nil || code != "200" && (code != "201" || tip == "0") {
			return ""
		}
		if tip == "0" {
			return found(uriNoSpace, body)
		}
	}
	return ""
}

func wxbot(b *modelBrowser) string {
	tip := "1"
	for tries := 10; tries > 0; {
		body, err := b.poll("tip=" + tip + "&uuid=UUID&_=1")
		if err != nil {
			return ""
		}
		switch found(codeClosed, body) {
		case "200":
			return found(uriNoSpace, body)
		case "201":
			tip = "0"
		default:
			tip = "1"
			tries--
			b.rest(time.Second)
		}
	}
	return ""
}

func mojo(b *modelBrowser) string {
	tip, waits, lost := "", 0, 0
	for {
		body, err := b.poll("loginicon=true&uuid=UUID&tip=" + tip + "&r=-5&_=1")
		if err != nil {
			if lost++; lost == 5 {
				return ""
			}
			continue
		}
		window := map[string]string{}
		for _, m := range assignments.FindAllStringSubmatch(body, -1) {
			window[strings.TrimSpace(m[1])] = strings.Trim(strings.TrimSpace(m[2]), `"`)
		}
		switch window["code"] {
		case "200":
			return window["redirect_uri"]
		case "201":
			tip = "0"
		case "408":
			if waits++; waits == 5 {
				return "" // a new code
			}
			b.rest(500 * time.Millisecond)
		case "500":
			tip = "1"
		case "400":
			return ""
		}
	}
}

// itchat4j appends two parameters more with every poll, and polls a dead login for ever.
func itchat4j(b *modelBrowser) string {
	for query := "loginicon=true&uuid=UUID&tip=0"; ; {
		query += "&r=1&_=1"
		body, _ := b.poll(query)
		if found(codeAny, body) == "200" {
			return found(uriNoSpace, body)
		}
	}
}

func bie(b *modelBrowser) string {
	for ; ; b.rest(300 * time.Millisecond) {
		body, err := b.poll("loginicon=true&uuid=UUID&tip=1&_=1&r=5")
		switch code := found(codeAny, body); {
		case err != nil, code == "408":
			return "" // an exception; a new code
		case code == "200":
			return found(uriNoSpace, body)
		}
	}
}

func wechatAPI(b *modelBrowser) string {
	tip := "1"
	for lost := 0; lost < 3; {
		body, err := b.poll("_=1&loginicon=true&r=5&tip=" + tip + "&uuid=UUID")
		if err != nil {
			lost++
			continue
		}
		m := wechatRsp.FindStringSubmatch(body)
		switch {
		case m == nil, m[1] == "202", m[1] == "400":
			return ""
		case m[1] == "200":
			return m[4]
		case m[1] == "201" && m[3] == "":
			return "" // it cannot do without a picture
		}
		tip = "0"
	}
	return ""
}
