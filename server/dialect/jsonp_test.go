package dialect_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"qrlatch/server/dialect"
	"qrlatch/server/login"
)

func mustQuery(target string) url.Values {
	u, err := url.Parse(target)
	if err != nil {
		return nil
	}
	return u.Query()
}

func newRequest(ctx context.Context, target string) (*http.Request, *httptest.ResponseRecorder) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	r.Host, r.RemoteAddr = "login.example", "192.0.2.1:1234"
	return r, httptest.NewRecorder()
}

// callees are the scripts that call a function whose name a stranger may choose.
var callees = []string{
	"/v1/logins.js?app=plain",
	"/v1/logins.js?app=nobody",
	"/v1/logins/{id}.js?x=1",
	"/v1/logins/{id}.js?since=nothing",
	"/qrcodelogin/generateQRCode4Login.do?appkey=plain",
	"/qrcodelogin/generateQRCode4Login.do?appkey=nobody",
	"/qrcodelogin/qrcodeLoginCheck.do?lgToken={id}",
	"/qrcodelogin/qrcodeLoginCheck.do?lgToken=1&lgToken=2",
}

func TestOnlyNamesAreCalled(t *testing.T) {
	for _, tt := range []struct {
		name string
		good bool
	}{
		{"cb", true}, {"_", true}, {"$", true}, {"jsonp215", true}, {"jQuery1102_150", true}, {"angular.callbacks._0", true},
		{"a.b.c.d", true}, {"window.QRLatch.cb.n1", true}, {"ifs", true}, {"a.ins", true}, {strings.Repeat("a", 64), true},
		{"", false}, {strings.Repeat("a", 65), false}, {"a.b.c.d.e", false}, {"1a", false}, {"a.in", false}, {"a.1", false}, {".a", false}, {"a.", false},
		{"a..b", false}, {"a[0]", false}, {`a["b"]`, false}, {"alert(1)", false}, {"alert(1)//", false}, {"a;b", false}, {"a b", false},
		{" a", false}, {"a ", false}, {"a\n", false}, {"a\nb", false}, {"a\x00", false}, {"a-b", false}, {"a=b", false}, {"a`", false},
		{"<script>", false}, {"ünï", false}, {"ａ", false}, {"a\u2028", false}, {"\ufeffa", false}, {"\\u0061", false}, {"a/*", false},
		// Rosetta Flash: a file of another language that is made of letters and digits only.
		{"CWSMIKI0hCD0Up0IZUnnnnnnnnnnnnnnnnnnnUU5nnnnnn3Snn7iiudIbEAt333swW0ssG03sDDtDDDt0333333Gt333swwv3wwwFPOHtoHHvwHHFhH3D0Up0IZUnnnn", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inDialects(t, func(t *testing.T, s *wxServer) {
				a := s.pending("plain")
				for _, target := range callees {
					target = strings.ReplaceAll(target, "{id}", string(a.id)) + "&callback=" + url.QueryEscape(tt.name)
					if got := s.get(target); (got.status == http.StatusOK) != tt.good || (got.status == http.StatusBadRequest) == tt.good {
						t.Errorf("%s: %d %s", target, got.status, got.body)
					}
				}
			})
		})
	}
}

// A word of the language is a name to the pattern, but calls nothing: if, while and
// typeof would make the object a condition, import would load a script.
func TestNoWordOfTheLanguageIsCalled(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		a := s.pending("plain")
		for _, word := range strings.Fields(`break case catch class const continue debugger default delete do else enum export extends
			false finally for function if import in instanceof new null return super switch this throw true try typeof var void while with`) {
			for _, target := range callees {
				target = strings.ReplaceAll(target, "{id}", string(a.id)) + "&callback=" + word
				if got := s.get(target); got.status != http.StatusBadRequest {
					t.Errorf("%s: %d %.40s", target, got.status, got.body)
					break
				}
			}
		}
	})
}

// What is refused for its callback has done nothing: nobody could read the login's id.
func TestABadNameStartsNothing(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		starts := 0
		count := func(login.Browser) bool { starts++; return true }
		(&dialect.JSON{Service: s.service, Limit: count}).Routes(s.echo)
		(&dialect.Taobao{Service: s.service, Limit: count}).Routes(s.echo)
		for _, target := range []string{"/v1/logins.js?app=plain", "/qrcodelogin/generateQRCode4Login.do?appkey=plain"} {
			s.get(target + "&callback=alert(1)")
			s.get(target+"&callback=cb", "Sec-Fetch-Dest: document")
			if starts != 0 {
				t.Errorf("%s starts %d logins", target, starts)
			}
		}
	})
}

