package web

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

const (
	asAlice = "Authorization: Bearer alice" // who has just signed in; nobody says so of the others
	asBob   = "Authorization: Bearer bob"
	asShop  = "Authorization: Basic c2hvcDpzZWNyZXQ=" // shop:secret
	fromOur = "Origin: https://login.example"
)

// TestTheServerKeepsToTheOpenAPIFile has every operation of the file give every answer
// that the file has for it, with every member and every type of problem.
func TestTheServerKeepsToTheOpenAPIFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := readContract(t)
		var outage error
		c.fixture = newFixture(t, func(o *Options) {
			store := memstore.New(memstore.Options{})
			t.Cleanup(store.Close)
			store.Logins = away[login.Handle, login.Login]{store.Logins, &outage}
			store.Sessions = away[login.SessionID, login.Session]{store.Sessions, &outage}
			keys, _ := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
			vault := login.App{ID: "vault", Name: "Vault", RedirectURIs: []string{"https://vault.example/in"}, Passkey: true}
			o.Service = login.NewService(store.Store, login.Config{Keys: keys, Passkeys: o.Passkeys, Apps: append([]login.App{vault}, o.Service.Apps()...)})
			o.Phones, o.Places = people{}, places{}
			o.Limits = Limits{StartsPerAddress: 11, PollsPerLogin: 60, PicturesPerLogin: 120}
		})

		c.refusedBeforeAnythingElse()
		c.browser()
		c.phone()
		c.passkey()
		c.site()
		c.otherWaysToStart()
		c.tooMuch()
		outage = login.ErrFull
		c.call("startLogin", 503, "/v1/logins", `{"app":"shop"}`)
		outage = errors.New("the store is away")
		c.storeAway()

		left := slices.DeleteFunc(c.leftOut(), func(name string) bool {
			// A fault cannot be had of every operation. A socket needs a connection: see below.
			return strings.HasSuffix(name, " 500") || name == "openSocket 101" || name == "message 202"
		})
		if len(left) > 0 {
			t.Errorf("in the file, and not met:\n%s", strings.Join(left, "\n"))
		}
	})
}

// refusedBeforeAnythingElse asks every operation under a wrong name, without a token, and
// with bodies that are none.
func (c *contract) refusedBeforeAnythingElse() {
	for name, route := range c.operations {
		at := example(route.Path)
		c.call(name, 421, at, "", "Host: evil.example")
		if route.Operation.Security != nil {
			c.call(name, 401, at, "")
			c.call(name, 401, at, "", "Authorization: Bearer nobody")
		}
		if route.Operation.RequestBody != nil {
			who := as(route.Operation.Tags[0])
			c.call(name, 400, at, "{", who)
			c.call(name, 413, at, `{"x":"`+strings.Repeat("x", 17<<10)+`"}`, who)
			c.call(name, 415, at, "app=shop", who, "Content-Type: application/x-www-form-urlencoded")
		}
	}
}

// as is how who a tag is about proves it.
func as(tag string) string {
	return map[string]string{"phone": asAlice, "site": asShop, "browser": "Accept: */*"}[tag]
}

// begun starts a login and returns it, and its code.
func (c *contract) begun(members string) (id, code string) {
	w := c.call("startLogin", 201, "/v1/logins", `{"app":"shop"`+members+`}`, fromOur)
	v := c.says("Login", w.Body.String())
	return v["id"].(string), v["qr"].(map[string]any)["text"].(string)
}

// scanned has alice scan a new login.
func (c *contract) scanned(members string) (id, at string) {
	id, code := c.begun(members)
	w := c.call("scan", 201, "/v1/scans", `{"code":"`+code+`"}`, asAlice)
	return id, "/v1/scans/" + c.says("Scan", w.Body.String())["id"].(string)
}

// approved has her approve it, and returns where its browser is to go.
func (c *contract) approved() (id, at string, onward *url.URL) {
	id, at = c.scanned("")
	c.call("approve", 200, at+"/approve", "", asAlice)
	w := c.call("pollLogin", 200, "/v1/logins/"+id+"?since=scanned&wait=25", "", fromOur)
	onward, err := url.Parse(c.says("Login", w.Body.String())["redirect_uri"].(string))
	if err != nil {
		c.t.Fatal(err)
	}
	return id, at, onward
}

