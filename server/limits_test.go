package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io"
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
	all := map[string]int64{}
	l := defaultLimits()
	for key, field := range limitsByKey(&l) {
		all[key] = field.Int()
	}
	return all
}

// limitsByKey are the fields of l by their names in the file.
func limitsByKey(l *limits) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	for _, v := range []reflect.Value{reflect.ValueOf(l).Elem(), reflect.ValueOf(&l.Limits).Elem()} {
		for i := range v.NumField() {
			if key := v.Type().Field(i).Tag.Get("yaml"); key != ",inline" {
				all[key] = v.Field(i)
			}
		}
	}
	return all
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

// TestTheFilesLimitsAreRead sets each to something else than its default: none is read in
// another's place, and what the file does not name stays as it is.
func TestTheFilesLimitsAreRead(t *testing.T) {
	withLimits := func(text string) *config {
		c, wrong := read(t, []string{"--config", write(t, "q.yaml", strings.Replace(goodFile, "limits: {logins: 7}", text, 1))})
		if wrong != nil {
			t.Fatal(wrong)
		}
		for _, w := range c.warnings {
			if strings.Contains(w, "limits") {
				t.Errorf("a warning: %s", w)
			}
		}
		return c
	}
	want := defaultLimits()
	text, n := "limits:", int64(0)
	for key, field := range limitsByKey(&want) {
		n++
		if strings.HasSuffix(key, "_timeout") {
			field.SetInt((30 + n) * int64(time.Second))
		} else {
			field.SetInt(5000 + n)
			if strings.HasPrefix(key, "guesses") || strings.HasPrefix(key, "passwords") {
				field.SetInt(500 + n)
			}
		}
		text += fmt.Sprintf("\n  %s: %v", key, field.Interface())
	}
	if got := withLimits(text).file.Limits; got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for _, text := range []string{"", "limits:", "limits: {}", "limits: {waiters: }", "limits: {idle_timeout: 2m}"} {
		if got := withLimits(text).file.Limits; got != defaultLimits() {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if c, _ := read(t, []string{"--demo"}); c.file.Limits != defaultLimits() {
		t.Errorf("without a file: %+v", c.file.Limits)
	}
}

// TestEveryLimitIsChecked: those of which 0 is no limit take it, the others do not, and
// what is wrong is said by name; with --demo, too.
func TestEveryLimitIsChecked(t *testing.T) {
	l := defaultLimits()
	for key := range limitsByKey(&l) {
		least, most := map[string][2]string{
			"passwords_per_address": {"1", "1000"}, "guesses_per_address": {"1", "1000"},
			"header_bytes": {"4096", "1048576"}, "body_bytes": {"4096", "262144"},
			"header_timeout": {"1s", "1m"}, "body_timeout": {"1s", "5m"}, "write_timeout": {"1s", "5m"}, "idle_timeout": {"1s", "1h"},
		}[key], ""
		wrong := []string{"-1", "many", "[1]", "1.5"}
		right := []string{"0", "1"}
		if least[0] != "" {
			right, most = least[:], least[1]
			wrong = append(wrong, "0", most+"1", "1ns", "61m")
		}
		for _, value := range right {
			if _, lines := read(t, []string{"--demo", "--config", write(t, "q.yaml", "limits: {"+key+": "+value+"}")}); lines != nil {
				t.Errorf("%s: %s is refused: %q", key, value, lines)
			}
		}
		for _, value := range wrong {
			_, lines := read(t, []string{"--demo", "--config", write(t, "q.yaml", "limits: {"+key+": "+value+"}")})
			if len(lines) == 0 || !strings.Contains(lines[0], "limits."+key+": want ") && !strings.Contains(lines[0], "a value of the wrong kind") {
				t.Errorf("%s: %s: %q", key, value, lines)
			}
		}
	}
}

// TestSlowAndLargeHeadersAreCut speaks to a server as this program makes it, with the
// limits that it has by default and with others.
func TestSlowAndLargeHeadersAreCut(t *testing.T) {
	usual, own := defaultLimits(), defaultLimits()
	own.HeaderTimeout, own.IdleTimeout, own.HeaderBytes = 31*time.Second, 7*time.Second, 64<<10
	const (
		begin = "GET / HTTP/1.1\r\nHost: x\r\n"
		slow  = "X-Slow: loris\r\n"
	)
	large := "X-Large: " + strings.Repeat("a", 1000) + "\r\n"
	for _, tt := range []struct {
		name         string
		limits       limits
		begin, piece string // the second is sent again and again
		between      time.Duration
		want         string
		least        time.Duration
		bytes        int // that were read, at least
	}{
		{"a header a second", usual, begin, slow, time.Second, "", 10 * time.Second, 0},
		{"a header a second, with more time", own, begin, slow, time.Second, "", 31 * time.Second, 0},
		{"headers without end", usual, begin, large, 0, "431 Request Header Fields Too Large", 0, 16 << 10},
		{"headers without end, with more room", own, begin, large, 0, "431 Request Header Fields Too Large", 0, 64 << 10},
		{"a connection without a next request", usual, begin + "\r\n", "", 0, "404 Not Found", 2 * time.Minute, 0},
		{"a connection without a next request, with less time", own, begin + "\r\n", "", 0, "404 Not Found", 7 * time.Second, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tt.limits.newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
				client, conn := net.Pipe()
				conns := make(chan net.Conn, 1)
				conns <- conn
				go func() { _ = server.Serve(oneListener(conns)) }()
				began := time.Now()
				sent := make(chan int)
				go func() {
					n, err := fmt.Fprint(client, tt.begin)
					for tt.piece != "" && err == nil {
						var more int
						more, err = fmt.Fprint(client, tt.piece)
						n += more
						time.Sleep(tt.between)
					}
					sent <- n
				}()
				answer, _ := io.ReadAll(client)
				if !strings.Contains(string(answer), tt.want) {
					t.Errorf("got %q, want %s", answer, tt.want)
				}
				if took := time.Since(began); took < tt.least || took > tt.least+2*time.Second {
					t.Errorf("cut after %v, want %v", took, tt.least)
				}
				client.Close()
				if n := <-sent; n < tt.bytes || tt.bytes > 0 && n > tt.bytes+16<<10 {
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
