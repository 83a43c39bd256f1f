package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheDemoHasASiteElsewhere(t *testing.T) {
	p := start(t, "--demo")
	if at, err := url.Parse(p.shop); err != nil || at.Hostname() != "localhost" || strings.HasSuffix(p.url, ":"+at.Port()) {
		t.Fatalf("the shop is at %q, we are at %s", p.shop, p.url)
	}
	for _, at := range []string{p.shop, strings.Replace(p.shop, "localhost", "127.0.0.1", 1)} {
		if status, body := fetch(t, at); status != http.StatusOK || !strings.Contains(body, p.url+"/qrlatch.js") {
			t.Errorf("%s: %d %s", at, status, body)
		}
	}
	p.stop()
	err := <-p.ended
	p.ended <- err
	if answer, err := http.Get(p.shop); err == nil {
		answer.Body.Close()
		t.Error("the shop outlives the demo")
	}
}

func TestOnlyADemoHasASiteElsewhere(t *testing.T) {
	if p := start(t, "--config", write(t, "q.yaml", goodFile)); p.shop != "" {
		t.Error(p.shop)
	}
}

// The shop signs people in whatever we are called, and whoever has signed our certificate.
func TestTheDemosSiteReachesUs(t *testing.T) {
	cert, key := certificate(t)
	for name, args := range map[string][]string{
		"as ever":      nil,
		"by TLS":       {"--tls-cert", cert, "--tls-key", key},
		"by a name":    {"--public-url=http://login.example"},
		"behind TLS":   {"--public-url=https://login.example"},
		"by TLS, name": {"--public-url=https://login.example", "--tls-cert", cert, "--tls-key", key},
	} {
		p := start(t, append([]string{"--demo"}, args...)...)
		jar, _ := cookiejar.New(nil)
		browser := &http.Client{Jar: jar}
		_, body := get(t, browser, p.shop)
		state := regexp.MustCompile(`state: "([^"]+)"`).FindStringSubmatch(body)
		if state == nil {
			t.Fatalf("%s: no state in %s", name, body)
		}
		// A ticket that is none: had the shop not reached us, or under the wrong name, it
		// would say that we do not answer.
		status, body := get(t, browser, p.shop+"/signed-in?ticket=nonsense&state="+state[1])
		if status != http.StatusForbidden || !strings.Contains(body, "This sign-in is over") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestWhereTheDemosSiteListens(t *testing.T) {
	free := func(address string) string {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return ""
		}
		defer l.Close()
		return l.Addr().String()
	}
	public, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer public.close()
	ours := public.Addr().(*net.TCPAddr)
	next := &net.TCPAddr{IP: ours.IP, Port: ours.Port + 1}
	if free(next.String()) == "" {
		t.Skipf("%s is taken by another program", next)
	}
	open := func(publicURL, admin string) *shop {
		at, _ := url.Parse(publicURL)
		s, err := (&config{listen: ours.String(), adminListen: admin}).openShop(public, at)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}

	first := open("http://"+ours.String(), "")
	if got := first.Addr().String(); got != next.String() {
		t.Errorf("it listens on %s, want the next port, %s", got, next)
	}
	second := open("http://localhost:8080", "")
	if second.origins[0] != "http://"+second.Addr().String() {
		t.Errorf("%v: the first must be another site than localhost", second.origins)
	}
	first.close()
	third := open("http://"+ours.String(), next.String())
	if third.Addr().String() == next.String() {
		t.Error("it took the admin listener's port")
	}
	for _, s := range []*shop{second, third} {
		app := s.app()
		for _, origin := range s.origins {
			if !slices.Contains(app.RedirectURIs, origin+"/signed-in") || !slices.Contains(app.Origins, origin) {
				t.Errorf("%s is not registered: %+v", origin, app)
			}
		}
		if !app.Authenticates("demo-secret") {
			t.Error("its secret is not the demo's")
		}
		s.close()
	}
}

func get(t *testing.T, browser *http.Client, address string) (int, string) {
	t.Helper()
	r, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// certificate writes one of its own making for login.example.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "login.example"}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"login.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}
