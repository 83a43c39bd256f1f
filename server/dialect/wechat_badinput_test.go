package dialect_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
)

// Whatever is sent, the answer is one that the caller's protocol knows, with the
// status that its clients can read, in good time.

const (
	dead    = `window.code=400;`
	refused = `window.QRLogin.code = 400; window.QRLogin.error = "`
	noPage  = `<error><ret>1203</ret><message>`
	badBase = `{"BaseResponse":{"Ret":1102,"ErrMsg":""}`
)

// wxJunk are values that no client sends.
func wxJunk() map[string]string {
	return map[string]string{
		"a broken escape":    "%zz",
		"half an escape":     "%4",
		"a NUL":              "%00",
		"invalid UTF-8":      "%ff%fe",
		"a line break":       "%0d%0aSet-Cookie:%20a=b",
		"a quote":            "%22;alert(1);//",
		"a tag":              "%3C/script%3E%3Cscript%3E",
		"a separator":        ";",
		"a path":             "../../etc/passwd",
		"a line separator":   "%e2%80%a8",
		"a thousand letters": strings.Repeat("A", 1000),
		"64 kB":              strings.Repeat("A", 64<<10),
		"an id with padding": strings.Repeat("A", 36) + "%3D%3D",
		"an odd id":          strings.Repeat("%2D", 36),
		"nothing":            "",
	}
}

func TestJunkInAParameterIsRefusedInTheCallersWords(t *testing.T) {
	for _, to := range []struct {
		endpoint, target string
		statuses         []int
		begins           []string
	}{
		{"the app", "/jslogin?appid=@", []int{200}, []string{refused}},
		{"the redirect_uri", "/jslogin?appid=" + wxApp + "&redirect_uri=@", []int{200}, []string{refused, "window.QRLogin.code = 200;"}},
		{"the language", "/jslogin?appid=" + wxApp + "&lang=@", []int{200}, []string{refused, "window.QRLogin.code = 200;"}},
		{"the site's state", "/jslogin?appid=" + wxApp + "&state=@", []int{200}, []string{refused, "window.QRLogin.code = 200;"}},
		{"the cache buster", "/jslogin?appid=" + wxApp + "&_=@", []int{200}, []string{refused, "window.QRLogin.code = 200;"}},
		{"the uuid", wxLogin + "?loginicon=true&tip=1&uuid=@", []int{200}, []string{dead}},
		{"the tip", wxLogin + "?uuid=" + strings.Repeat("A", 36) + "&tip=@", []int{200}, []string{dead}},
		{"the ticket", wxCGI + "webwxnewloginpage?fun=new&ticket=@", []int{200}, []string{noPage}},
		{"the kid", wxCGI + "webwxnewloginpage?fun=new&ticket=a&kid=@&sig=b", []int{200}, []string{noPage}},
		{"the account", wxCGI + "webwxpushloginurl?uin=@", []int{200}, []string{`{"msg":"`}},
		{"the sid", wxCGI + "synccheck?uin=1&skey=x&sid=@", []int{200}, []string{`window.synccheck={retcode:"1102",selector:"0"}`}},
		{"the skey", wxCGI + "webwxlogout?uin=1&sid=x&skey=@", []int{302}, []string{badBase}},
		{"the contacts", wxCGI + "webwxgetcontact?sid=@", []int{200}, []string{badBase}},
		{"the report", wxCGI + "webwxstatreport?uvid=@", []int{200}, []string{"GIF89a"}},
		{"the size", "/qrcode/" + strings.Repeat("A", 36) + "?size=@", []int{400, 404}, []string{"size is ", "the parameters are malformed", "This code is not shown any more."}},
	} {
		t.Run(to.endpoint, func(t *testing.T) {
			inWX(t, func(t *testing.T, s *wxServer) {
				for junk, value := range wxJunk() {
					got := s.get(strings.Replace(to.target, "@", value, 1))
					known := false
					for _, begin := range to.begins {
						known = known || strings.HasPrefix(got.body, begin)
					}
					right := false
					for _, status := range to.statuses {
						right = right || got.status == status
					}
					if !known || !right || got.took > wxHold {
						t.Errorf("%s: %d %.200q after %v", junk, got.status, got.body, got.took)
					}
					if strings.Contains(got.body, "alert") || strings.Contains(got.body, "script>") || got.header.Get("Set-Cookie") == "a=b" {
						t.Errorf("%s is in the answer: %q", junk, got.body)
					}
				}
			})
		})
	}
}

// What is kept and given back has a limit; at the limit it comes back unharmed.
func TestStateAndLanguageHaveLimits(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		for _, to := range []struct {
			query string
			ok    bool
		}{
			{"state=" + strings.Repeat("s", 1024), true},
			{"state=" + strings.Repeat("s", 1025), false},
			{"lang=" + strings.Repeat("l", 35), true},
			{"lang=" + strings.Repeat("l", 36), false},
		} {
			got := s.get("/jslogin?appid=" + wxApp + "&" + to.query)
			if ok := strings.HasPrefix(got.body, "window.QRLogin.code = 200;"); ok != to.ok || got.status != 200 {
				t.Errorf("%.12s… of %d: %d %s", to.query, len(to.query), got.status, got.body)
			}
		}
	})
}

