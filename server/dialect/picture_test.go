package dialect_test

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"strings"
	"testing"
	"time"
)

func TestThePictureSaysTheCodeOfItsSlotAndNeverTheID(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		seen := map[string]bool{}
		for slot := range 4 {
			for _, size := range []string{"", "?size=64", "?size=287"} {
				got := s.get("/qrcode/" + string(a.id) + size)
				text := wxDecode(t, []byte(got.body))
				code, _, _ := s.service.Code(a.Login, time.Now())
				if text != "https://login.example/l/"+code {
					t.Fatalf("slot %d%s: the picture says %s", slot, size, text)
				}
				if strings.Contains(text, string(a.id)) || strings.Contains(text, string(a.id[12:])) {
					t.Fatalf("the picture contains the secret: %s", text)
				}
				seen[text] = true
			}
			time.Sleep(20 * time.Second) // virtual
		}
		if len(seen) != 4 {
			t.Errorf("four slots have %d texts", len(seen))
		}
	})
}

// What the picture says is worth nothing to whoever photographs it.
func TestWhatThePictureSaysOpensNothing(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		text := wxDecode(t, []byte(s.get("/qrcode/"+string(a.id)).body))
		code := text[strings.LastIndex(text, "/")+1:]
		if _, err := s.service.Scan(t.Context(), alice(), text, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.service.Approve(t.Context(), alice().Phone, string(a.Handle), ""); err != nil {
			t.Fatal(err)
		}
		for _, spy := range []string{code, text, code + "AAAAAAAA", string(a.Handle), string(a.Handle) + strings.Repeat("A", 24)} {
			if got := s.get(wxLogin + "?loginicon=true&tip=0&uuid=" + spy); got.body != dead {
				t.Errorf("a poll with %s hears %q", spy, got.body)
			}
			if got := s.get(wxCGI + "webwxnewloginpage?fun=new&ticket=" + spy); !strings.HasPrefix(got.body, noPage) {
				t.Errorf("the login page with %s says %q", spy, got.body)
			}
		}
	})
}

// A path may come percent-encoded: clients encode the id as if it had padding.
func TestThePictureIsFoundUnderAnEncodedAddress(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		encoded := ""
		for _, b := range []byte(a.id) {
			encoded += fmt.Sprintf("%%%02x", b)
		}
		for _, id := range []string{encoded, encoded[:3] + string(a.id[1:]), string(a.id[:35]) + encoded[35*3:]} {
			if got := s.get("/qrcode/" + id + "?t=webwx"); got.status != 200 {
				t.Errorf("/qrcode/%s: %d", id, got.status)
			}
		}
	})
}

func TestThePictureIsNeverLargerThanAsked(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		for query, most := range map[string]int{"": 256, "?size=64": 64, "?size=128": 128, "?size=287": 287, "?size=1024": 1024} {
			picture, err := png.Decode(bytes.NewReader([]byte(s.get("/qrcode/" + string(a.id) + query).body)))
			s.must(err)
			b := picture.Bounds()
			if b.Dx() != b.Dy() || b.Dx() > most || b.Dx() <= most/2 {
				t.Errorf("%s: %v", query, b)
			}
		}
	})
}

// Class B: whoever holds the cookie of the start sees on; the id alone, which was in
// a picture, sees nothing any more.
func TestAScannedIDNeedsTheCookieOfItsStart(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		start := s.get("/jslogin?appid=" + wxApp)
		id, cookie := strings.Split(start.body, `"`)[1], "Cookie: "+start.cookies[0].Name+"="+start.cookies[0].Value
		scan := s.later(5*time.Second, func(ctx context.Context) error {
			_, err := s.service.Scan(ctx, alice(), "https://login.weixin.qq.com/l/"+id, time.Time{})
			return err
		})
		if got := s.get(wxLogin + "?tip=1&uuid=" + id); got.body != dead || got.took != 5*time.Second {
			t.Errorf("who waits without the cookie hears %q after %v", got.body, got.took)
		}
		<-scan
		other := "Cookie: qrb=" + s.service.NewBinding()
		if got := s.get(wxLogin+"?tip=1&uuid="+id, other); got.body != dead {
			t.Errorf("who comes with another cookie hears %q", got.body)
		}
		if got := s.get(wxLogin+"?tip=1&uuid="+id, cookie); got.body != "window.code=201;" {
			t.Errorf("the browser itself hears %q", got.body)
		}
		if got := s.get("/qrcode/"+id, cookie); got.status != 404 {
			t.Errorf("its picture: %d", got.status)
		}
	})
}

// A second login in the same jar keeps the cookie of the first one good.
func TestASecondStartKeepsTheBindingCookie(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		first := s.get("/jslogin?appid=" + wxApp).cookies[0]
		second := s.get("/jslogin?appid="+wxApp, "Cookie: qrb="+first.Value).cookies[0]
		if second.Value != first.Value {
			t.Error("the second start replaced the cookie")
		}
	})
}
