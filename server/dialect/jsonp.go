package dialect

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/labstack/echo/v4"

	"qrlatch/server/limit"
	"qrlatch/server/login"
	"qrlatch/server/problem"
)

// This file writes what script tags run, for every dialect that uses them; and it is the
// JSON dialect for script tags: the same answers, given to a function of the page. An
// error is an answer too, since a script tag sees no status.

// callbackName is what may be called: a name, or a path of at most four names. The
// pattern and the length keep other languages out (Rosetta Flash, CVE-2014-4671).
var callbackName = regexp.MustCompile(`^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*){0,3}$`)

const maxCallback = 64

// reserved words are names to the pattern and none to a script, in ECMAScript 3 not
// even behind a dot: the answer would be an error that nobody sees.
var reserved = regexp.MustCompile(`(^|\.)(abstract|arguments|boolean|break|byte|case|catch|char|class|const|continue|debugger|default|` +
	`delete|do|double|else|enum|export|extends|false|final|finally|float|for|function|goto|if|implements|import|in|` +
	`instanceof|int|interface|let|long|native|new|null|package|private|protected|public|return|short|static|super|` +
	`switch|synchronized|this|throw|throws|transient|true|try|typeof|var|void|volatile|while|with|yield)(\.|$)`)

// callback reads and checks the function's name. A navigation is refused: what is
// served here must not be saved or opened under a name of somebody's choice.
func callback(c echo.Context) (name string, ok bool) {
	p, err := parameters(c, "callback")
	name = p.Get("callback")
	return name, err == nil && len(name) <= maxCallback && callbackName.MatchString(name) && !reserved.MatchString(name) &&
		c.Request().Header.Get("Sec-Fetch-Dest") != "document"
}

func badCallback(c echo.Context) error {
	return answer(c, http.StatusBadRequest, "text/plain; charset=utf-8",
		"callback is the name of a function: letters, digits, _, $ and dots, at most 64, from a script tag.\n")
}

// inScript is the style for script tags: a call of the page's function name.
type inScript struct{ name string }

func (s inScript) view(v loginView) reply { return s.call(v.json()) }

func (s inScript) problem(err error) reply {
	body, _ := json.Marshal(errorView{problem.Of(err)}) // it has but texts and a number
	return s.call(body)
}

// call writes a call of the page's function. What is called with is escaped as json.Marshal
// does: <, >, & and the line ends that JavaScript knows and JSON does not. The comment in
// front keeps the first bytes ours, and the name of the download an attacker's file from
// being run.
func (s inScript) call(object []byte) reply {
	header := plain("text/javascript; charset=utf-8")
	header.Set("Content-Disposition", `attachment; filename="f.txt"`)
	return reply{http.StatusOK, header, []byte("/**/" + s.name + "(" + string(object) + ");")}
}

type errorView struct {
	Error *problem.Problem `json:"error"`
}

func (j *JSON) startScript(c echo.Context) error {
	name, ok := callback(c)
	if !ok {
		return badCallback(c)
	}
	v, err := j.startByScript(c)
	if err != nil {
		return inScript{name}.problem(err).send(c)
	}
	return inScript{name}.view(v).send(c)
}

func (j *JSON) startByScript(c echo.Context) (loginView, error) {
	p, err := parameters(c, "app", "redirect_uri", "state", "lang", "user_code")
	if err != nil {
		return loginView{}, problem.BadRequest(err.Error())
	}
	app, ok := j.Service.App(p.Get("app"))
	if !ok {
		return loginView{}, problem.FromLogin(login.ErrUnknownApp)
	}
	if !mayStart(c.Request(), app) {
		return loginView{}, errForeignPage()
	}
	userCode := p.Get("user_code")
	if userCode != "" && userCode != "true" && userCode != "false" {
		return loginView{}, problem.BadRequest("user_code is true or false.")
	}
	return j.begin(c, limit.ByJSONP, startRequest{
		App: app.ID, RedirectURI: p.Get("redirect_uri"), State: p.Get("state"), Lang: p.Get("lang"), UserCode: userCode == "true",
	})
}

func (j *JSON) pollScript(c echo.Context, id string) error {
	name, ok := callback(c)
	if !ok {
		return badCallback(c)
	}
	return j.wait(c, id, limit.ByJSONP, anyPage, inScript{name})
}

// script answers a script tag. The status is always 200: a script tag with any other
// one runs nothing, and WeChat's own page then stops for good.
func script(c echo.Context, body string) error {
	return answer(c, http.StatusOK, "text/javascript; charset=utf-8", body)
}
