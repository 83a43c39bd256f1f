package dialect

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/park"
	"qrlatch/server/problem"
	"qrlatch/server/qr"
)

// Picture serves /qrcode/{id}: the code that a login shows now. Every dialect points
// to it. It needs no cookie: openwechat prints its URL for people to open elsewhere.
type Picture struct {
	Service   *login.Service
	PublicURL string      // what a scanned code begins with
	Symbols   *qr.Encoder // see [NewEncoder]; nil: one that learned nothing
	Waiters   *limit.Waiters
	PerMinute int    // how many are drawn of a login, and a third of that at once; 0: any number
	Refused   func() // told of each picture that was not drawn, since too many were; may be nil

	prefix          string           // of the texts of codes
	rooms           sync.Pool        // of *[]byte, for PNGs
	drawn, animated *limit.PerMinute // by login
	animators       *limit.PerMinute // by network
}

// NewEncoder returns an encoder for the codes of a server. It has yet to learn.
func NewEncoder(publicURL string) *qr.Encoder {
	return qr.NewEncoder(codePrefix(publicURL), login.CodeLetters)
}

func codePrefix(publicURL string) string { return publicURL + "/l/" }

// Routes adds the picture's endpoint. Old bots post to it.
func (p *Picture) Routes(e *echo.Echo) {
	p.prefix = codePrefix(p.PublicURL)
	p.drawn = limit.New(p.PerMinute, max(1, p.PerMinute/3)).Report(p.Refused)
	p.animated = limit.New(gifsPerMinute, gifBurst).Report(p.Refused)
	p.animators = limit.NewPerMinute(gifsPerAddress).Report(p.Refused)
	e.Match([]string{http.MethodGet, http.MethodPost}, "/qrcode/:id", p.serve)
}

const (
	defaultSize = 256
	maxSize     = 1024
	maxFrames   = 20

	// An animation costs twenty times as much to draw, and a page without scripts asks for
	// it every 5 s.
	gifsPerMinute, gifBurst = 30, 10
	gifsPerAddress          = 240
)

func (p *Picture) serve(c echo.Context) error {
	params, err := parameters(c, "size")
	if err != nil {
		return answer(c, http.StatusBadRequest, "text/plain; charset=utf-8", err.Error())
	}
	size := defaultSize
	if text := params.Get("size"); text != "" {
		if size, err = strconv.Atoi(text); err != nil || size < 1 || size > maxSize {
			return answer(c, http.StatusBadRequest, "text/plain; charset=utf-8", "size is a number of pixels from 1 to "+strconv.Itoa(maxSize))
		}
	}
	name, err := url.PathUnescape(c.Param("id")) // some encode the id as if it had padding
	if err != nil {
		return noPicture(c, nil)
	}
	id, kind, _ := strings.Cut(name, ".")
	l, err := p.Service.Get(c.Request().Context(), login.Holder{ID: id})
	code, _, ok := p.Service.Code(l, time.Now())
	if err != nil || !ok {
		return noPicture(c, err)
	}
	if wait := p.mustWait(c, l, kind); wait > 0 {
		return p.tooMany(c, wait)
	}
	switch kind {
	case "", "png":
		return p.png(c, code, size)
	case "svg":
		symbol, err := p.Symbols.Encode(p.prefix + code)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, "image/svg+xml", symbol.SVG(size))
	case "gif":
		return p.animation(c, login.Holder{ID: id}, size)
	}
	return noPicture(c, nil)
}

// png answers out of a room that others use after it. A ResponseWriter keeps nothing of what
// it has written, but one that failed may still be at it: HTTP/2's is when its server ends.
func (p *Picture) png(c echo.Context, code string, size int) error {
	room, ok := p.rooms.Get().(*[]byte)
	if !ok {
		room = new([]byte)
	}
	picture, err := p.Symbols.AppendPNG((*room)[:0], p.prefix, code, size)
	if err != nil {
		return err
	}
	if err := answer(c, http.StatusOK, "image/png", picture); err != nil {
		return err
	}
	*room = picture
	p.rooms.Put(room)
	return nil
}

// mustWait tells how long it is until one more picture is drawn.
func (p *Picture) mustWait(c echo.Context, l login.Login, kind string) time.Duration {
	if kind != "gif" {
		return p.drawn.Take(string(l.Handle))
	}
	if wait := p.animated.Take(string(l.Handle)); wait > 0 {
		return wait
	}
	return p.animators.Take(login.Network(browserOf(c).Addr))
}

func (p *Picture) tooMany(c echo.Context, wait time.Duration) error {
	pause(c.Request().Context(), c, p.Waiters, slowPoll)
	c.Response().Header().Set("Retry-After", strconv.Itoa(secondsUntil(time.Now().Add(wait), time.Now())))
	return answer(c, http.StatusTooManyRequests, "text/plain; charset=utf-8", "This code was drawn too often in a minute.")
}

// animation serves the codes to come, each in its own slot, for pages that no script
// renews. A viewer who started late shows late codes: they are not refused, but the
// phone then has to repeat a number.
func (p *Picture) animation(c echo.Context, of login.Holder, size int) error {
	codes, err := p.Service.CodesAhead(c.Request().Context(), of, maxFrames)
	if err != nil {
		return noPicture(c, err)
	}
	park.Slow(c.Request().Context())
	frames := make([]qr.Frame, len(codes))
	for i, code := range codes {
		symbol, err := p.Symbols.Encode(p.prefix + code.Code)
		if err != nil {
			return err
		}
		frames[i] = qr.Frame{Symbol: symbol, For: code.For}
	}
	return answer(c, http.StatusOK, "image/gif", qr.GIF(frames, size))
}

// noPicture is one answer for unknown, expired and scanned. A login that could not be read
// may be none of these.
func noPicture(c echo.Context, err error) error {
	if err != nil && !errors.Is(err, login.ErrNotFound) {
		return problem.FromLogin(err)
	}
	return answer(c, http.StatusNotFound, "text/plain; charset=utf-8", "This code is not shown any more.")
}
