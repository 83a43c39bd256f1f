package problem

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// TestABodyIsReadToItsEnd: whoever gave the body a deadline lifts it there.
func TestABodyIsReadToItsEnd(t *testing.T) {
	for _, tt := range []struct {
		name      string
		sent      string
		announced int64 // -1: in chunks
		want      int
	}{
		{"announced", `{"code":"c"}`, 12, 200},
		{"in chunks", `{"code":"c"}`, -1, 200},
		{"announced and broken off", `{"code":"c"}`, 13, 400},
		{"announced and never sent", ``, 12, 400},
		{"as large as it may be", `{"code":"c"` + strings.Repeat(" ", maxBody-12) + `}`, maxBody, 200},
		{"announced as one byte more", `{"code":"c"` + strings.Repeat(" ", maxBody-11) + `}`, maxBody + 1, 413},
		{"one byte more, in chunks", `{"code":"c"` + strings.Repeat(" ", maxBody-11) + `}`, -1, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := &listening{Reader: strings.NewReader(tt.sent)}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/thing/1", body)
			r.ContentLength = tt.announced
			w, _ := answer(t, r, func(c echo.Context) error {
				var into struct{ Code string }
				if err := ReadJSON(c, &into); err != nil {
					return err
				}
				return c.String(http.StatusOK, into.Code)
			})
			if w.Code != tt.want || tt.want == 200 && w.Body.String() != "c" {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.want)
			}
			if tt.want == 200 && !body.ended {
				t.Error("its end was not read")
			}
		})
	}
}

// listening notes whether its end was read.
type listening struct {
	io.Reader
	ended bool
}

func (l *listening) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	l.ended = l.ended || errors.Is(err, io.EOF)
	return n, err
}
