package dialect

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
)

// TestTheReadmeKnowsEveryWord holds the README's table of states and wire words against
// what the dialects say.
func TestTheReadmeKnowsEveryWord(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	wechat := func(s login.State) string {
		code := regexp.MustCompile(`window\.code=(\d+)`).FindStringSubmatch(wechatSays(t, s))
		if code == nil {
			return "408" // it waits, and says so at the end
		}
		return code[1]
	}
	for _, state := range []login.State{login.Pending, login.Scanned, login.Approved, login.Redeemed, login.Denied, login.Expired} {
		row := regexp.MustCompile(`(?m)^\| ` + state.String() + ` \|.*$`).FindString(string(readme))
		cells := strings.Split(row, "|")
		if len(cells) < 7 {
			t.Errorf("no row of %s in the README", state)
			continue
		}
		event := state.String()
		if state == login.Pending {
			event = "pending, qr"
		}
		for i, want := range []string{wechat(state), state.String(), event, wsSays[state], taobaoSays[state].code} {
			if got := strings.TrimSpace(strings.ReplaceAll(cells[i+2], "`", "")); got != want {
				t.Errorf("%s, column %d: the README says %q, the code %q", state, i+1, got, want)
			}
		}
	}
}

// wechatSays is what a poll says that asks for the icon and meets a login in state.
func wechatSays(t *testing.T, state login.State) string {
	store := memstore.New(memstore.Options{})
	defer store.Close()
	keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
	if err != nil {
		t.Fatal(err)
	}
	service := login.NewService(store.Store, login.Config{Keys: keys, Apps: []login.App{{ID: "shop", RedirectURIs: []string{"https://shop.example/in"}}}})
	l := login.Login{
		Handle: "AAAAAAAAAAAA", KeyID: keys.Newest().ID, App: "shop", RedirectURI: login.Shorten("https://shop.example/in"),
		State: state, Deadline: time.Now().Add(time.Minute),
	}
	if err := store.Logins.Create(context.Background(), l); err != nil {
		t.Fatal(err)
	}
	says, err := (&WeChat{Service: service}).say(context.Background(), l, true)
	if err != nil {
		t.Fatal(err)
	}
	return string(says.body)
}
