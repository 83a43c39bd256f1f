package metrics_test

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"qrlatch/server/login"
	"qrlatch/server/memstore"
	"qrlatch/server/metrics"
)

// counts are all numbers of qrlatch that only ever change by a login: of histograms how
// many they have counted.
func (w *world) counts() map[string]float64 {
	w.t.Helper()
	families, err := w.metrics.Gatherer().Gather()
	w.must(err)
	all := map[string]float64{}
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, "qrlatch_") || name == "qrlatch_http_requests_total" || name == "qrlatch_waiters" {
			continue // those are counted after the answer
		}
		for _, m := range f.GetMetric() {
			series := strings.TrimPrefix(name, "qrlatch_")
			for _, l := range m.GetLabel() {
				series += " " + l.GetValue()
			}
			all[series] = valueOf(m)
		}
	}
	return all
}

func valueOf(m *dto.Metric) float64 {
	if h := m.GetHistogram(); h != nil {
		return float64(h.GetSampleCount())
	}
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

// changed runs do and checks that it changes just what want says.
func (w *world) changed(what string, want map[string]float64, do func()) {
	w.t.Helper()
	before := w.counts()
	do()
	got := map[string]float64{}
	for series, value := range w.counts() {
		if value != before[series] {
			got[series] = value - before[series]
		}
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("%s: changed %v, want %v", what, got, want)
	}
}

// TestALoginInEachDialectIsCountedOnce goes through whole logins: redeemed by the site, by
// the page, denied, and asked for without a scan.
func TestALoginInEachDialectIsCountedOnce(t *testing.T) {
	w := newWorld(t)
	whole := func(way string) map[string]float64 {
		return map[string]float64{
			"logins": 1, "logins_total pending": 1, "logins_total scanned": 1, "logins_total approved": 1, "logins_total redeemed": 1,
			"start_to_scan_seconds": 1, "scan_to_approval_seconds": 1, "approval_to_collection_seconds": 1,
			"redemptions_total done " + way: 1,
		}
	}
	dialects := w.dialects()
	for _, name := range slices.Sorted(maps.Keys(dialects)) {
		d := dialects[name]
		approved := func() string {
			id := d.start()
			w.decide(w.scan(id), "approve", "")
			return d.redirect(id)
		}
		w.changed(name+" by the page", whole("page"), func() { w.page(approved()) })
		w.changed(name+" by the site", whole("site"), func() { w.site(approved()) })
		w.changed(name+" denied", map[string]float64{
			"logins": 1, "logins_total pending": 1, "logins_total scanned": 1, "logins_total denied": 1, "start_to_scan_seconds": 1,
		}, func() { w.decide(w.scan(d.start()), "deny", "") })
		w.changed(name+" left alone", map[string]float64{"logins": 1, "logins_total pending": 1}, func() { d.start() })
	}
	w.pushed()
	w.tellsNobody()
}

// pushed logs in without a scan, with the cookies of the login before.
func (w *world) pushed() {
	d := w.dialects()["wechat"]
	id := d.start()
	w.decide(w.scan(id), "approve", "")
	uin := w.find(`<wxuin>(\d+)</wxuin>`, w.page(d.redirect(id)))
	w.changed("a push login", map[string]float64{
		"logins": 1, "logins_total scanned": 1, "logins_total approved": 1, "logins_total redeemed": 1,
		"scan_to_approval_seconds": 1, "approval_to_collection_seconds": 1, "redemptions_total done page": 1,
	}, func() {
		_, said := w.ask("GET", "/cgi-bin/mmwebwx-bin/webwxpushloginurl?uin="+uin, "")
		id := w.find(`"uuid":"([^"]+)"`, said)
		_, said = w.ask("GET", "/v1/scans", "", asAlice)
		w.decide(w.find(`"id":"([^"]+)"`, said), "approve", "")
		w.page(d.redirect(id))
	})
}

// tellsNobody looks for what was said of all those logins in what Prometheus is told.
func (w *world) tellsNobody() {
	w.ask("GET", "/"+w.secrets[0], "")
	w.ask("GET", "/v1/logins/"+w.secrets[0]+"/"+w.secrets[1], "")
	w.metrics.StoreCall("get", time.Millisecond, errors.New("redis://user:"+w.secrets[0]+"@redis"))
	text := w.scrape()
	if len(w.secrets) < 100 {
		w.t.Errorf("only %d secrets are known", len(w.secrets))
	}
	for _, secret := range append(w.secrets, "shop", "alice", "Alice", "token-of", "127.0.0.1", "Firefox", browserName) {
		if secret == "" || strings.Contains(text, secret) {
			w.t.Errorf("the metrics say %q", secret)
		}
	}
	// No label is other than these, whatever was asked for.
	word := regexp.MustCompile(`^([a-z0-9_.+]{1,25}|[+]Inf)$`)
	for _, m := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		name, value := m[1], m[2]
		known := slices.Contains([]string{"state", "way", "result", "dialect", "limit", "status", "call", "le", "quantile", "goversion", "revision", "version"}, name) && word.MatchString(value) ||
			name == "revision" && regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(value) || name == "goversion" ||
			name == "route" && (value == "unknown" || regexp.MustCompile(`^/[\w.:/*-]*$`).MatchString(value))
		if !known {
			w.t.Errorf("a label %s is %q", name, value)
		}
	}
}