func (c *contract) browser() {
	for _, name := range []string{"preflightStart", "preflightPoll", "preflightStream"} {
		c.call(name, 204, example(c.operations[name].Path), "", fromOur)
	}
	foreign := "Origin: https://evil.example"
	c.call("startLogin", 400, "/v1/logins", `{"app":"none"}`)
	c.call("startLogin", 400, "/v1/logins", `{"app":"shop","redirect_uri":"https://evil.example/"}`)
	c.call("startLogin", 400, "/v1/logins", `{"app":"shop","state":"`+strings.Repeat("x", 1025)+`"}`)
	c.call("startLogin", 403, "/v1/logins", `{"app":"shop"}`, foreign)
	c.call("startLogin", 201, "/v1/logins", `{"app":"shop","state":"s","lang":"en"}`, "Content-Type: text/plain")

	id, _ := c.begun("")
	at := "/v1/logins/" + id
	c.call("pollLogin", 200, at, "")
	c.call("pollLogin", 200, at+"?since=pending&wait=1", "")
	c.call("pollLogin", 400, at+"?wait=61", "")
	c.call("pollLogin", 403, at, "", foreign)
	c.call("pollLogin", 404, "/v1/logins/x", "")
	c.call("streamLogin", 400, at+"/events?since=pending&since=scanned", "")
	c.call("streamLogin", 403, at+"/events", "", foreign)
	c.call("streamLogin", 404, "/v1/logins/x/events", "")
	for kind, want := range map[string]int{"": 200, ".png?size=99": 200, ".svg": 200, ".gif": 200, "?size=0": 400, ".bmp": 404} {
		c.call("picture", want, "/qrcode/"+id+kind, "")
	}

	c.call("openSocket", 426, "/v1/ws?app=shop", "")
	c.call("openSocket", 400, "/v1/ws", "", handshake()...)
	c.call("openSocket", 403, "/v1/ws?app=shop", "", append(handshake(), foreign)...)
	c.call("openSocket", 404, "/v1/ws?id=x", "", handshake()...)
	id, _, _ = c.redeemed()
	c.call("openSocket", 409, "/v1/ws?id="+id, "", handshake()...)

	id, scan := c.scanned("")
	c.call("deny", 200, scan+"/deny", "", asAlice)
	stream := c.call("streamLogin", 200, "/v1/logins/"+id+"/events", "", fromOur)
	data := regexp.MustCompile(`(?m)^data: (.*)$`).FindAllStringSubmatch(stream.Body.String(), -1)
	if len(data) != 1 || c.says("Login", data[0][1])["state"] != "denied" {
		c.t.Errorf("the stream of a denied login: %s", stream.Body)
	}
	c.call("streamLogin", 204, "/v1/logins/"+id+"/events", "", "Last-Event-ID: denied")
}

func (c *contract) phone() {
	c.call("scan", 400, "/v1/scans", `{}`, asAlice)
	c.call("scan", 404, "/v1/scans", `{"code":"x"}`, asAlice)
	c.call("undecided", 200, "/v1/scans", "", asBob)
	_, at := c.scanned("")
	c.call("undecided", 200, "/v1/scans", "", asAlice)
	c.call("scanState", 200, at+"?since=scanned&wait=1", "", asAlice)
	c.call("scanState", 400, at+"?since=never", "", asAlice)
	for _, name := range []string{"scanState", "approve", "deny"} {
		suffix := strings.TrimPrefix(c.operations[name].Path, "/v1/scans/{id}")
		c.call(name, 403, at+suffix, "", asBob)
		c.call(name, 404, "/v1/scans/x"+suffix, "", asAlice)
	}
	c.call("approve", 200, at+"/approve", "", asAlice)
	c.call("deny", 410, at+"/deny", "", asAlice)
	c.call("scanState", 200, at+"?since=scanned", "", asAlice)

	_, code := c.begun("")
	c.call("scan", 201, "/v1/scans", `{"code":"`+code+`"}`, asAlice)
	c.call("scan", 409, "/v1/scans", `{"code":"`+code+`"}`, asBob)

	_, late := c.scanned("")
	time.Sleep(6 * time.Minute)
	if w := c.call("approve", 410, late+"/approve", "", asAlice); !strings.Contains(w.Body.String(), "/problems/expired") {
		c.t.Errorf("an expired login: %s", w.Body)
	}

	// A short code always comes with a number.
	w := c.call("startLogin", 201, "/v1/logins", `{"app":"shop","user_code":true}`)
	begun := c.says("Login", w.Body.String())
	w = c.call("scan", 201, "/v1/scans", `{"code":"`+begun["user_code"].(string)+`"}`, asAlice)
	at = "/v1/scans/" + c.says("Scan", w.Body.String())["id"].(string)
	w = c.call("pollLogin", 200, "/v1/logins/"+begun["id"].(string), "")
	number := c.says("Login", w.Body.String())["number"].(string)
	c.call("approve", 422, at+"/approve", `{}`, asAlice)
	c.call("approve", 200, at+"/approve", `{"number":"`+number+`"}`, asAlice)
}

