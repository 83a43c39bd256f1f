package dialect_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// raw sends a query that is not parsed before the handler does so.
func (s *wxServer) raw(path, query string) wxAnswer {
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, path, nil)
	r.URL.RawQuery = query
	r.Host, r.RemoteAddr = "login.example", "192.0.2.1:1234"
	w := httptest.NewRecorder()
	begin := time.Now()
	s.echo.ServeHTTP(w, r)
	return newWXAnswer(w.Result(), begin)
}

// FuzzPoll: a poll says one of six things, and of a login only to who has its id.
func FuzzPoll(f *testing.F) {
	for _, seed := range [][3]string{
		{"ID", "1", "true"}, {"ID", "0", "false"}, {"ID", "", ""}, {"ID", "2", "true"}, {"48e24d66bdbc4f", "1", "true"},
		{"Qe3PDEPf1Q==", "0", "true"}, {"ID&uuid=ID", "1", "true"}, {"%00", "%zz", ";"}, {"ID%3D%3D", "1", "1"}, {strings.Repeat("A", 36), "0", "true"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	says := regexp.MustCompile(`^window\.code=(408;|201;(window\.userAvatar = 'data:img/jpg;base64,[A-Za-z0-9+/]+=*';)?|202;|400;)$`)
	f.Fuzz(func(t *testing.T, uuid, tip, icon string) {
		synctest.Test(t, func(t *testing.T) {
			s := newWX(t)
			a := s.scanned(wxApp)
			query := strings.ReplaceAll("uuid="+uuid+"&tip="+tip+"&loginicon="+icon, "ID", string(a.id))
			got := s.raw(wxLogin, query)
			if got.status != http.StatusOK || !says.MatchString(got.body) || got.took > wxHold {
				t.Fatalf("%q: %d %.200q after %v", query, got.status, got.body, got.took)
			}
			values, err := url.ParseQuery(query)
			knows := err == nil && slices.Equal(values["uuid"], []string{string(a.id)})
			if got.body != dead && !knows {
				t.Fatalf("%q hears %.100q without the id", query, got.body)
			}
		})
	})
}

// FuzzInitBody: only all three credentials open a session, however they are wrapped.
func FuzzInitBody(f *testing.F) {
	for _, seed := range []string{
		`BASE`, `{}`, ``, `null`, `[BASE]`, `BASE BASE`, `{"BaseRequest":null}`, `{"BaseRequest":{"Uin":"UIN","Sid":"SID","Skey":"SKEY"}}`,
		`{"BaseRequest":{"Uin":UIN,"Sid":"SID","Skey":""}}`, `{"BaseRequest":{"Uin":UIN,"Sid":"SKEY","Skey":"SID"}}`, `{"BaseRequest":{"Uin":"\"UIN\""}}`,
		`{"BaseRequest":{"uin":UIN,"sid":"SID","skey":"SKEY"}}`, "{\"BaseRequest\":{\"Uin\":UIN,\"Sid\":\"SID\x00\",\"Skey\":\"SKEY\"}}", `{"BaseRequest":{"Uin":1e400}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		synctest.Test(t, func(t *testing.T) {
			s := newWX(t)
			_, v := s.session(wxApp)
			sent := strings.NewReplacer("BASE", v.base(), "UIN", strconv.FormatInt(v.UIN, 10), "SID", v.SID, "SKEY", v.Skey).Replace(body)
			got := s.send(http.MethodPost, wxCGI+"webwxinit", sent)
			ret := wxRet(got)
			if got.status != http.StatusOK || ret != 0 && ret != 1102 || got.took > 0 {
				t.Fatalf("%q: %d %.200q after %v", sent, got.status, got.body, got.took)
			}
			all := strings.Contains(body, "BASE") || strings.Contains(body, "UIN") && strings.Contains(body, "SID") && strings.Contains(body, "SKEY")
			if ret == 0 && !all {
				t.Fatalf("%q opens the session", sent)
			}
		})
	})
}

// FuzzJslogin: a start is refused in our own words, or goes to a registered address.
func FuzzJslogin(f *testing.F) {
	for _, seed := range []string{
		"appid=APP", "appid=APP&fun=new&lang=zh_CN&_=1", "appid=APP&redirect_uri=" + wxPage, "appid=APP&redirect_uri=https://login.example.evil/",
		"appid=APP&redirect_uri=https://login.example@evil.example/", "appid=APP&redirect_uri=" + wxPage + "%2f", "appid=APP&redirect_uri=" + wxPage + "%23",
		"appid=APP&lang=%22", "appid=APP&state=%00%ff;", "appid=APP&appid=APP", "appid=%zz", "", "appid=APP&state=</script>",
	} {
		f.Add(seed)
	}
	says := regexp.MustCompile(`^window\.QRLogin\.code = (?:200; window\.QRLogin\.uuid = "([A-Za-z0-9_-]{36})"|400; window\.QRLogin\.error = "[a-zA-Z_ ;]+");$`)
	goes := regexp.MustCompile(`^[?&]ticket=[\w-]{36}&uuid=[\w-]{12}&lang=[\w-]{0,35}&scan=\d+&state=[\w.~%-]*&kid=k1&sig=[\w-]{43}$`)
	f.Fuzz(func(t *testing.T, query string) {
		synctest.Test(t, func(t *testing.T) {
			s := newWX(t)
			got := s.raw("/jslogin", strings.ReplaceAll(query, "APP", wxApp))
			m := says.FindStringSubmatch(got.body)
			if got.status != http.StatusOK || m == nil || got.took > 0 {
				t.Fatalf("%d %.200q after %v", got.status, got.body, got.took)
			}
			if m[1] == "" {
				return
			}
			l, err := s.service.Scan(t.Context(), alice(), m[1], time.Time{})
			s.must(err)
			l, err = s.service.Approve(t.Context(), alice().Phone, string(l.Handle), "")
			s.must(err)
			uri, _ := s.service.RedirectURI(l)
			app, _ := s.service.App(l.App)
			if !slices.Contains(app.RedirectURIs, l.RedirectURI.String()) || !strings.HasPrefix(uri, l.RedirectURI.String()) {
				t.Fatalf("it goes to %s", uri)
			}
			if !goes.MatchString(uri[len(l.RedirectURI.String()):]) {
				t.Fatalf("clients cannot read %s", uri)
			}
		})
	})
}
