package main

import (
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

// documents are all texts for people, by their path from the root of the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	read := func(file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimPrefix(filepath.ToSlash(file), "../")] = string(text)
	}
	for _, pattern := range []string{"../*.md", "../docs/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			read(file)
		}
	}
	if len(texts) < 10 {
		t.Fatalf("found only %d documents", len(texts))
	}
	return texts
}

var (
	link    = regexp.MustCompile(`(?:\]\(|src=")([^)"\s]+)[)"]`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
)

// TestEveryLinkOfTheDocumentsLeadsSomewhere is of files here, and of headings in them.
func TestEveryLinkOfTheDocumentsLeadsSomewhere(t *testing.T) {
	all := documents(t)
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(file, ":") {
				continue // elsewhere
			}
			to := name
			if file != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s: %s: there is no such file", name, m[1])
			} else if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s: %s: there is no such heading", name, m[1])
			}
		}
	}
}

// anchors are what GitHub makes of headings.
func anchors(text string) map[string]bool {
	found, dropped := map[string]bool{}, regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		found[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return found
}

// TestWhatTheDocumentsNameExists is of flags, environment variables, keys of the file, metrics,
// commands of make, tests and files.
func TestWhatTheDocumentsNameExists(t *testing.T) {
	flags := new(config).flags(environment{stderr: io.Discard})
	keys := map[string]bool{}
	collectKeys(reflect.TypeFor[file](), "", keys)
	sources, makefile, audit := sourcesOf(t), string(must(os.ReadFile("../Makefile"))), string(must(os.ReadFile("audit/command.go")))
	aFlag := func(name string) bool { return flags.Lookup(name) != nil || strings.Contains(audit, `"`+name+`"`) }
	aFile := func(name string) bool {
		for _, folder := range []string{"..", ".", "../docs", "dialect"} {
			if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
				return true
			}
		}
		return false
	}
	for what, check := range map[string]struct {
		in     string // the first group is the name
		exists func(name string) bool
	}{
		"flag": {"`(?:qrlatch )?--([a-z][a-z-]+)", aFlag},
		"flags of": {"(?m)(?:^    .*?|`)\\bqrlatch ([^`\n]*--[^`\n]*)", func(line string) bool {
			for _, m := range regexp.MustCompile(`--([a-z][a-z-]*)`).FindAllStringSubmatch(line, -1) {
				if !aFlag(m[1]) {
					return false
				}
			}
			return true
		}},
		"variable": {`\bQRLATCH_([A-Z_]+)`, func(name string) bool {
			return flags.Lookup(strings.ToLower(strings.ReplaceAll(name, "_", "-"))) != nil || name == "NAME"
		}},
		"key":       {"`((?:limits|phones)\\.[a-z0-9_.]+)`", func(name string) bool { return keys[name] }},
		"metric":    {`\b(qrlatch_[a-z_]+)\b`, func(name string) bool { return strings.Contains(sources, `"`+withoutSuffix(name)+`"`) }},
		"make":      {"(?m)(?:^    |`)make ([a-z0-9]+)", func(name string) bool { return strings.Contains(makefile, "\n"+name+":") }},
		"test":      {`\b((?:Test|Fuzz|Benchmark)[A-Z]\w+)`, func(name string) bool { return strings.Contains(sources, "\nfunc "+name) }},
		"file":      {"`([\\w.-]+/[\\w./-]+\\.(?:go|md|yaml|yml|txt|mjs|sh|json|conf))`", aFile},
		"directory": {"`((?:server|scripts|packaging|assets|templates|e2e|docs)/[\\w/-]*)`", aFile},
	} {
		named := 0
		for name, text := range documents(t) {
			text = strings.ReplaceAll(text, "\\\n", "") // one command
			for _, m := range regexp.MustCompile(check.in).FindAllStringSubmatch(text, -1) {
				if named++; !check.exists(m[1]) {
					t.Errorf("%s: there is no %s %s", name, what, m[1])
				}
			}
		}
		if named == 0 {
			t.Errorf("no %s is named anywhere: is the pattern right?", what)
		}
	}
}

// withoutSuffix is the name under which a histogram was made.
func withoutSuffix(metric string) string {
	for _, suffix := range []string{"_count", "_sum", "_bucket"} {
		metric = strings.TrimSuffix(metric, suffix)
	}
	return metric
}

// sourcesOf is all of our Go.
func sourcesOf(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			all.Write(must(os.ReadFile(path)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// collectKeys finds what may stand in the file, "phones.jwt.issuer".
func collectKeys(of reflect.Type, before string, keys map[string]bool) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		field := of.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case strings.Contains(options, "inline"):
			collectKeys(field.Type, before, keys)
		case name != "":
			keys[before+name] = true
			collectKeys(field.Type, before+name+".", keys)
		}
	}
}

// TestTheFilesOfTheDocumentsAreRead is of each block of YAML: all of its keys are known.
func TestTheFilesOfTheDocumentsAreRead(t *testing.T) {
	block, read := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```"), 0
	for name, text := range documents(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			var f file
			decoder := yaml.NewDecoder(strings.NewReader(m[1]))
			decoder.KnownFields(true)
			if err := decoder.Decode(&f); err != nil {
				t.Errorf("%s: %v in\n%s", name, err, m[1])
			}
			flags := new(config).flags(environment{stderr: io.Discard})
			for key := range f.Flags {
				if flags.Lookup(strings.ReplaceAll(key, "_", "-")) == (*flag.Flag)(nil) {
					t.Errorf("%s: there is no key %s", name, key)
				}
			}
			read++
		}
	}
	if read < 2 {
		t.Errorf("%d blocks of YAML were read", read)
	}
}
