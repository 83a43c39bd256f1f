package dialect_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// Pictures are drawn in rooms that are used again: never while somebody writes from one.
func TestPicturesAtTheSameTimeAreEachTheirOwn(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		type answer struct {
			code string
			body []byte
		}
		const logins, times = 8, 4
		answers := make(chan answer, logins*times)
		for range logins {
			a := s.pending(wxApp)
			code, _, _ := s.service.Code(a.Login, time.Now())
			for i := range times {
				go func() {
					w := httptest.NewRecorder()
					target := "/qrcode/" + string(a.id) + "?size=" + strconv.Itoa(64+200*i)
					s.echo.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
					answers <- answer{code, w.Body.Bytes()}
				}()
			}
		}
		for range logins * times {
			got := <-answers
			if text := wxDecode(t, got.body); text != "https://login.example/l/"+got.code {
				t.Errorf("it says %s", text)
			}
		}
	})
}

// keeper is a ResponseWriter that fails, and reads on what it was given.
type keeper struct {
	*httptest.ResponseRecorder
	kept []byte
}

func (k *keeper) Write(b []byte) (int, error) {
	k.kept = b
	return 0, errors.New("the server ends")
}

func TestTheRoomOfAPictureThatWasNotWrittenIsNotUsedAgain(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		k := &keeper{ResponseRecorder: httptest.NewRecorder()}
		s.echo.ServeHTTP(k, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/qrcode/"+string(s.pending(wxApp).id), nil))
		was := bytes.Clone(k.kept)
		if len(was) == 0 {
			t.Fatal("no picture was written")
		}
		for range 20 {
			s.get("/qrcode/" + string(s.pending(wxApp).id))
		}
		if !bytes.Equal(k.kept, was) {
			t.Error("another picture was drawn over it")
		}
	})
}
