package pages

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"qrlatch/templates"
)

// Which language a page is in: the one that its address asks for, which the rest of the
// visit keeps; else the first that the browser would like and we have; else the app's;
// else English.

const (
	cookieLanguage = "qrlatch_lang"

	longestTag    = 35   // RFC 5646, section 4.4.1
	readLanguages = 1024 // bytes of Accept-Language: browsers send some 50
)

// language returns the language of the answer. The first call settles it.
func (p *Pages) language(c echo.Context) *templates.Language {
	if l, ok := c.Get(cookieLanguage).(*templates.Language); ok {
		return l
	}
	l, asked := p.known(c.QueryParam("lang"))
	if asked {
		p.setCookie(c, cookieLanguage, "/", l.Name, phoneLife)
	} else {
		l = p.liked(c)
	}
	c.Set(cookieLanguage, l)
	return l
}

// liked returns the language that suits a browser whose address asks for none.
func (p *Pages) liked(c echo.Context) *templates.Language {
	if l, ok := p.known(cookieValue(c, cookieLanguage)); ok {
		return l
	}
	if l, ok := p.accepted(c.Request().Header); ok {
		return l
	}
	if id, ok := c.Get(appKey).(string); ok {
		if app, ok := p.Service.App(id); ok {
			if l, ok := p.known(app.Lang); ok {
				return l
			}
		}
	}
	return p.languages[templates.Fallback]
}

const appKey = "qrlatch app"

// speakFor notes whose page this is.
func (p *Pages) speakFor(c echo.Context, app string) { c.Set(appKey, app) }

// known finds our language for a tag as browsers (zh-Hans-CN, es-419), sites and WeChat
// (zh_CN) write it. Of the scripts and regions of a language we have one, which its
// readers prefer to English.
func (p *Pages) known(tag string) (*templates.Language, bool) {
	if len(tag) > longestTag {
		return nil, false
	}
	if end := strings.IndexAny(tag, "-_"); end >= 0 {
		tag = tag[:end]
	}
	l, ok := p.languages[strings.ToLower(tag)]
	return l, ok
}

// weight is a qvalue of RFC 9110, section 12.4.2. What is none is not read as a number:
// ParseFloat knows NaN.
var weight = regexp.MustCompile(`^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$`)

// accepted returns the language of ours that a browser likes best. "*" is no wish: then
// the app's language does as well.
func (p *Pages) accepted(h http.Header) (best *templates.Language, ok bool) {
	wishes := strings.Join(h.Values("Accept-Language"), ",")
	wishes = wishes[:min(len(wishes), readLanguages)]
	most := 0.0
	for wish := range strings.SplitSeq(wishes, ",") {
		tag, parameter, weighted := strings.Cut(wish, ";")
		l, have := p.known(strings.TrimSpace(tag))
		q := 1.0
		if weighted {
			name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			if !strings.EqualFold(name, "q") || !weight.MatchString(value) {
				continue
			}
			q, _ = strconv.ParseFloat(value, 64) // is one: see weight
		}
		if have && q > most {
			best, most = l, q
		}
	}
	return best, best != nil
}
