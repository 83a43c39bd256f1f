package attack

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Some mitigations cannot be seen from outside, or only with a clock and much patience:
// that they are there is read in the source.

// sources calls look with every file of the program that is no test.
func sources(t *testing.T, look func(path string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			look(filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))), file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// T50: every place where somebody's secret is compared with ours does it in constant
// time. How often each file does so is written here, so that none is lost unseen.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	want := map[string]int{
		"login/app.go": 1, "login/binding.go": 2, "login/code.go": 1, "login/push.go": 1, "login/resume.go": 1, "login/scan.go": 1,
		"login/service.go": 1, "login/session.go": 1, "login/ticket.go": 2,
		"oidc/signin.go": 2, "phone/tokens.go": 1, "pages/cookies.go": 3, "pages/guard.go": 2,
		"demosite/signin.go": 1, "demosite/account.go": 1,
	}
	have := map[string]int{}
	sources(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && (call.Sel.Name == "ConstantTimeCompare" || call.Sel.Name == "Equal" && isNamed(call.X, "hmac")) {
				have[path]++
			}
			return true
		})
	})
	for path, n := range want {
		if have[path] < n {
			t.Errorf("%s compares %d times in constant time, want %d", path, have[path], n)
		}
	}
}

func isNamed(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// T41: every listener gives up on headers that do not come, on headers without end and on
// idle connections. None has a limit on whole requests, which would cut long polls.
func TestHeadersThatNeverComeAreNotWaitedFor(t *testing.T) {
	servers := 0
	sources(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			made, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if kind, ok := made.Type.(*ast.SelectorExpr); !ok || kind.Sel.Name != "Server" || !isNamed(kind.X, "http") {
				return true
			}
			servers++
			fields := map[string]string{}
			for _, e := range made.Elts {
				if pair, ok := e.(*ast.KeyValueExpr); ok {
					value := ""
					if named, ok := pair.Value.(*ast.Ident); ok {
						value = named.Name
					}
					fields[pair.Key.(*ast.Ident).Name] = value
				}
			}
			for name, value := range map[string]string{"ReadHeaderTimeout": "headerTimeout", "IdleTimeout": "idleTimeout", "MaxHeaderBytes": "maxHeader"} {
				if got, ok := fields[name]; !ok || got != value {
					t.Errorf("%s: a server with %s %q, want %s", path, name, got, value)
				}
			}
			for _, name := range []string{"ReadTimeout", "WriteTimeout"} {
				if _, ok := fields[name]; ok {
					t.Errorf("%s: %s would cut whoever waits", path, name)
				}
			}
			return true
		})
	})
	if servers == 0 {
		t.Error("no server is made anywhere")
	}
}
