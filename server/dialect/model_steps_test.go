package dialect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"qrlatch/server/login"
)

var modelPhones = [2]login.Identity{
	{Phone: login.Phone{Issuer: "test", Subject: "alice"}, Profile: login.Profile{Name: "Alice"}},
	{Phone: login.Phone{Issuer: "test", Subject: "bob"}, Profile: login.Profile{Name: "Bob"}},
}

// do plays one step on the real thing and on the oracle, and compares.
func (w *modelWorld) do(s step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return
	}
	ctx, now, who := context.Background(), time.Now(), modelPhones[s.who]
	switch s.what {
	case "join":
		w.join(habits[s.n%len(habits)])
	case "replay":
		w.join(replays[s.n%len(replays)])
	case "drop":
		w.drop(s)
	case "dropScan":
		// At one moment: what nobody hears must not count as told.
		w.drop(s)
		w.scan(s, w.codeOf(int(now.Sub(w.started)/codeTTL)), false, 0)
	case "scan":
		// The current code, the one before, or an older one: as far as there are any.
		slot := int(now.Sub(w.started) / codeTTL)
		old := min([]int{0, 0, 1, 2, 7}[s.n%5], slot, int(w.first.Deadline.Sub(w.started)/codeTTL)-1)
		w.scan(s, w.codeOf(slot-old), false, old)
	case "scanID":
		w.scan(s, "https://login.weixin.qq.com/l/"+w.id, true, 0)
	case "scanFuture":
		slot := int(now.Sub(w.started)/codeTTL) + 1
		if now.Add(skew).Before(w.started.Add(time.Duration(slot) * codeTTL)) {
			_, err := w.service.Scan(ctx, who, w.codeOf(slot), time.Time{})
			w.same(s, err, login.ErrNotFound)
		}
	case "scanForeign":
		id, other, err := w.service.Start(ctx, login.Request{App: modelApp})
		code, _, _ := w.service.Code(other, now)
		if s.n%2 == 0 {
			code = string(id)
		}
		_, err2 := w.service.Scan(ctx, who, code, time.Time{})
		w.same(s, errors.Join(err, err2), nil)
	case "approve", "wrong":
		w.approve(s)
	case "deny":
		_, err := w.service.Deny(ctx, who.Phone, string(w.first.Handle))
		w.same(s, err, w.oracle.deny(who.Subject, now))
	case "redeem":
		w.redeem(s)
	case "picture":
		w.picture(s)
	}
}

const (
	codeTTL = 20 * time.Second
	skew    = 5 * time.Second
)

// codeOf is the code that the login shows, has shown or will show in slot.
func (w *modelWorld) codeOf(slot int) string {
	code, _, ok := w.service.Code(w.first, w.started.Add(time.Duration(slot)*codeTTL))
	if !ok {
		return "abcdefghijklmnopqrstuvwxyzab" // past its end it shows none
	}
	return "https://login.example/l/" + code
}

func (w *modelWorld) scan(s step, text string, byID bool, old int) {
	who, now := modelPhones[s.who], time.Now()
	// A login that waits for its phone longer than it showed codes has no current one.
	if strings.HasPrefix(text, "abc") {
		_, err := w.service.Scan(context.Background(), who, text, time.Time{})
		w.same(s, err, login.ErrNotFound)
		return
	}
	// How old a code is counts from now, not from the newest one that was shown.
	slotsOld := old
	if byID { // a picture drawn from the id is as old as the first one
		slotsOld = int(now.Sub(w.started) / codeTTL)
	}
	l, err := w.service.Scan(context.Background(), who, text, time.Time{})
	// Who waits, and who did lately, is package login's to know and to test.
	suspect := l.Risk&(login.RiskSecondWatcher|login.RiskDelay) != 0
	w.same(s, err, w.oracle.scan(who.Subject, byID, slotsOld, suspect, now))
}

func (w *modelWorld) approve(s step) {
	ctx, now, who := context.Background(), time.Now(), modelPhones[s.who]
	number, right := "00", s.what == "approve"
	if l, err := w.service.Get(ctx, login.Holder{ID: w.id, Binding: w.qrb}); err == nil && right {
		number, _ = w.service.Number(l)
	}
	l, err := w.service.Approve(ctx, who.Phone, string(w.first.Handle), number)
	before := w.oracle.at(now)
	w.same(s, err, w.oracle.approve(who.Subject, right, now))
	if w.oracle.state == login.Approved && before == login.Scanned {
		uri, ok := w.service.RedirectURI(l)
		if w.oracle.uri = uri; !ok {
			w.fail(errors.New("an approved login has no redirect_uri"))
		}
	}
}

func (w *modelWorld) drop(s step) {
	if len(w.browsers) == 0 {
		return
	}
	if p := w.browsers[s.n%len(w.browsers)].current; p != nil && w.open[p] {
		p.lost = true
		p.cancel()
	}
}

// redeem opens the login page with what some browser has heard, perhaps as another.
func (w *modelWorld) redeem(s step) {
	if len(w.browsers) == 0 {
		return
	}
	holder := w.browsers[s.n%len(w.browsers)]
	client := holder
	if s.n%5 == 0 {
		client = w.browsers[s.n/7%len(w.browsers)]
	}
	if holder.uri == "" {
		return
	}
	body := client.visit(holder.uri)
	if !w.oracle.redeem(client.addr, time.Now()) {
		if !strings.HasPrefix(body, "<error><ret>1203</ret><message>") {
			w.fail(fmt.Errorf("the login page said %q to a client that may not have the session", body))
		}
		return
	}
	if !strings.HasPrefix(body, "<error><ret>0</ret><message></message><skey>@crypt_") {
		w.fail(fmt.Errorf("the login page said %q to the client that may have the session", body))
	}
	if before, again := w.pages[client.addr]; again && before != body {
		w.fail(fmt.Errorf("the login page said %q, and then %q to the same client", before, body))
	}
	w.pages[client.addr] = body
}

// picture asks for the QR, which is there exactly as long as nobody has scanned.
func (w *modelWorld) picture(s step) {
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/qrcode/"+w.id+".svg?t=webwx", nil))
	want := http.StatusNotFound
	if w.oracle.at(time.Now()) == login.Pending {
		want = http.StatusOK
	}
	if rec.Code != want {
		w.fail(fmt.Errorf("%v: the picture is %d, want %d", s, rec.Code, want))
	}
}

// same compares an error of the service with the oracle's.
func (w *modelWorld) same(s step, got, want error) {
	if !errors.Is(got, want) {
		w.fail(errors.Join(fmt.Errorf("%v: want error %q and not what follows", s, text(want)), got))
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
