package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryRowThatIsProvedHasAMutationOfItsOwn(t *testing.T) {
	missing, err := rowsWithout("../../server/attack/promises_test.go")
	if err != nil || len(missing) > 0 {
		t.Errorf("no mutation under %v; %v", missing, err)
	}
}

// What a mutation would change is there, once, and so is the test that has to notice: else
// it would fall away unseen until somebody runs them all.
func TestEveryMutationFitsTheSource(t *testing.T) {
	for _, m := range mutations() {
		text, err := os.ReadFile(filepath.Join("../..", m.path()))
		if err != nil || strings.Count(string(text), m.old) != 1 {
			t.Errorf("%s: %d times, %v", m, strings.Count(string(text), m.old), err)
		}
		if m.old == m.new {
			t.Errorf("%s changes nothing", m)
		}
		if !m.test.isThere(t, "../..") {
			t.Errorf("%s: there is no %s", m.row, m.test)
		}
	}
}

func (p proof) isThere(t *testing.T, root string) bool {
	t.Helper()
	var files []string
	var declared string
	if file, title, ok := p.inBrowser(); ok {
		files, declared = []string{filepath.Join(root, file)}, `test\(['"`+"`]"+regexp.QuoteMeta(title)+`['"`+"`],"
	} else {
		pkg, test, _ := strings.Cut(string(p), ".")
		found, err := filepath.Glob(filepath.Join(root, "server", strings.TrimPrefix(pkg, "main"), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		files, declared = found, `func `+test+`\(`
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err == nil && regexp.MustCompile(declared).Match(text) {
			return true
		}
	}
	return false
}

// A test that is skipped has noticed nothing, and so has one that is not there.
func TestWhatATestSays(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n\ngo 1.26\n",
		"server/a/a_test.go": `package a
import "testing"
func TestPass(t *testing.T) { t.Run("x", func(t *testing.T) {}) }
func TestSkip(t *testing.T) { t.Skip() }
func TestFail(t *testing.T) { t.Fail() }
`,
		"server/b/b_test.go": "package b\nvar x int = \"\"\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for p, want := range map[proof]outcome{"a.TestPass": passed, "a.TestSkip": skipped, "a.TestFail": failed, "a.TestAbsent": skipped, "b.TestX": broken} {
		if out, said := p.run(dir); said != want {
			t.Errorf("%s: %s, want %s: %s", p, said, want, out)
		}
		chosen := []mutation{{test: p}}
		if err := baseline(dir, chosen); (err == nil) != (want == passed) {
			t.Errorf("%s: the baseline says %v", p, err)
		}
	}
}
