// Package dialect holds the wire formats in which browsers wait for a phone, a file
// each. A dialect reads its cursor from the request, waits until the login has left
// that state, and says the state in its own words. It uses nothing of package login
// but its exported surface, and no dialect knows another.
package dialect

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// Marks are the bits of login.Mark, each owned by one dialect: what it says once.
const (
	wechatSaidScanned login.Mark = 1 << iota
	wechatSaidDenied
)

const (
	// maxBody limits a form or JSON body; the longest of a real client is 3 kB.
	maxBody = 16 << 10
	// slowStart is how long a refused start is held, slowPoll a poll of a dead login:
	// several clients come back at once, and for ever, whatever they are told.
	slowStart = 5 * time.Second
	slowPoll  = time.Second
	// turnedAway is when one should try again for whom there is no room at all.
	turnedAway = 30 * time.Second
)

// errRepeated and errMalformed describe parameters that cannot be read one way only.
var (
	errRepeated  = errors.New("a parameter was given twice")
	errMalformed = errors.New("the parameters are malformed")
)

// parameters reads query and form together, since clients put the same fields in
// either. Those named in single must not be repeated; others may be (itchat4j sends
// one more r and _ with each poll), and then the first counts.
func parameters(c echo.Context, single ...string) (fields, error) {
	form, err := readForm(c)
	if err != nil {
		return nil, errMalformed
	}
	if form.repeats(single...) {
		return nil, errRepeated
	}
	return form, nil
}

func readForm(c echo.Context) (form fields, err error) {
	r := c.Request()
	if r.Method == http.MethodGet { // a body means nothing
		if r.URL.RawQuery == "" {
			return nil, nil
		}
		return readQuery(make(fields, 0, usualFields), r.URL.RawQuery)
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	for name, values := range r.Form {
		for _, value := range values {
			form = append(form, field{name, value})
		}
	}
	return form, nil
}

// browserOf describes who sent a request.
func browserOf(c echo.Context) login.Browser {
	return login.Browser{Addr: addressOf(c), UserAgent: c.Request().UserAgent()}
}

// addressOf is the address after trusted proxies.
func addressOf(c echo.Context) netip.Addr {
	addr, _ := netip.ParseAddr(c.RealIP()) // the zero Addr if it has none
	return addr.Unmap()
}

// mayStart tells whether a page may start a login of app by a script tag. A script
// tag carries no Origin, so the Referer speaks for the page. Clients that are not
// browsers send neither; a browser that hides its page is refused.
func mayStart(r *http.Request, app *login.App) bool {
	referer := r.Referer()
	if referer == "" {
		return r.Header.Get("Sec-Fetch-Dest") != "script"
	}
	page, err := url.Parse(referer)
	if err != nil || page.Host == "" {
		return false
	}
	origin := page.Scheme + "://" + page.Host
	return ours(r, origin) || registered(app, origin)
}

// answer writes a body that belongs to one login and must not be kept, indexed,
// sniffed or blocked by an embedding page's isolation policy.
func answer[Body string | []byte](c echo.Context, status int, contentType string, body Body) error {
	protect(c.Response().Header(), contentType)
	c.Response().WriteHeader(status)
	_, err := c.Response().Write([]byte(body))
	return err
}

// protect sets the fields of such an answer, whoever writes it.
func protect(h http.Header, contentType string) {
	h["Cache-Control"] = noStore
	h["Cross-Origin-Resource-Policy"] = crossOrigin
	h["Referrer-Policy"] = noReferrer
	h["X-Content-Type-Options"] = noSniff
	h["Content-Type"] = []string{contentType}
}

// All headers share these values, which nobody may change: Set would allocate each.
var (
	noStore     = []string{"no-store, private"}
	crossOrigin = []string{"cross-origin"}
	noReferrer  = []string{"no-referrer"}
	noSniff     = []string{"nosniff"}
)

// sayJSON answers in JSON. WeChat's clients want 200 whatever it says.
func sayJSON(c echo.Context, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "application/json; charset=utf-8", body)
}
