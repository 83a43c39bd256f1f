package dialect

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// eventWriter is what the library of events writes to. It sends every event whole and
// within ssePatience, and reports a failure, which the library would not notice.
type eventWriter struct {
	to      *echo.Response
	control *http.ResponseController
	failed  func() // called once
	broken  bool
	event   []byte // not sent yet
}

func newEventWriter(c echo.Context, failed func()) *eventWriter {
	return &eventWriter{to: c.Response(), control: http.NewResponseController(c.Response().Writer), failed: failed}
}

// begin makes the answer a stream, up to its first event.
func (w *eventWriter) begin() {
	for name, values := range sseHeader() {
		w.to.Header()[name] = values
	}
	w.to.WriteHeader(http.StatusOK)
	w.event = ssePreamble() // sent by the library's first Flush
}

// ssePreamble is a comment of 2 kB. It makes proxies, and Internet Explorer's
// XDomainRequest below a polyfill, give out what they have.
func ssePreamble() []byte {
	return fmt.Appendf(nil, ":%2048s\nretry: %d\n\n", "", sseRetry.Milliseconds())
}

// later tells the browser when to come again.
func (w *eventWriter) later(least time.Duration) {
	w.event = append(w.event, sseLater(least)...)
	w.Flush()
}

// sseLater says when to come again. Many may hear it at once, and must not do so at once.
func sseLater(least time.Duration) []byte {
	return fmt.Appendf(nil, "retry: %d\n\n", (least + rand.N(2*sseRetry)).Milliseconds())
}

// Header is a set of fields that nobody reads: the library's are not ours. It says
// Connection: keep-alive where we may have decided to close.
func (w *eventWriter) Header() http.Header { return http.Header{} }

// WriteHeader does nothing: begin has done it.
func (w *eventWriter) WriteHeader(int) {}

// Write keeps a part of an event until Flush.
func (w *eventWriter) Write(b []byte) (int, error) {
	w.event = append(w.event, b...)
	return len(b), nil
}

// Flush sends what was written. The deadline is set for this only: with HTTP/2, one left
// standing resets the stream at its hour, though nothing is being written.
func (w *eventWriter) Flush() {
	event := w.event
	w.event = nil // a stream that waits holds no memory
	if w.broken || len(event) == 0 {
		return
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(ssePatience)) // a test's recorder has none
	_, err := w.to.Write(event)
	if err == nil {
		err = w.control.Flush()
	}
	if err != nil {
		w.broken = true
		w.failed()
		return
	}
	_ = w.control.SetWriteDeadline(time.Time{})
}
