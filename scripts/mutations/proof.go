package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// proof names a test: package.Test of one below server/, or the file of a browser test and
// its whole title, with a colon between.
type proof string

// inBrowser is the file and the title of a browser test.
func (p proof) inBrowser() (file, title string, ok bool) {
	file, title, ok = strings.Cut(string(p), ": ")
	return file, title, ok && strings.HasSuffix(file, ".spec.mjs")
}

// outcome is what a test says.
type outcome string

const (
	passed  outcome = "passed"
	failed  outcome = "failed"
	skipped outcome = "skipped, or not there"
	broken  outcome = "not built"
)

// run asks the test, in the tree at dir.
func (p proof) run(dir string) (out []byte, said outcome) {
	if file, title, ok := p.inBrowser(); ok {
		return browserTest(dir, file, title)
	}
	pkg, test, _ := strings.Cut(string(p), ".")
	out, said = goTest(dir, pkg, test)
	if said == passed && !bytes.Contains(out, []byte("\n--- PASS: "+test+" (")) {
		said = skipped
	}
	return out, said
}

// goTest runs tests of a package below server/.
func goTest(dir, pkg, test string) (out []byte, said outcome) {
	target := "./server/" + pkg
	if pkg == "main" {
		target = "./server"
	}
	out, ok := command(dir, "go", "test", "-count=1", "-v", "-timeout", "2m", "-run", "^("+test+")$", target)
	switch {
	case ok:
		return out, passed
	case bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")):
		return out, broken
	}
	return out, failed
}

var (
	onePassed = regexp.MustCompile(`(?m)^\s+1 passed`)
	oneFailed = regexp.MustCompile(`(?m)^\s+1 failed`)
)

// browserTest builds the program and runs one test in Chromium.
func browserTest(dir, file, title string) (out []byte, said outcome) {
	if out, ok := command(dir, "go", "build", "-buildvcs=false", "-o", "bin/qrlatch", "./server"); !ok {
		return out, broken
	}
	out, ok := command(dir, "node_modules/.bin/playwright", "test", "--config", "e2e/playwright.config.mjs", "--project", "chromium",
		"--forbid-only", filepath.Base(file), "--grep", " "+regexp.QuoteMeta(title)+"$")
	switch {
	case ok && onePassed.Match(out):
		return out, passed
	case !ok && oneFailed.Match(out):
		return out, failed
	case ok:
		return out, skipped
	}
	return out, broken
}

func command(dir, name string, args ...string) (out []byte, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // from our own table
	c.Dir = dir
	out, err := c.CombinedOutput()
	return append([]byte("\n"), out...), err == nil
}

// lendModules lets the copy use the npm packages that are installed here, if any are.
func lendModules(dir string) error {
	here, err := filepath.Abs("node_modules")
	if err != nil {
		return err
	}
	if _, err := os.Stat(here); err != nil {
		return nil //nolint:nilerr // then the browsers' tests say that they are not there
	}
	return os.Symlink(here, filepath.Join(dir, "node_modules"))
}
