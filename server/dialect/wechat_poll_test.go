package dialect_test

import (
	"context"
	"strings"
	"testing"
	"time"
)

// A poll is held for 25 s: below the 30 s after which openwechat and wechat-api give
// up. A scan is heard of at once.
func TestAPollIsHeldUntilThereIsNews(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		a := s.pending(wxApp)
		if got := s.ask(a.id, "1"); got.body != "window.code=408;" || got.took != wxHold {
			t.Errorf("%q after %v", got.body, got.took)
		}
		code, _, _ := s.service.Code(a.Login, time.Now())
		scan := s.later(3*time.Second, func(ctx context.Context) error {
			_, err := s.service.Scan(ctx, alice(), code, time.Time{})
			return err
		})
		if got := s.ask(a.id, "0"); !strings.HasPrefix(got.body, "window.code=201;window.userAvatar = 'data:img/jpg;base64,/9j/") || got.took != 3*time.Second {
			t.Errorf("%.60q after %v", got.body, got.took)
		}
		<-scan
		for _, tip := range []string{"0", "1", ""} {
			if got := s.ask(a.id, tip); got.body != "window.code=408;" || got.took != wxHold {
				t.Errorf("told already, tip=%s: %q after %v", tip, got.body, got.took)
			}
		}
	})
}
