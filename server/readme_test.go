package main

import (
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTheReadmeNamesEveryFlag keeps the table of flags and its defaults true.
func TestTheReadmeNamesEveryFlag(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	new(config).flags(environment{stderr: io.Discard}).VisitAll(func(f *flag.Flag) {
		var row string
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "| ") && strings.Contains(strings.SplitN(line, "|", 3)[1], "`--"+f.Name+"`") {
				row = line
			}
		}
		if row == "" {
			t.Errorf("--%s is not in the README's table", f.Name)
			return
		}
		if f.DefValue != "" && f.DefValue != "false" && !names(row, f.DefValue) {
			t.Errorf("--%s: the README does not say that its default is %s", f.Name, f.DefValue)
		}
	})
}

// names tells whether one of the row's quoted words is value; 60s is 1m0s.
func names(row, value string) bool {
	want, _ := time.ParseDuration(value)
	for i, word := range strings.Split(row, "`") {
		got, err := time.ParseDuration(word)
		if i%2 == 1 && (word == value || err == nil && want != 0 && got == want) {
			return true
		}
	}
	return false
}