// calls runs a script in a page that has nothing but the function of that name, and
// returns what it was called with, as JSON.
func calls(name, script string) (arguments []string, err error) {
	js := goja.New()
	if err := js.Set("heard", func(json string) { arguments = append(arguments, json) }); err != nil {
		return nil, err
	}
	// The function is put where the name says, in a scope of its own: many a good name
	// (such as Object or undefined) is the engine's already.
	parts := strings.Split(name, ".")
	object := "function () { heard(arguments.length === 1 ? JSON.stringify(arguments[0]) : 'not one argument') }"
	for i := len(parts) - 1; i > 0; i-- {
		object = "{" + parts[i] + ": " + object + "}"
	}
	function, err := js.RunString("(function (heard, JSON) { return (" + object + ") })(heard, JSON)")
	if err != nil {
		return nil, err
	}
	page, err := js.RunString("(function (" + parts[0] + ") {\n" + script + "\n})")
	if err != nil {
		return nil, err
	}
	call, ok := goja.AssertFunction(page)
	if !ok {
		return nil, context.Canceled
	}
	_, err = call(goja.Undefined(), function)
	return arguments, err
}

func TestAPageHearsWhatItsFunctionIsCalledWith(t *testing.T) {
	inDialects(t, func(t *testing.T, s *wxServer) {
		for _, state := range []string{"pending", "scanned", "approved", "redeemed", "denied", "expired", "unknown"} {
			a, _ := (&wxCase{wxServer: s}).loginIn(state, "named")
			want := state
			if state == "unknown" {
				want = ""
			}
			for _, name := range []string{"cb", "window.QRLatch.cb.n1"} {
				heard, err := calls(name, s.poll(a.id, ".js?callback="+name).body)
				if err != nil || len(heard) != 1 || s.json(heard[0]).State != want {
					t.Errorf("%s: heard %v, %v", state, heard, err)
				}
				heard, err = calls(name, s.get("/qrcodelogin/qrcodeLoginCheck.do?lgToken="+string(a.id)+"&callback="+name).body)
				if err != nil || len(heard) != 1 || !strings.Contains(heard[0], `"success":true`) {
					t.Errorf("%s on Taobao's dialect: heard %v, %v", state, heard, err)
				}
			}
		}
	})
}

// A name is markup, ends of lines and ends of comments to whoever does not escape it.
func TestNoNameOfAPersonBreaksOutOfAScript(t *testing.T) {
	for _, name := range []string{"</script><script>alert(1)</script>", "\u2028\u2029", `"\'`, "*/alert(1)/*", "<!--", "-->", "]]>", "});alert(1);({", "\x00\x7f", "\xff\xfe"} {
		inDialects(t, func(t *testing.T, s *wxServer) {
			a := s.pending("named")
			who := alice()
			who.Name = name
			code, _, _ := s.service.Code(a.Login, a.Started)
			l, err := s.service.Scan(t.Context(), who, code, a.Started)
			s.must(err)
			shown := strings.ToValidUTF8(name, "\ufffd")
			if name == "\xff\xfe" {
				shown = "\ufffd\ufffd"
			}
			for range 2 {
				body := s.poll(a.id, ".js?callback=cb").body
				heard, err := calls("cb", body)
				if err != nil || len(heard) != 1 {
					t.Fatalf("%q: %v, %v", name, heard, err)
				}
				if v := s.json(heard[0]); v.User == nil || v.User.Name != shown {
					t.Errorf("%q: heard %s", name, heard[0])
				}
				if strings.ContainsAny(body, "<>\u2028\u2029\x00") {
					t.Errorf("%q: %s", name, body)
				}
				l, err = s.service.Approve(t.Context(), who.Phone, string(l.Handle), "")
				s.must(err)
				body = s.get("/qrcodelogin/qrcodeLoginCheck.do?callback=cb&lgToken=" + string(a.id)).body
				if heard, err = calls("cb", body); err != nil || len(heard) != 1 || strings.ContainsAny(body, "<>\u2028\u2029\x00") {
					t.Errorf("%q on Taobao's dialect: %v, %v in %s", name, heard, err, body)
				}
			}
		})
	}
}