func TestTicketsThatAreNoGoodAreCounted(t *testing.T) {
	w := newWorld(t)
	d := w.dialects()["json"]
	approved := func() string {
		id := d.start()
		w.decide(w.scan(id), "approve", "")
		return d.redirect(id)
	}
	only := func(series string) map[string]float64 { return map[string]float64{"redemptions_total " + series: 1} }

	first := approved()
	w.page(first)
	w.changed("the same browser again", only("again page"), func() { w.page(first) })
	w.changed("another one", only("reused page"), func() { w.page(first, "User-Agent: another") })
	w.changed("once more", only("refused page"), func() { w.page(first, "User-Agent: another") })
	w.changed("a forged signature", only("refused page"), func() { w.page(strings.Replace(first, "sig=", "sig=x", 1)) })

	second := approved()
	w.site(second)
	w.changed("the site again", only("refused site"), func() {
		if status := w.site(second); status != http.StatusConflict {
			t.Errorf("got %d", status)
		}
	})
	w.changed("no ticket", only("refused site"), func() { w.site("/?ticket=nonsense") })
}

func TestTheThirdWrongNumberIsADenial(t *testing.T) {
	w := newWorld(t)
	_, said := w.ask("POST", "/v1/logins", `{"app":"careful"}`, asJSON)
	handle := w.scan(w.find(`"id":"([^"]+)"`, said))
	wrong := func() { w.decide(handle, "approve", `{"number":"00"}`) } // the numbers begin at 10
	w.changed("the first two", map[string]float64{}, func() { wrong(); wrong() })
	w.changed("the third", map[string]float64{"logins_total denied": 1}, wrong)
	w.changed("one more", map[string]float64{}, wrong)
}

func TestEachRefusedPasskeyIsCounted(t *testing.T) {
	w := newWorld(t)
	_, said := w.ask("POST", "/v1/logins", `{"app":"vault"}`, asJSON)
	handle := w.scan(w.find(`"id":"([^"]+)"`, said))
	w.changed("none is shown", map[string]float64{}, func() { w.decide(handle, "approve", `{}`) })
	w.changed("ten of another's", map[string]float64{"passkeys_refused_total": 10}, func() {
		for range 10 {
			w.decide(handle, "approve", `{"passkey":{"credential":"x","assertion":{}}}`)
		}
	})
}

