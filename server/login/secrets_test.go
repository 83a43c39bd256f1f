package login_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/login"
)

// recorded keeps every record that was ever saved in a table.
type recorded[K ~string, R login.Record[K]] struct {
	login.Table[K, R]
	mu    *sync.Mutex
	saved *[]any
}

func (t recorded[K, R]) keep(r R) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*t.saved = append(*t.saved, r)
}

func (t recorded[K, R]) Create(c ctx, r R) error {
	t.keep(r)
	return t.Table.Create(c, r)
}

func (t recorded[K, R]) Update(c ctx, key K, change func(*R) error) (R, error) {
	r, err := t.Table.Update(c, key, change)
	t.keep(r)
	return r, err
}

// Whoever reads the whole store can collect no login and be no browser.
func TestAStoreNeverSeesASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var saved []any
		w := newWorld(t, func(s login.Store) login.Store {
			return login.Store{
				Logins:    recorded[login.Handle, login.Login]{s.Logins, &mu, &saved},
				Sessions:  recorded[login.SessionID, login.Session]{s.Sessions, &mu, &saved},
				Push:      recorded[login.PushID, login.PushTicket]{s.Push, &mu, &saved},
				Blocks:    recorded[login.BlockID, login.Block]{s.Blocks, &mu, &saved},
				UserCodes: recorded[login.UserCodeID, login.UserCode]{s.UserCodes, &mu, &saved},
			}
		})
		secrets := map[string]string{}
		w.configure(func(a *login.App) { a.Number = login.NumberAlways })
		binding := w.NewBinding()
		id, l, err := w.Start(w.ctx, login.Request{App: "shop", Browser: desk, Binding: binding, SiteState: "state", UserCode: true})
		w.must(err)
		secrets["login id"], secrets["secret of the login id"] = string(id), string(id[12:])
		secrets["binding cookie"] = binding
		secrets["scan code"] = w.code(l)
		short, ok := w.UserCode(l, time.Now())
		if !ok {
			t.Fatal("no short code")
		}
		secrets["short code"], secrets["short code without its dash"] = short, strings.ReplaceAll(short, "-", "")
		l, err = w.Scan(w.ctx, alice, w.code(l), time.Time{})
		w.must(err)
		number, _ := w.Number(l)
		l, err = w.Approve(w.ctx, alice.Phone, string(l.Handle), number)
		w.must(err)
		_, err = w.Tell(w.ctx, l, 1)
		w.must(err)
		query := w.query(l)
		secrets["ticket"], secrets["secret of the ticket"], secrets["signature"] = query.Get("ticket"), query.Get("ticket")[12:], query.Get("sig")
		resume, _ := w.ResumeSecret(l)
		secrets["resume secret"], secrets["MAC of the resume secret"] = resume, resume[36:]
		v, err := w.RedeemPage(w.ctx, query, desk)
		w.must(err)
		first, err := w.Credentials(v)
		w.must(err)
		pushID, next := w.pushed(first.PushTicket, decimal(first.UIN))
		secrets["login id of the push login"], secrets["secret of it"] = string(pushID), string(pushID[12:])
		secrets["renewed push ticket"], secrets["secret of the renewed push ticket"] = next, next[12:]
		w.must(w.SignOut(w.ctx, "shop", string(v.ID)))
		for who, c := range map[string]login.Credentials{"": first} {
			secrets["wxsid"+who], secrets["secret of wxsid"+who] = c.SID, c.SID[24:]
			secrets["skey"+who], secrets["word of skey"+who] = c.Skey, c.Skey[16:]
			secrets["pass_ticket"+who], secrets["data ticket"+who], secrets["uvid"+who] = c.PassTicket, c.DataTicket, c.UVID
			secrets["push ticket"+who], secrets["secret of the push ticket"+who] = c.PushTicket, c.PushTicket[12:]
		}
		if len(saved) < 10 {
			t.Fatalf("only %d records were saved", len(saved))
		}
		for _, record := range saved {
			text, err := json.Marshal(record)
			w.must(err)
			dump := strings.ToLower(fmt.Sprintf("%+v\n%#v\n%x\n%s", record, record, record, text))
			for name, secret := range secrets {
				for _, form := range forms(secret) {
					if strings.Contains(dump, strings.ToLower(form)) {
						t.Errorf("a %T holds the %s", record, name)
					}
				}
			}
		}
	})
}

// forms are the ways in which a dump may show a secret.
func forms(secret string) []string {
	all := []string{secret, hex.EncodeToString([]byte(secret)), strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")}
	if raw, err := base64.RawURLEncoding.DecodeString(secret); err == nil {
		all = append(all, hex.EncodeToString(raw), strings.Trim(fmt.Sprintf("%d", raw), "[]"), base64.StdEncoding.EncodeToString(raw))
	}
	return all
}
