// Mutations takes the mitigations of this server away, one by one, in a copy of the tree,
// and tells which of them no test misses:
//
//	go run ./scripts/mutations [part of a row, file or test]
//
// A test that cannot fail proves nothing. So each mutation names the test that has to
// notice it, and that test alone is run: a Go test, or one of the browsers'. Every row of
// the promises that has a proof has a mutation under its own name.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	test     proof
}

func (m mutation) path() string {
	for _, folder := range []string{"templates/", "assets/", "docs/"} {
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
	if missing, err := rowsWithout("server/attack/promises_test.go"); err != nil || len(missing) > 0 {
		return 0, errors.Join(err, fmt.Errorf("no mutation under the rows %v", missing))
	}
	var chosen []mutation
	for _, m := range mutations() {
		if len(parts) == 0 || slices.ContainsFunc(parts, func(p string) bool { return p == m.row || strings.Contains(m.file+" "+string(m.test), p) }) {
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
	if err := lendModules(dir); err != nil {
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

// baseline runs every test that will be asked, on the tree as it is. One that is skipped
// would notice nothing.
func baseline(dir string, chosen []mutation) error {
	tests := map[string][]string{}
	for _, m := range chosen {
		if _, _, inBrowser := m.test.inBrowser(); inBrowser {
			if out, verdict := m.test.run(dir); verdict != passed {
				return fmt.Errorf("%s: %s without any mutation:\n%s", m.test, verdict, out)
			}
			continue
		}
		pkg, test, _ := strings.Cut(string(m.test), ".")
		if !slices.Contains(tests[pkg], test) {
			tests[pkg] = append(tests[pkg], test)
		}
	}
	for pkg, names := range tests {
		out, verdict := goTest(dir, pkg, strings.Join(names, "|"))
		if verdict != passed {
			return fmt.Errorf("the tests of %s: %s without any mutation:\n%s", pkg, verdict, out)
		}
		for _, name := range names {
			if !bytes.Contains(out, []byte("\n--- PASS: "+name+" (")) {
				return fmt.Errorf("%s.%s is not there, or is skipped", pkg, name)
			}
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
	out, outcome := m.test.run(dir)
	switch outcome {
	case failed:
		return "noticed", nil
	case broken:
		fmt.Printf("%s", out)
		return "NO BUILD", nil
	case passed, skipped:
	}
	return "UNNOTICED", nil
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
