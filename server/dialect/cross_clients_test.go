package dialect_test

import (
	"bufio"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"qrlatch/server/login"
)

// This file is how a page waits on each dialect, and starts a login there.

func crossWeChat(ctx context.Context, p *crossPage) {
	for tip := "1"; ; tip = "0" {
		body, ok := p.get(ctx, wxLogin+"?loginicon=true&uuid="+string(p.id)+"&tip="+tip)
		code := found(codeClosed, body)
		if !ok || code == "" {
			return
		}
		if code != "408" {
			p.say(code, found(uriLazy, body))
		}
		if code != "408" && code != "201" {
			return
		}
	}
}

func crossJSON(ctx context.Context, p *crossPage)  { crossPoll(ctx, p, "") }
func crossJSONP(ctx context.Context, p *crossPage) { crossPoll(ctx, p, ".js") }

func crossPoll(ctx context.Context, p *crossPage, ending string) {
	for since := p.since; ; {
		body, ok := p.get(ctx, "/v1/logins/"+string(p.id)+ending+"?callback=cb&wait=25&since="+since)
		v, err := crossView(body)
		if !ok || err != nil {
			return
		}
		if v.State != since {
			p.say(v.State, v.RedirectURI)
		}
		if since = v.State; since == "redeemed" || since == "denied" || since == "expired" {
			return
		}
	}
}

// crossView reads JSON, perhaps within a call.
func crossView(body string) (v jsonSays, err error) {
	err = json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(body, "/**/cb("), ");")), &v)
	return v, err
}

// crossTaobao asks every second, as Python's clients do, and shows what has changed.
func crossTaobao(ctx context.Context, p *crossPage) {
	for shown := ""; shown != "10006" && shown != "10004" && shown != "10003"; {
		body, ok := p.get(ctx, taobaoCheck+string(p.id))
		var v struct{ Code, URL string }
		if !ok || json.Unmarshal([]byte(body), &v) != nil {
			return
		}
		if v.Code != shown {
			shown = v.Code
			p.say(shown, v.URL)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

func crossSSE(ctx context.Context, p *crossPage) {
	got := p.stream(ctx, "/v1/logins/"+string(p.id)+"/events", "Last-Event-ID: "+p.since)
	if got == nil {
		return
	}
	defer got.Body.Close()
	for r := bufio.NewReader(got.Body); ; {
		event, err := readBlock(r)
		if err != nil {
			return
		}
		if name := event.field("event"); name != "" {
			v, _ := crossView(event.field("data"))
			p.say(name, v.RedirectURI)
		}
	}
}

// crossWebSocket attaches to the login, or starts one that is bound to its socket.
func crossWebSocket(ctx context.Context, p *crossPage) {
	query := "id=" + string(p.id)
	if p.id == "" {
		query = "app=" + wxApp
	}
	c, refused := p.w.dial(query)
	if refused != nil {
		p.w.t.Errorf("no socket: %d", refused.StatusCode)
		return
	}
	stop := context.AfterFunc(ctx, c.cut)
	defer stop()
	defer c.cut()
	for f := range c.frames {
		var v wsHeard
		if f.Header.OpCode == ws.OpText && json.Unmarshal(f.Payload, &v) == nil {
			if p.id == "" {
				p.id = login.ID(v.ID)
			}
			p.say(v.Type, v.RedirectURI)
		}
	}
}

func crossStartWeChat(w *crossWorld) login.ID {
	return login.ID(found(jslogin, w.get("https://login.example/jslogin?fun=new&lang=en&appid="+wxApp).body))
}

func crossStartJSON(w *crossWorld) login.ID {
	v, err := crossView(w.post("https://login.example/v1/logins", `{"app":"`+wxApp+`"}`, "Content-Type: application/json").body)
	w.must(err)
	return login.ID(v.ID)
}

func crossStartJSONP(w *crossWorld) login.ID {
	v, err := crossView(w.get("https://login.example/v1/logins.js?callback=cb&app=" + wxApp).body)
	w.must(err)
	return login.ID(v.ID)
}

func crossStartTaobao(w *crossWorld) login.ID {
	var v struct{ LgToken string }
	w.must(json.Unmarshal([]byte(w.get("https://login.example"+taobaoStart).body), &v))
	return login.ID(v.LgToken)
}
