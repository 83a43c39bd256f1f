package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sites are a shop and a stranger to it, and alice's phone (bearer "alice-token").
const sites = `
apps:
  - id: shop
    name: Corner Shop
    redirect_uris: [https://shop.example/signed-in]
    secret_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
  - id: other
    name: Other Shop
    redirect_uris: [https://other.example/signed-in]
    secret_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
phones:
  tokens:
    - {token_sha256: 9c220f200955d76c0a38d308225e0ef10c5f971acaf2f8d1d8f732affa5bd1dc, subject: alice, name: Alice}
`

// TestSitesInFourLanguagesSignPeopleIn runs the sites of docs/examples/integrate against the
// running server, each as its first lines say.
func TestSitesInFourLanguagesSignPeopleIn(t *testing.T) {
	listening := newListeningSite(t)
	p := start(t, "--config", write(t, "q.yaml", told(sites, listening.URL)))
	for name, command := range map[string]func(t *testing.T) []string{
		"go": func(t *testing.T) []string {
			binary := filepath.Join(t.TempDir(), "shop")
			if out, err := exec.Command("go", "build", "-o", binary, "../docs/examples/integrate/go").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return []string{binary}
		},
		"node": func(t *testing.T) []string {
			return []string{installed(t, "node"), "../docs/examples/integrate/node/shop.mjs"}
		},
		"php": func(t *testing.T) []string {
			return []string{installed(t, "php"), "-S", "127.0.0.1:0", "../docs/examples/integrate/php/shop.php"}
		},
		"java": func(t *testing.T) []string {
			return []string{installed(t, "java"), "-cp", jackson(t), "../docs/examples/integrate/java/Shop.java"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := command(t)
			c, site := client{p.url, http.DefaultTransport}, runSite(t, program, p.url)
			c.visit(t, site)
			c.tell(t, site, listening)
			for fault, answer := range withoutKeys {
				t.Run(fault, func(t *testing.T) {
					server := httptest.NewServer(answer)
					defer server.Close()
					c.tellWithoutKeys(t, runSite(t, program, server.URL))
				})
			}
		})
	}
}

// installed finds a program, or skips.
func installed(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// jackson is where Debian's libjackson2-databind-java lies, or $CLASSPATH.
func jackson(t *testing.T) string {
	if path := os.Getenv("CLASSPATH"); path != "" {
		return path
	}
	jars, _ := filepath.Glob("/usr/share/java/jackson-*.jar")
	if len(jars) == 0 {
		t.Skip("libjackson2-databind-java is not installed")
	}
	return strings.Join(jars, string(filepath.ListSeparator))
}

// runSite starts a site on a free port and returns its address.
func runSite(t *testing.T, program []string, server string) string {
	t.Helper()
	command := exec.Command(program[0], program[1:]...)
	command.Env = append(os.Environ(), "QRLATCH="+server, "APP=shop", "SECRET=secret", "LISTEN=127.0.0.1:0", "PORT=0")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = in, in // PHP says it there
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		_ = out.Close()
	})
	_ = out.SetReadDeadline(time.Now().Add(time.Minute)) // a compiler on a busy machine
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text()); at != "" {
			_ = out.SetReadDeadline(time.Time{})
			go func() { // or it would block
				for lines.Scan() {
				}
			}()
			return at
		}
		t.Log(lines.Text())
	}
	t.Fatalf("%s says no address: %v", command, lines.Err())
	return ""
}

// client calls a server that listens at, or is reached via, something.
type client struct {
	url string
	via http.RoundTripper
}

// visit signs alice in to a site, and tries what must fail.
func (c client) visit(t *testing.T, site string) {
	// ask returns status and body of a page, asked for with a header.
	ask := func(path, header, value string) (int, string, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header, value)
		return c.do(t, r)
	}
	status, body, header := ask("/", "Accept", "text/html")
	state := regexp.MustCompile(`"?state"?: ?["']([^"']+)["']`).FindStringSubmatch(body)
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	if status != 200 || state == nil || !strings.HasPrefix(cookie, "state=") || !strings.Contains(body, c.url+"/qrlatch.js") {
		t.Fatalf("its page: %d %v %s", status, header, body)
	}
	onward := "/signed-in?" + c.approve(t, "shop", state[1]).RawQuery
	for _, tt := range []struct {
		name, path, cookie string
		status             int
		says               string
	}{
		{"another browser", onward, "state=another", 403, "did not begin"},
		{"no cookie at all", onward, "x=y", 403, "did not begin"},
		{"a ticket that is none", "/signed-in?ticket=x&state=" + state[1], cookie, 403, "is over"},
		{"its own", onward, cookie, 200, "Signed in as Alice"},
		{"its own once more", onward, cookie, 403, "is over"},
	} {
		if status, body, _ := ask(tt.path, "Cookie", tt.cookie); status != tt.status || !strings.Contains(body, tt.says) {
			t.Errorf("%s: %d %s, want %d, %q", tt.name, status, body, tt.status, tt.says)
		}
	}

	ask("//", "Accept", "text/html") // no URL; whatever it says, it goes on

	mine, foreign := c.idToken(t, "shop"), c.idToken(t, "other")
	parts := strings.Split(mine, ".")
	said, _ := base64.RawURLEncoding.DecodeString(parts[1])
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(said), "alice", "bob", 1)))
	none := "eyJhbGciOiJub25lIn0." + parts[1] + "." // {"alg":"none"}
	for name, token := range map[string]string{
		"of another app": foreign, "of somebody else": parts[0] + "." + forged + "." + parts[2],
		"unsigned": none, "cut": parts[0] + "." + parts[1], "none": "",
	} {
		if status, body, _ := ask("/api/me", "Authorization", "Bearer "+token); status != 401 {
			t.Errorf("an id_token %s: %d %s", name, status, body)
		}
	}
	if status, body, _ := ask("/api/me", "Authorization", "Bearer "+mine); status != 200 || !strings.Contains(body, `"sub":"alice"`) {
		t.Errorf("an id_token: %d %s", status, body)
	}
}

