package metrics_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	yaml "go.yaml.in/yaml/v3"
)

const (
	dashboardFile = "../../packaging/grafana/qrlatch.json"
	alertsFile    = "../../packaging/prometheus/alerts.yaml"
)

// expressions are all that a dashboard or a file of rules asks Prometheus, by who asks.
type expressions map[string]string

func dashboard(t *testing.T) expressions {
	t.Helper()
	var d struct {
		SchemaVersion int
		Panels        []struct {
			ID         int
			Title      string
			GridPos    struct{ X, Y, W, H int }
			Datasource struct{ UID string }
			Targets    []struct{ RefID, Expr string }
		}
		Templating struct {
			List []struct {
				Name  string
				Query any
			}
		}
	}
	read(t, dashboardFile, func(b []byte) error { return json.Unmarshal(b, &d) })
	if d.SchemaVersion < 36 || len(d.Templating.List) == 0 || d.Templating.List[0].Name != "datasource" {
		t.Error("want a schema that Grafana still reads, and a datasource to choose")
	}
	asks, ids, at := expressions{}, map[int]bool{}, map[any]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || at[p.GridPos] || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q: an id or a place of its own, the chosen datasource and a query are wanted", p.Title)
		}
		ids[p.ID], at[p.GridPos] = true, true
		for _, target := range p.Targets {
			asks[p.Title+" "+target.RefID] = target.Expr
		}
	}
	for _, v := range d.Templating.List[1:] {
		asks["variable "+v.Name] = fmt.Sprint(v.Query)
	}
	return asks
}

func alerts(t *testing.T) expressions {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	read(t, alertsFile, func(b []byte) error { return yaml.Unmarshal(b, &file) })
	asks := expressions{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			asks[r.Alert] = r.Expr
		}
	}
	return asks
}

func read(t *testing.T, name string, parse func([]byte) error) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = parse(text)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestDashboardAndAlertsAskForWhatThereIs looks up each name, label and value of theirs.
func TestDashboardAndAlertsAskForWhatThereIs(t *testing.T) {
	w := newWorld(t)
	complete(w)
	families := w.families()
	names := regexp.MustCompile(`\b(?:qrlatch|go|process)_\w+`)
	labels := regexp.MustCompile(`(\w+)=~?"([^"]*)"`)
	for file, asks := range map[string]expressions{dashboardFile: dashboard(t), alertsFile: alerts(t)} {
		if len(asks) < 6 {
			t.Errorf("%s asks for %d things only", file, len(asks))
		}
		for who, expr := range asks {
			found := names.FindAllStringIndex(expr, -1)
			if len(found) == 0 {
				t.Errorf("%s asks for nothing of ours: %s", who, expr)
			}
			for _, at := range found {
				name := expr[at[0]:at[1]]
				family := families[name]
				if family == nil {
					t.Errorf("%s asks for %s, which there is not", who, name)
					continue
				}
				if selector, _, ok := strings.Cut(strings.TrimPrefix(expr[at[1]:], "{"), "}"); ok && strings.HasPrefix(expr[at[1]:], "{") {
					for _, l := range labels.FindAllStringSubmatch(selector, -1) {
						if !has(family, l[1], l[2]) {
							t.Errorf("%s asks for %s of %s", who, l[0], name)
						}
					}
				}
			}
		}
	}
}

// families are all metrics by the names that they have in queries.
func (w *world) families() map[string]*dto.MetricFamily {
	w.t.Helper()
	all, err := w.metrics.Gatherer().Gather()
	w.must(err)
	by := map[string]*dto.MetricFamily{}
	for _, f := range all {
		if f.GetType() != dto.MetricType_HISTOGRAM {
			by[f.GetName()] = f
			continue
		}
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			by[f.GetName()+end] = f
		}
	}
	return by
}

// has tells whether there is a label, and its value among those that are there from the start.
func has(f *dto.MetricFamily, name, value string) bool {
	if name == "job" || name == "instance" {
		return true // Prometheus adds them
	}
	if f.GetName() == "qrlatch_http_requests_total" && name == "status" {
		return regexp.MustCompile(`^[1-5]xx$`).MatchString(value)
	}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == name && l.GetValue() == value {
				return true
			}
		}
	}
	return false
}

// TestPrometheusReadsAlertsAndQueries asks Prometheus' own tool.
func TestPrometheusReadsAlertsAndQueries(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not here; Debian has it in the package prometheus")
	}
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var rules []rule
	for who, expr := range dashboard(t) {
		if !strings.HasPrefix(who, "variable ") {
			expr = strings.NewReplacer("$__rate_interval", "5m").Replace(expr)
			rules = append(rules, rule{fmt.Sprintf("panel:%d", len(rules)), expr})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	panels := filepath.Join(t.TempDir(), "panels.yaml")
	if err := os.WriteFile(panels, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "rules", alertsFile}, {"check", "rules", panels},
		{"test", "rules", filepath.Join(filepath.Dir(alertsFile), "alerts_test.yaml")},
	} {
		if said, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
		}
	}
}
