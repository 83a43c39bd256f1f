package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrlatch/server/web"
)

// TestTheTableOfLimitsIsTrue holds docs/limits.md against the code: every key of the file
// is there with its default, and every constant has the value that is named.
func TestTheTableOfLimitsIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	defaults := defaultsByKey()
	row := regexp.MustCompile("(?m)^\\|[^|\n]*\\| ([^|\n]+) \\| `([a-z]+)\\.(\\w+)` \\|")
	checked := 0
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		said, where, name := m[1], m[2], m[3]
		var is int64
		if is, err = constantOf(where, name); where == "limits" {
			known := false
			if is, known = defaults[name]; !known {
				t.Errorf("limits.%s is no key, or is there twice", name)
			}
			delete(defaults, name)
		} else if err != nil {
			t.Errorf("%s.%s: %v", where, name, err)
			continue
		}
		if want, err := quantity(said); err != nil || want != is {
			t.Errorf("%s.%s is %d, the table says %s %v", where, name, is, said, err)
		}
		checked++
	}
	if len(defaults) > 0 {
		t.Errorf("not in the table: %v", defaults)
	}
	if rows := strings.Count(string(text), "` |"); checked < 40 || checked > rows {
		t.Errorf("%d rows were checked", checked)
	}
}

// defaultsByKey are the defaults of the keys that the file knows.
func defaultsByKey() map[string]int64 {
	defaults := map[string]int64{"logins": defaultLogins}
	known := reflect.ValueOf(web.DefaultLimits())
	entry := reflect.TypeFor[limitsEntry]()
	for i := range entry.NumField() {
		f := entry.Field(i)
		if v := known.FieldByName(f.Name); v.IsValid() {
			defaults[f.Tag.Get("yaml")] = v.Int()
		} else if f.Name != "Logins" {
			defaults[f.Tag.Get("yaml")] = -1 // the server does not use it
		}
	}
	return defaults
}

// quantity is a number as people write it: 16 kB, 10 s, 2 min.
func quantity(text string) (int64, error) {
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	units := map[string]int64{"": 1, "kB": 1 << 10, "s": int64(time.Second), "min": int64(time.Minute)}
	if units[unit] == 0 {
		return 0, fmt.Errorf("unknown unit %q", unit)
	}
	return n * units[unit], err
}

// constantOf looks a constant of a package up in its source.
func constantOf(where, name string) (int64, error) {
	dir := where
	if where == "main" {
		dir = "."
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return 0, err
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return 0, err
		}
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				values := spec.(*ast.ValueSpec)
				for i, known := range values.Names {
					if known.Name == name && i < len(values.Values) {
						return evaluate(values.Values[i])
					}
				}
			}
		}
	}
	return 0, fmt.Errorf("no such constant")
}

// evaluate knows numbers and durations.
func evaluate(e ast.Expr) (int64, error) {
	text := strings.NewReplacer("time.Second", "1000000000", "time.Minute", "60000000000").Replace(types.ExprString(e))
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text)
	if err != nil {
		return 0, err
	}
	n, exact := constant.Int64Val(constant.ToInt(v.Value))
	if !exact {
		return 0, fmt.Errorf("%s is no number", text)
	}
	return n, nil
}

// TestTheFilesLimitsReachTheServer sets each to 7, and looks where it ends up.
func TestTheFilesLimitsReachTheServer(t *testing.T) {
	c, wrong := read(t, []string{"--config", write(t, "q.yaml", strings.Replace(goodFile, "limits: {logins: 7}",
		"limits: {starts_per_address: 7, waiters_per_address: 7, waiters_per_login: 7, waiters: 7, logins: 7, scans_per_phone: 7}", 1))})
	if wrong != nil {
		t.Fatal(wrong)
	}
	limits := reflect.ValueOf(c.limits())
	for i := range limits.NumField() {
		if limits.Field(i).Int() != 7 {
			t.Errorf("%s is %d, want 7", limits.Type().Field(i).Name, limits.Field(i).Int())
		}
	}
	for _, w := range c.warnings {
		if strings.Contains(w, "limits") {
			t.Errorf("a warning: %s", w)
		}
	}
	if c, _ = read(t, []string{"--demo"}); c.limits() != web.DefaultLimits() {
		t.Errorf("without a file: %+v", c.limits())
	}
}

// TestSlowAndLargeHeadersAreCut speaks to a server as this program makes it.
func TestSlowAndLargeHeadersAreCut(t *testing.T) {
	for _, tt := range []struct {
		name     string
		piece    string // is sent again and again
		between  time.Duration
		want     string
		from, to time.Duration
	}{
		{"a header a second", "X-Slow: loris\r\n", time.Second, "", headerTimeout, headerTimeout + 2*time.Second},
		{"headers without end", "X-Large: " + strings.Repeat("a", 1000) + "\r\n", 0, "431 Request Header Fields Too Large", 0, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
				client, conn := net.Pipe()
				conns := make(chan net.Conn, 1)
				conns <- conn
				go func() { _ = server.Serve(oneListener(conns)) }()
				began := time.Now()
				sent := make(chan int)
				go func() {
					n, _ := fmt.Fprint(client, "GET / HTTP/1.1\r\nHost: x\r\n")
					for {
						more, err := fmt.Fprint(client, tt.piece)
						if n += more; err != nil {
							sent <- n
							return
						}
						time.Sleep(tt.between)
					}
				}()
				answer := make([]byte, 1000)
				n, _ := client.Read(answer)
				if !strings.Contains(string(answer[:n]), tt.want) {
					t.Errorf("got %q, want %s", answer[:n], tt.want)
				}
				if n > 0 {
					_, _ = client.Read(answer[n:])
				}
				if took := time.Since(began); took < tt.from || took > tt.to {
					t.Errorf("cut after %v, want %v", took, tt.from)
				}
				client.Close()
				if n := <-sent; n > 2*maxHeader {
					t.Errorf("%d bytes of headers were read", n)
				}
				close(conns)
				_ = server.Close()
			})
		})
	}
}

// oneListener hands out the connections that are put into it.
type oneListener chan net.Conn

func (l oneListener) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (oneListener) Close() error   { return nil }
func (oneListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
