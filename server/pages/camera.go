package pages

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
)

// The phone's page scans with the phone's camera. Where the browser can read QR codes
// itself, pictures stay on the phone. Elsewhere (Safari, Firefox) the page sends small
// frames here, and hears what is in them. No frame is kept, and nothing of it logged.

const (
	framesPerMinute = 300 // of a person: the page sends at most 4 a second
	framesAtOnce    = 5
	frameWait       = time.Second // for a free place to decode
)

// headerCSRF carries the token where the body is a picture. That a page of another
// origin cannot set it without asking is one more lock.
const headerCSRF = "X-CSRF-Token"

// frames lets nobody have more of the processors than a share: decoding is the most
// that a request can ask of this server.
type frames struct {
	rate   *limit.PerMinute
	people sync.Map      // whoever has a frame in flight, by Phone.Key
	places chan struct{} // decoding now
}

func newFrames() *frames {
	return &frames{
		rate:   limit.New(framesPerMinute, framesAtOnce),
		places: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
}

// enter counts a frame of who. Either wait says how long until the next one may come,
// or the caller has to call leave.
func (f *frames) enter(who string) (leave func(), wait time.Duration) {
	if _, busy := f.people.LoadOrStore(who, true); busy {
		return nil, time.Second
	}
	if wait := f.rate.Take(who); wait > 0 {
		f.people.Delete(who)
		return nil, wait
	}
	return func() { f.people.Delete(who) }, 0
}

// errBusy says that too many are scanning at once.
var errBusy = errors.New("no free place to decode")

// read is readFrame in its turn.
func (f *frames) read(ctx context.Context, body []byte) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, frameWait)
	defer cancel()
	select {
	case f.places <- struct{}{}:
		defer func() { <-f.places }()
		return readFrame(body)
	case <-ctx.Done():
		return "", errBusy
	}
}

// seenInFrame is the answer to a frame; {} when there was no code in it.
type seenInFrame struct {
	Code    string `json:"code,omitempty"`    // to be handed in to /phone/scan
	Foreign bool   `json:"foreign,omitempty"` // a code of somebody else's: its text stays here
}

// frame says which of our codes a picture shows. It changes nothing.
func (p *Pages) frame(c echo.Context) error {
	p.headers(c, "")
	who, ok := p.identity(c)
	if !ok {
		return c.String(http.StatusUnauthorized, "signed out")
	}
	if !p.fromHere(c.Request()) || !p.knowsToken(c, who.Phone, c.Request().Header.Get(headerCSRF)) {
		return c.String(http.StatusForbidden, "not sent by the page")
	}
	if kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType)); err != nil || kind != "image/jpeg" {
		return c.String(http.StatusUnsupportedMediaType, "a frame is image/jpeg")
	}
	leave, wait := p.frames.enter(who.Key())
	if wait > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return c.String(http.StatusTooManyRequests, "too many frames")
	}
	defer leave()

	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxFrame))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return c.String(http.StatusRequestEntityTooLarge, "a frame has 128 kB at most")
	}
	if err != nil {
		return c.String(http.StatusBadRequest, "the frame did not come whole")
	}
	text, err := p.frames.read(c.Request().Context(), body)
	switch {
	case errors.Is(err, errBusy):
		c.Response().Header().Set("Retry-After", "1")
		return c.String(http.StatusServiceUnavailable, "busy")
	case err != nil:
		return c.String(http.StatusUnprocessableEntity, "a frame is a baseline JPEG of at most 640 pixels a side")
	case text == "":
		return c.JSON(http.StatusOK, seenInFrame{})
	}
	code, ok := p.codeIn(text, c.Request().Host)
	return c.JSON(http.StatusOK, seenInFrame{Code: code, Foreign: !ok})
}

// link is what our codes say. assets/camera.js has the same one.
var link = regexp.MustCompile(`^https?://([^/?#]+?)(:\d+)?/l/([\w=-]+)(?:[?#]|$)`)

// codeIn returns the code in the text of a QR symbol, if it leads to this server. host
// is the name by which the phone knows us.
func (p *Pages) codeIn(text, host string) (code string, ok bool) {
	found := link.FindStringSubmatch(text)
	if found == nil {
		return "", false
	}
	names := append(strings.Fields(p.linkHosts()), strings.ToLower(host))
	name := strings.ToLower(found[1])
	if !slices.Contains(names, name+found[2]) && !slices.Contains(names, name+":*") {
		return "", false
	}
	return found[3], true
}

// linkHosts are the names of this server that its codes may lead to, for the page: a
// program that draws the code itself uses whichever it knows. One of --host without a
// port counts at any.
func (p *Pages) linkHosts() string {
	names := []string{}
	if public, err := url.Parse(p.PublicURL); err == nil {
		names = append(names, public.Host)
	}
	for _, name := range p.Hosts {
		if name == "*" {
			continue // then the one by which the phone knows us has to do
		}
		if !strings.Contains(name, ":") {
			name += ":*"
		}
		names = append(names, strings.ToLower(name))
	}
	return strings.Join(names, " ")
}

// cameraPolicy says which pages may ask for the camera: the phone's own, and no other.
func cameraPolicy(c echo.Context) string {
	if c.Path() == "/phone" {
		return "camera=(self)"
	}
	return "camera=()"
}