// TestTimesAreThoseOfTheLogin measures in virtual time.
func TestTimesAreThoseOfTheLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Options{})
		defer store.Close()
		keys, err := login.ParseKeys(strings.NewReader(login.NewKeyLine()))
		if err != nil {
			t.Fatal(err)
		}
		m := metrics.New("test")
		s := login.NewService(store.Store, login.Config{
			Keys: keys, Observe: m.Observe, Apps: []login.App{{ID: "shop", RedirectURIs: []string{"https://shop.example/in"}, Number: login.NumberNever}},
		})
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		_, l, err := s.Start(t.Context(), login.Request{App: "shop"})
		must(err)
		time.Sleep(7 * time.Second)
		alice := login.Identity{Phone: login.Phone{Issuer: "test", Subject: "alice"}}
		code, _, _ := s.Code(l, time.Now())
		l, err = s.Scan(t.Context(), alice, code, time.Time{})
		must(err)
		time.Sleep(4 * time.Second)
		l, err = s.Approve(t.Context(), alice.Phone, string(l.Handle), "")
		must(err)
		time.Sleep(250 * time.Millisecond)
		uri, _ := s.RedirectURI(l)
		u, err := url.Parse(uri)
		must(err)
		_, err = s.RedeemTicket(t.Context(), "shop", u.Query().Get("ticket"))
		must(err)
		for name, want := range map[string]float64{"start_to_scan": 7, "scan_to_approval": 4, "approval_to_collection": .25} {
			if got := sumOf(t, m, "qrlatch_"+name+"_seconds"); got != want {
				t.Errorf("%s took %v s, want %v", name, got, want)
			}
		}
	})
}

func sumOf(t *testing.T, m *metrics.Metrics, name string) float64 {
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetHistogram().GetSampleSum()
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

func TestCallsOfTheStoreAreCountedByName(t *testing.T) {
	w := newWorld(t)
	w.changed("two calls", map[string]float64{"store_call_seconds get": 2, "store_errors_total get": 1}, func() {
		w.metrics.StoreCall("get", time.Millisecond, nil)
		w.metrics.StoreCall("get", time.Second, errors.New("away"))
	})
}

func TestTheMetricsAreAsPrometheusWantsThem(t *testing.T) {
	w := newWorld(t)
	complete(w)
	wrong, err := testutil.GatherAndLint(w.metrics.Gatherer())
	w.must(err)
	for _, p := range wrong {
		t.Error(p)
	}
	if !strings.Contains(w.scrape(), `version="v1.2.3"`) {
		t.Error("the version is not told")
	}
}

// complete adds what a whole server has, and one of each that is not there at the start.
func complete(w *world) {
	none := func() float64 { return 0 }
	w.metrics.LostLines(none)
	w.metrics.UnboundScans(none)
	w.metrics.StoreCall("get", time.Millisecond, nil)
	w.ask("GET", "/", "")
	for !strings.Contains(w.scrape(), "qrlatch_http_requests_total{") { // it is counted after the answer
		w.ask("GET", "/", "")
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := metrics.New("test")
	now := time.Now()
	l := login.Login{Handle: "h", State: login.Approved, Started: now, Scanned: now, Approved: now, Redeemed: now}
	for _, s := range []login.Step{
		{Name: login.StepScan, Result: login.StepDone, Login: l},
		{Name: login.StepApprove, Result: login.StepDone, Login: l},
		{Name: login.StepRedeem, Result: login.StepDone, Login: l, Site: true},
	} {
		if n := testing.AllocsPerRun(100, func() { m.Observe(s) }); n != 0 {
			t.Errorf("%s: %v allocations", s.Name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { m.StoreCall("get", time.Millisecond, nil) }); n != 0 {
		t.Errorf("a call of the store: %v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := metrics.New("test")
	now := time.Now()
	s := login.Step{Name: login.StepScan, Result: login.StepDone, Login: login.Login{Started: now, Scanned: now}}
	for b.Loop() {
		m.Observe(s)
	}
}