func TestALongBodyIsRefused(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		long := "appid=" + wxApp + "&x=" + strings.Repeat("x", 1<<20)
		if got := s.send(http.MethodPost, "/jslogin", long, wxForm); got.body != refused+`the parameters are malformed";` || got.status != 200 {
			t.Errorf("jslogin: %d %.200s", got.status, got.body)
		}
		if got := s.send(http.MethodPost, wxCGI+"webwxnewloginpage", long, wxForm); !strings.HasPrefix(got.body, noPage) {
			t.Errorf("webwxnewloginpage: %d %.200s", got.status, got.body)
		}
		_, v := s.session(wxApp)
		for _, path := range []string{"webwxinit", "webwxstatusnotify", "webwxsync"} {
			padded := strings.TrimSuffix(v.base(), "}") + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`
			if got := s.send(http.MethodPost, wxCGI+path, padded); got.status != 200 || wxRet(got) != 1102 {
				t.Errorf("%s: %d %.200s", path, got.status, got.body)
			}
		}
		if got := s.send(http.MethodPost, wxCGI+"webwxlogout", long, wxForm); got.status != 302 || wxRet(got) != 1102 {
			t.Errorf("webwxlogout: %d %.200s", got.status, got.body)
		}
		if got := s.send(http.MethodPost, wxCGI+"webwxstatreport", long); got.status != 200 || wxRet(got) != 0 {
			t.Errorf("webwxstatreport: %d %.200s", got.status, got.body)
		}
	})
}

// Every single one of the three must be right.
func TestWebwxinitNeedsSidUinAndSkey(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		_, v := s.session(wxApp)
		_, other := s.session("kiosk")
		uin := strconv.FormatInt(v.UIN, 10)
		good := v.base()
		with := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }
		for what, to := range map[string]struct {
			body string
			ret  int
		}{
			"all right":          {good, 0},
			"Uin as a text":      {with(uin, `"`+uin+`"`), 0},
			"more than it needs": {with(`}}`, `},"ClientMsgId":1}`), 0},
			"another Skey":       {with(v.Skey, other.Skey), 1102},
			"another Sid":        {with(v.SID, other.SID), 1102},
			"another Uin":        {with(uin, strconv.FormatInt(other.UIN, 10)), 1102},
			"a shorter Sid":      {with(v.SID, v.SID[:len(v.SID)-1]), 1102},
			"half a Sid":         {with(v.SID, string(v.ID)), 1102},
			"no Skey, no cookie": {with(v.Skey, ""), 1102},
			"no Sid":             {with(v.SID, ""), 1102},
			"no Uin":             {with(uin, "null"), 1102},
			"Uin 0":              {with(uin, "0"), 1102},
			"Uin as a float":     {with(uin, uin+".0"), 1102},
			"Uin as an object":   {with(uin, `{"a":`+uin+`}`), 1102},
			"Sid as a number":    {with(`"`+v.SID+`"`, "12"), 1102},
			"an empty body":      {"", 1102},
			"an empty object":    {"{}", 1102},
			"null":               {"null", 1102},
			"a list":             {"[" + good + "]", 1102},
			"cut off":            {good[:len(good)-1], 1102},
			"two of them":        {good + good, 1102},
			"deep":               {strings.Repeat("[", 15000), 1102},
			"a form":             {"BaseRequest=" + good, 1102},
		} {
			got := s.send(http.MethodPost, wxCGI+"webwxinit", to.body)
			if wxRet(got) != to.ret || got.status != 200 {
				t.Errorf("%s: %d, Ret %d, want %d", what, got.status, wxRet(got), to.ret)
			}
			if to.ret != 0 && (strings.Contains(got.body, v.Skey) || strings.Contains(got.body, "Alice") || strings.Contains(got.body, uin)) {
				t.Errorf("%s: the refusal tells of the session: %s", what, got.body)
			}
		}
		resume := with(v.Skey, "")
		for cookie, want := range map[string]int{v.DataTicket: 0, other.DataTicket: 1102, "": 1102} {
			if got := s.send(http.MethodPost, wxCGI+"webwxinit", resume, "Cookie: webwx_data_ticket="+cookie); wxRet(got) != want {
				t.Errorf("resuming with the cookie %q: Ret %d, want %d", cookie, wxRet(got), want)
			}
		}
		if got := s.send(http.MethodPost, wxCGI+"webwxinit", with(v.Skey, other.Skey), "Cookie: webwx_data_ticket="+v.DataTicket); wxRet(got) != 1102 {
			t.Error("a right cookie makes up for a wrong Skey")
		}
	})
}

// Several clients come back at once whatever they are told.
func TestAStartOverTheLimitIsHeldForFiveSeconds(t *testing.T) {
	inWX(t, func(t *testing.T, s *wxServer) {
		s.wechat.Limit = func(login.Browser) bool { return false }
		got := s.get("/jslogin?appid=" + wxApp)
		if got.took != 5*time.Second || !strings.HasPrefix(got.body, refused+"too many logins") || got.status != 200 {
			t.Errorf("%d %s after %v", got.status, got.body, got.took)
		}
	})
}