// redeemed has the site redeem, and returns the session too.
func (c *contract) redeemed() (id, ticket, session string) {
	id, at, onward := c.approved()
	ticket = onward.Query().Get("ticket")
	w := c.call("redeem", 200, "/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`, asShop)
	session = c.says("Redeemed", w.Body.String())["session"].(map[string]any)["id"].(string)
	w = c.call("scanState", 200, at+"?since=approved&wait=25", "", asAlice)
	if c.says("Scan", w.Body.String())["state"] != "redeemed" {
		c.t.Errorf("redeemed, and the phone hears %s", w.Body)
	}
	return id, ticket, session
}

func (c *contract) site() {
	c.call("keys", 200, "/.well-known/jwks.json", "")
	c.call("redeem", 404, "/v1/tickets/redeem", `{"ticket":"x"}`, asShop)
	_, ticket, session := c.redeemed()
	c.call("redeem", 409, "/v1/tickets/redeem", `{"ticket":"`+ticket+`"}`, asShop)
	at := "/v1/sessions/" + session
	c.call("session", 200, at, "", asShop)
	c.call("session", 404, "/v1/sessions/x", "", asShop)
	c.call("message", 404, at+"/messages", `{"data":7}`, asShop)
	c.call("sessions", 200, "/v1/sessions", "", asAlice)
	c.call("signOut", 400, at+"?reason=other", "", asAlice)
	c.call("signOut", 404, "/v1/sessions/x", "", asAlice)
	c.call("signOut", 204, at, "", asShop)
	_, _, session = c.redeemed()
	c.call("signOut", 204, "/v1/sessions/"+session+"?reason=not_me", "", asAlice)
	_, code := c.begun("")
	c.call("scan", 403, "/v1/scans", `{"code":"`+code+`"}`, asAlice)
	time.Sleep(25 * time.Hour)
}

// otherWaysToStart are script tags, and the push login of a browser that was here before.
func (c *contract) otherWaysToStart() {
	script := func(operation, target, schema string) map[string]any {
		body := c.call(operation, 200, target, "").Body.String()
		body = strings.TrimSuffix(strings.TrimPrefix(body, "/**/shop.cb("), ");")
		return c.says(schema, strings.TrimSuffix(strings.TrimPrefix(body, `{"error":`), map[string]string{"Problem": "}"}[schema]))
	}
	v := script("startLoginByScript", "/v1/logins.js?app=shop&state=s&lang=en&user_code=false&callback=shop.cb", "Login")
	script("pollLoginByScript", "/v1/logins/"+v["id"].(string)+".js?since=pending&wait=1&callback=shop.cb", "Login")
	script("startLoginByScript", "/v1/logins.js?app=none&callback=shop.cb", "Problem")
	c.call("startLoginByScript", 400, "/v1/logins.js?app=shop&callback=alert(1)", "")
	c.call("pollLoginByScript", 400, "/v1/logins/x.js?callback=while", "")

	_, _, onward := c.approved()
	page := c.ask("GET", onward.RequestURI()+"&fun=new", "")
	cookies, uin := "", ""
	for _, k := range page.Result().Cookies() {
		cookies += k.Name + "=" + k.Value + "; "
		if k.Name == "wxuin" {
			uin = k.Value
		}
	}
	c.ask("GET", "/cgi-bin/mmwebwx-bin/webwxpushloginurl?uin="+uin, "", "Cookie: "+strings.TrimSuffix(cookies, "; "))
	c.call("undecided", 200, "/v1/scans", "", asAlice)
}

// tooMuch meets the limits.
func (c *contract) tooMuch() {
	c.until("scan", 429, "/v1/scans", `{"code":"BCDF-GHJK"}`, asBob)
	id, _ := c.begun("")
	c.until("pollLogin", 429, "/v1/logins/"+id, "")
	c.until("picture", 429, "/qrcode/"+id, "")
	c.until("startLogin", 429, "/v1/logins", `{"app":"shop"}`, "Peer: 198.51.100.7:1")
	c.call("openSocket", 429, "/v1/ws?app=shop", "", append(handshake(), "Peer: 198.51.100.7:1")...)
	for name, route := range c.operations {
		if slices.Contains(route.Operation.Tags, "phone") {
			c.until(name, 429, example(route.Path), "", "Authorization: Bearer nobody", "Peer: 198.51.100.8:1")
		}
	}
	// Nobody knows where this one is: a fault.
	c.call("scan", 500, "/v1/scans", `{"code":"`+c.codeFrom("192.0.2.66:1")+`"}`, asAlice)
}

func (c *contract) codeFrom(peer string) string {
	w := c.call("startLogin", 201, "/v1/logins", `{"app":"shop"}`, "Peer: "+peer)
	return c.says("Login", w.Body.String())["qr"].(map[string]any)["text"].(string)
}

// storeAway asks for what only the store knows.
func (c *contract) storeAway() {
	well := strings.Repeat("A", 36) // letters, as in an id of a login
	bodies := map[string]string{
		"startLogin": `{"app":"shop"}`, "scan": `{"code":"` + well + `"}`, "redeem": `{"ticket":"` + well + `"}`, "message": `{"data":1}`,
	}
	for name, route := range c.operations {
		if route.Operation.Responses.Status(503) == nil {
			continue
		}
		headers := []string{as(route.Operation.Tags[0])}
		at := strings.ReplaceAll(example(route.Path), "/x", "/"+well[:map[string]int{"browser": 36, "phone": 12, "site": 24}[route.Operation.Tags[0]]])
		if name == "openSocket" {
			at, headers = "/v1/ws?app=shop", handshake()
		}
		if name == "signOut" {
			at = "/v1/sessions/" + well[:24]
		}
		if strings.HasSuffix(name, "Passkey") { // which are in no store: but who asks is known to an issuer
			headers = []string{"Authorization: Bearer outage"}
		}
		c.call(name, 503, at, bodies[name], headers...)
	}
}
