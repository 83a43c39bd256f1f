package attack

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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

// T50: every function that compares somebody's secret with ours does it in constant time.
// All of them are named here with how often they do, so that none is lost, and none comes
// that nobody has looked at.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	want := map[string]int{
		"login/app.go Authenticates": 1, "login/binding.go HoldsBinding": 1, "login/binding.go bindingHolds": 1, "login/code.go recognise": 1,
		"login/push.go pushTicket": 1, "login/resume.go parseResume": 1, "login/scan.go approve": 1, "login/service.go proves": 1,
		"login/session.go matches": 1, "login/ticket.go RedeemPage": 1, "login/ticket.go redeem": 1,
		"oidc/signin.go Finish": 1, "oidc/signin.go identify": 1, "passkey/enrol.go begunHere": 1, "phone/tokens.go Authenticate": 1,
		"pages/cookies.go seen": 2, "pages/cookies.go unseal": 1, "pages/guard.go knowsToken": 1, "pages/guard.go samePassword": 1,
		"demosite/account.go signOut": 1, "demosite/signin.go signedIn": 1,
	}
	have := map[string]int{}
	sources(t, func(path string, file *ast.File) {
		for _, decl := range file.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(function, func(n ast.Node) bool {
				if call, ok := n.(*ast.SelectorExpr); ok && (call.Sel.Name == "ConstantTimeCompare" || call.Sel.Name == "Equal" && isNamed(call.X, "hmac")) {
					have[path+" "+function.Name.Name]++
				}
				return true
			})
		}
	})
	if !maps.Equal(have, want) {
		t.Errorf("have %v\nwant %v", have, want)
	}
}

// Nothing that looks like a secret is compared in any other way, but for whether it is there
// at all, and for what is no secret though it is called one.
func TestNoSecretIsComparedByTheByte(t *testing.T) {
	public := map[string]string{
		`l.Redeemer == hashSecret("app " + l.App)`: "who has redeemed, which decides nothing by itself",
	}
	secret := regexp.MustCompile(`(?i)(secret|token|ticket|binding|signature|\bsig\b|\bmac\b|csrf|password|nonce|verifier|skey)\b`)
	sources(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			compared, ok := n.(*ast.BinaryExpr)
			if !ok || compared.Op != token.EQL && compared.Op != token.NEQ {
				return true
			}
			for _, side := range []ast.Expr{compared.X, compared.Y} {
				switch side.(type) {
				case *ast.BasicLit, *ast.ParenExpr, *ast.CompositeLit:
					return true // a word, or the zero value
				}
				if isNamed(side, "nil") {
					return true
				}
			}
			if text := types.ExprString(compared); secret.MatchString(text) && public[text] == "" {
				t.Errorf("%s: %s", path, text)
			}
			return true
		})
	})
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
					fields[types.ExprString(pair.Key)] = types.ExprString(pair.Value)
				}
			}
			for name, value := range map[string]string{"ReadHeaderTimeout": "l.HeaderTimeout", "IdleTimeout": "l.IdleTimeout", "MaxHeaderBytes": "l.HeaderBytes"} {
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
	if servers != 1 {
		t.Errorf("servers are made in %d places, want the one of the limits", servers)
	}
}
