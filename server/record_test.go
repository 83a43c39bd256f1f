package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// countries writes a file in which 1.1.0.0/16 is in Portugal and 2.2.0.0/16 in Spain.
func countries(t *testing.T, name string) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-Country"})
	if err != nil {
		t.Fatal(err)
	}
	for cidr, country := range map[string][2]mmdbtype.String{"1.1.0.0/16": {"PT", "Portugal"}, "2.2.0.0/16": {"ES", "Spain"}} {
		_, n, err := net.ParseCIDR(cidr)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(n, mmdbtype.Map{"country": mmdbtype.Map{
			"iso_code": country[0], "names": mmdbtype.Map{"en": country[1]},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrongWithTheFilesOfPlacesAndRecordsIsSaid(t *testing.T) {
	dir := t.TempDir()
	geo := filepath.Join(dir, "country.mmdb")
	countries(t, geo)
	base := aShop + "phones: {tokens: [{token_sha256: " + aHash + ", subject: a}]}\n"
	for _, tt := range []struct{ name, lines, want string }{
		{"one file", "geoip_file: " + geo, ""},
		{"a list", "geoip_file: [" + geo + "]", ""},
		{"none", "geoip_file: ''\naudit_log: ''", ""},
		{"a file that is not there", "geoip_file: " + dir + "/absent.mmdb", "geoip_file: stat " + dir + "/absent.mmdb"},
		{"a directory", "geoip_file: " + dir, "geoip_file: " + dir + ": want a MaxMind file"},
		{"another kind of file", "geoip_file: " + write(t, "keys", "k1 x"), "want a MaxMind file"},
		{"two of a kind", "geoip_file: [" + geo + ", " + geo + "]", "another file of the same kind"},
		{"neither a file nor a list", "geoip_file: {a: b}", "a value of the wrong kind"},
		{"a log", "audit_log: " + dir + "/audit.log", ""},
		{"a log in no directory", "audit_log: " + dir + "/absent/audit.log", "audit_log: stat " + dir + "/absent"},
		{"a log that is a directory", "audit_log: " + dir, "audit_log: " + dir + ": want a plain file"},
		{"a log below a file", "audit_log: " + geo + "/audit.log", "audit_log: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, wrong := read(t, []string{"--config", write(t, "q.yaml", base+tt.lines+"\n")})
			if tt.want == "" && wrong != nil || tt.want != "" && (len(wrong) != 1 || !strings.Contains(wrong[0], tt.want)) {
				t.Errorf("got %q, want %q", wrong, tt.want)
			}
		})
	}
	if _, err := os.Stat(dir + "/audit.log"); err == nil {
		t.Error("a check of the configuration made the log")
	}
}

// recorded is a program with an audit log, whose clients come from where they say.
type recorded struct {
	*program
	t       *testing.T
	secrets []string // all that browsers, phones and sites have sent and got
}

// send sends a request from an address, and keeps whatever is secret in its answer.
func (r *recorded) send(from, method, target, bearer, body string) (int, string) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.url+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("X-Forwarded-For", from)
	q.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 MARKED")
	if bearer != "" {
		q.Header.Set("Authorization", "Bearer "+bearer)
		q.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range answer.Cookies() {
		if c.Name != "mm_lang" {
			r.secrets = append(r.secrets, c.Value)
		}
	}
	return answer.StatusCode, string(text)
}

func (r *recorded) phone(method, target, body string, want int) map[string]any {
	r.t.Helper()
	status, text := r.send("2.2.2.2", method, target, "alice-token", body)
	if status != want {
		r.t.Fatalf("%s %s: %d %s", method, target, status, text)
	}
	var v map[string]any
	_ = json.Unmarshal([]byte(text), &v) // a list, or nothing
	return v
}

// entries reads the log, one map for each line.
func (r *recorded) entries(name string) (text string, lines []map[string]any) {
	r.t.Helper()
	body, err := os.ReadFile(name)
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			r.t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, v)
	}
	return string(body), lines
}

func TestTheAuditLogTellsAWholeLoginAndNoSecret(t *testing.T) {
	dir := t.TempDir()
	audit, geo := filepath.Join(dir, "audit.log"), filepath.Join(dir, "country.mmdb")
	countries(t, geo)
	file := write(t, "q.yaml", strings.NewReplacer("number: always", "number: risk", "trusted_proxies: [10.0.0.0/8, 192.168.0.0/16]", "trusted_proxies: [127.0.0.0/8]").
		Replace(goodFile)+"audit_log: "+audit+"\ngeoip_file: "+geo+"\n")
	// The hash of alice-token.
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, file, regexp.MustCompile(`token_sha256: \w+`).ReplaceAllString(string(body), "token_sha256: 9c220f200955d76c0a38d308225e0ef10c5f971acaf2f8d1d8f732affa5bd1dc"))
	r := &recorded{program: start(t, "--config", file, "--poll-hold", "10ms"), t: t, secrets: []string{"alice-token"}}

	_, text := r.send("1.1.1.1", "POST", "/v1/logins", "", `{"app":"shop"}`)
	var begun struct {
		ID string
		QR struct{ Text string }
	}
	if err := json.Unmarshal([]byte(text), &begun); err != nil || begun.ID == "" {
		t.Fatal(text, err)
	}
	code := begun.QR.Text[strings.LastIndex(begun.QR.Text, "/")+1:]
	r.secrets = append(r.secrets, begun.ID, code)
	scan := r.phone("POST", "/v1/scans", `{"code":"`+code+`"}`, 201)
	browser := scan["browser"].(map[string]any)
	if browser["place"] != "Portugal" || scan["number_required"] != true || scan["risk"].([]any)[0] != "place" {
		t.Fatalf("%v", scan)
	}
	path := "/v1/scans/" + scan["id"].(string)
	var shown struct {
		Number      string
		RedirectURI string `json:"redirect_uri"`
	}
	look := func() {
		_, text := r.send("1.1.1.1", "GET", "/v1/logins/"+begun.ID, "", "")
		if err := json.Unmarshal([]byte(text), &shown); err != nil {
			t.Fatal(text, err)
		}
	}
	look()
	r.phone("POST", path+"/approve", `{"number":"1"}`, 422)
	r.phone("POST", path+"/approve", `{"number":"`+shown.Number+`"}`, 200)
	look()
	to, err := url.Parse(shown.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ticket", "sig"} {
		r.secrets = append(r.secrets, to.Query().Get(name))
	}
	_, page := r.send("1.1.1.1", "GET", to.RequestURI()+"&fun=new&version=v2", "", "")
	for _, name := range []string{"skey", "wxsid", "wxuin", "pass_ticket"} {
		found := regexp.MustCompile("<" + name + ">(.+)</" + name + ">").FindStringSubmatch(page)
		if found == nil {
			t.Fatal(page)
		}
		r.secrets = append(r.secrets, found[1])
	}
	_, sessions := r.send("2.2.2.2", "GET", "/v1/sessions", "alice-token", "")
	session := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(sessions)[1]
	r.phone("DELETE", "/v1/sessions/"+session+"?reason=not_me", "", 204)
	r.send("3.3.3.3", "GET", to.RequestURI()+"&fun=new&version=v2", "", "")

	log, lines := r.entries(audit)
	var events []string
	for _, line := range lines {
		events = append(events, line["event"].(string))
		if line["app"] != "shop" || line["login"] != scan["id"] || line["sub"] != "alice" || line["iss"] != "tokens" {
			t.Errorf("%v", line)
		}
	}
	if got := strings.Join(events, " "); got != "scan wrong_number approve redeem not_me ticket_reused" {
		t.Errorf("told %s", got)
	}
	client := func(i int, who string) string {
		c, _ := lines[i][who].(map[string]any)
		return strings.Join([]string{str(c["ip"]), str(c["agent"]), str(c["place"])}, " ")
	}
	for _, test := range []struct {
		line      int
		who, want string
	}{
		{2, "browser", "1.1.1.1 Firefox Portugal"}, {2, "phone", "2.2.2.2  Spain"}, {2, "presenter", "  "},
		{3, "presenter", "1.1.1.1 Firefox Portugal"}, {5, "presenter", "3.3.3.3 Firefox "}, {4, "phone", "2.2.2.2  Spain"},
	} {
		if got := client(test.line, test.who); got != test.want {
			t.Errorf("line %d: %s is %q, want %q", test.line, test.who, got, test.want)
		}
	}
	if lines[2]["number"] != "right" || lines[1]["number"] != "wrong" || !slices.Equal(lines[2]["risk"].([]any), []any{"place"}) {
		t.Errorf("%v", lines[2])
	}
	if len(r.secrets) < 14 {
		t.Errorf("only %d secrets are looked for", len(r.secrets))
	}
	for _, secret := range append(r.secrets, "MARKED") {
		if secret != "" && (strings.Contains(log, secret) || len(secret) > 24 && strings.Contains(log, secret[len(secret)-16:])) {
			t.Errorf("%q is in the audit log", secret)
		}
	}

	// What is rotated away stays, and the rest goes on in a new file.
	if err := os.Rename(audit, audit+".1"); err != nil {
		t.Fatal(err)
	}
	r.reload <- os.Interrupt
	r.startLoginEventually(t, "shop")
	_, text = r.send("1.1.200.1", "POST", "/v1/logins", "", `{"app":"shop"}`)
	if err := json.Unmarshal([]byte(text), &begun); err != nil {
		t.Fatal(text, err)
	}
	r.phone("POST", "/v1/scans", `{"code":"`+begun.QR.Text+`"}`, 201)
	if _, old := r.entries(audit + ".1"); len(old) != len(lines) {
		t.Errorf("%d lines in the old file", len(old))
	}
	if _, now := r.entries(audit); len(now) != 1 {
		t.Errorf("%d lines in the new one", len(now))
	}
	if _, metrics := fetch(t, r.admin+"/metrics"); !strings.Contains(metrics, "qrlatch_audit_lines_lost_total 0") {
		t.Error("lost lines are not counted")
	}
}

func str(v any) string {
	s, _ := v.(string)
	return s
}
