// Mutations takes the mitigations of this server away, one by one, in a copy of the tree,
// and tells which of them no test misses:
//
//	go run ./scripts/mutations [part of a row, file or test]
//
// A test that cannot fail proves nothing. So each mutation names the test that has to
// notice it, and that test alone is run.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mutation is a mitigation, what is left when it is gone, and who notices.
type mutation struct {
	row      string // of server/attack/promises_test.go
	file     string // below server/ unless it begins with another folder
	old, new string // old occurs in the file once
	test     string // package.Test
}

func (m mutation) path() string {
	for _, folder := range []string{"templates/", "assets/"} {
		if strings.HasPrefix(m.file, folder) {
			return m.file
		}
	}
	return "server/" + m.file
}

func (m mutation) String() string {
	line := func(s string) string {
		s = strings.Join(strings.Fields(s), " ")
		return s[:min(len(s), 70)]
	}
	return fmt.Sprintf("%-4s %-26s %s → %s", m.row, m.file, line(m.old), line(m.new))
}

func main() {
	unnoticed, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutations:", err)
		os.Exit(2)
	}
	if unnoticed > 0 {
		os.Exit(1)
	}
}

func run(parts []string) (unnoticed int, err error) {
	var chosen []mutation
	for _, m := range mutations() {
		if len(parts) == 0 || slices.ContainsFunc(parts, func(p string) bool { return p == m.row || strings.Contains(m.file+" "+m.test, p) }) {
			chosen = append(chosen, m)
		}
	}
	dir, err := os.MkdirTemp("", "promises.")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := copyTree(dir, "."); err != nil {
		return 0, err
	}
	if err := baseline(dir, chosen); err != nil {
		return 0, err
	}
	for _, m := range chosen {
		began := time.Now()
		verdict, err := m.try(dir)
		if err != nil {
			return 0, err
		}
		if verdict != "noticed" {
			unnoticed++
		}
		fmt.Printf("%-9s %4.1fs %s, by %s\n", verdict, time.Since(began).Seconds(), m, m.test)
	}
	fmt.Printf("mutations: %d of %d were noticed\n", len(chosen)-unnoticed, len(chosen))
	return unnoticed, nil
}

// baseline runs every test that will be asked, on the tree as it is.
func baseline(dir string, chosen []mutation) error {
	tests := map[string][]string{}
	for _, m := range chosen {
		pkg, test, _ := strings.Cut(m.test, ".")
		if !slices.Contains(tests[pkg], test) {
			tests[pkg] = append(tests[pkg], test)
		}
	}
	for pkg, names := range tests {
		out, ok := goTest(dir, pkg, strings.Join(names, "|"))
		if !ok {
			return fmt.Errorf("the tests of %s fail without any mutation:\n%s", pkg, out)
		}
		if passed := bytes.Count(out, []byte("\n--- PASS: ")) + bytes.Count(out, []byte("\n--- SKIP: ")); passed < len(names) {
			return fmt.Errorf("only %d of %d tests of %s are there: %v", passed, len(names), pkg, names)
		}
	}
	return nil
}

// try makes the mutation, asks its test, and puts everything back.
func (m mutation) try(dir string) (verdict string, err error) {
	name := filepath.Join(dir, filepath.FromSlash(m.path()))
	good, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	if strings.Count(string(good), m.old) != 1 {
		return "STALE", nil
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(good), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.WriteFile(name, good, 0o600)) }()
	pkg, test, _ := strings.Cut(m.test, ".")
	out, ok := goTest(dir, pkg, test)
	switch {
	case ok:
		return "UNNOTICED", nil
	case bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")):
		fmt.Printf("%s", out)
		return "NO BUILD", nil
	}
	return "noticed", nil
}

// goTest runs tests of a package below server/.
func goTest(dir, pkg, test string) (out []byte, ok bool) {
	target := "./server/" + pkg
	if pkg == "main" {
		target = "./server"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-timeout", "2m", "-run", "^("+test+")$", target) //nolint:gosec // from our own table
	c.Dir = dir
	out, err := c.CombinedOutput()
	return append([]byte("\n"), out...), err == nil
}

// copyTree copies what tests need.
func copyTree(to, from string) error {
	skip := []string{".git", "node_modules", ".tools", "bin", ".results", ".shots"}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(skip, d.Name()) {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, path), 0o750)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), text, 0o600)
	})
}