// tell has alice's phone sign her out, and tells a site of it and of what is no such notice.
func (c client) tell(t *testing.T, site string, heard *listeningSite) {
	in := c.signIn(t, "shop")
	c.signOut(t, in.Session.ID)
	token := heard.of(t, in.Session.ID)
	parts := strings.Split(token, ".")
	for name, tt := range map[string]struct {
		form   url.Values
		status int
	}{
		"a notice":               {url.Values{"logout_token": {token}}, 204},
		"an id_token":            {url.Values{"logout_token": {in.IDToken}}, 400},
		"of another app":         {url.Values{"logout_token": {c.idToken(t, "other")}}, 400},
		"unsigned":               {url.Values{"logout_token": {"eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9." + parts[1] + "."}}, 400}, // {"alg":"none","typ":"logout+jwt"}
		"under another's header": {url.Values{"logout_token": {parts[0] + "." + strings.Split(in.IDToken, ".")[1] + "." + parts[2]}}, 400},
		"by a key not known yet": {url.Values{"logout_token": {unknownKey + "." + parts[1] + "." + parts[2]}}, 503},
		"cut":                    {url.Values{"logout_token": {parts[0] + "." + parts[1]}}, 400},
		"empty":                  {url.Values{"logout_token": {""}}, 400},
		"none":                   {url.Values{}, 400},
	} {
		for range 2 { // a notice may come again
			if status, body := c.notify(t, site, tt.form); status != tt.status {
				t.Errorf("%s as a logout token: %d %s, want %d", name, status, body, tt.status)
			}
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site+"/api/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if status, body, _ := c.do(t, r); status != http.StatusUnauthorized {
		t.Errorf("a logout token lets somebody in: %d %s", status, body)
	}
}

// approve has alice approve a new login, and returns where its browser is to go.
func (c client) approve(t *testing.T, app, state string) *url.URL {
	t.Helper()
	var l struct {
		ID          string
		QR          struct{ Text string }
		RedirectURI string `json:"redirect_uri"`
	}
	var scan struct{ ID string }
	c.post(t, "/v1/logins", map[string]string{"app": app, "state": state}, &l)
	c.post(t, "/v1/scans", map[string]string{"code": l.QR.Text}, &scan)
	c.post(t, "/v1/scans/"+scan.ID+"/approve", map[string]string{}, nil)
	_, body := fetch(t, c.url+"/v1/logins/"+l.ID)
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		t.Fatal(err)
	}
	onward, err := url.Parse(l.RedirectURI)
	if err != nil || l.RedirectURI == "" {
		t.Fatalf("approved: %s", body)
	}
	return onward
}

func (c client) idToken(t *testing.T, app string) string {
	t.Helper()
	var redeemed struct {
		IDToken string `json:"id_token"`
	}
	c.post(t, "/v1/tickets/redeem", map[string]string{"ticket": c.approve(t, app, "").Query().Get("ticket")}, &redeemed, app)
	return redeemed.IDToken
}

// post sends JSON as alice, or as an app, and reads the answer into result.
func (c client) post(t *testing.T, path string, body, result any, app ...string) {
	t.Helper()
	text, _ := json.Marshal(body)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+path, strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer alice-token")
	if len(app) > 0 {
		r.SetBasicAuth(app[0], "secret")
	}
	status, answer, _ := c.do(t, r)
	if status >= 300 {
		t.Fatalf("%s: %d %s", path, status, answer)
	}
	if result != nil {
		if err := json.Unmarshal([]byte(answer), result); err != nil {
			t.Fatal(err)
		}
	}
}

func (c client) do(t *testing.T, r *http.Request) (int, string, http.Header) {
	t.Helper()
	w, err := c.via.RoundTrip(r) // follows nothing
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	var body strings.Builder
	if _, err := bufio.NewReader(w.Body).WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, body.String(), w.Header
}
