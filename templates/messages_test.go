package templates_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qrlatch/templates"
)

var (
	placeholder = regexp.MustCompile(`\{\d\}`)
	message     = regexp.MustCompile(`"([a-z]+)\.([a-z0-9_]+)"`)
	wholeArea   = regexp.MustCompile(`'([a-z]+)\.'`) // a script that takes all of it
)

// messages reads a file as it stands, and refuses a key that is there twice.
func messages(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	d := json.NewDecoder(strings.NewReader(string(text)))
	if _, err := d.Token(); err != nil {
		t.Fatal(file, err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(file, err)
		}
		said, err := d.Token()
		if err != nil {
			t.Fatal(file, name, err)
		}
		key, value := fmt.Sprint(name), fmt.Sprint(said)
		if _, twice := found[key]; twice {
			t.Errorf("%s has %s twice", file, key)
		}
		found[key] = value
	}
	return found
}

// languages are all message files, by name.
func languages(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("messages/*.json")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	all := map[string]map[string]string{}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = messages(t, file)
	}
	return all
}

func TestEveryLanguageHasEveryMessage(t *testing.T) {
	all := languages(t)
	english := all[templates.Fallback]
	for name, in := range all {
		for key, said := range english {
			switch got, ok := in[key]; {
			case !ok:
				t.Errorf("%s lacks %s", name, key)
			case strings.TrimSpace(got) == "" || strings.TrimSpace(got) != got:
				t.Errorf("%s: %s is %q", name, key, got)
			case !slices.Equal(placeholders(got), placeholders(said)):
				t.Errorf("%s: %s has other placeholders than in %s: %s", name, key, templates.Fallback, got)
			}
		}
		for key := range in {
			if _, ok := english[key]; !ok {
				t.Errorf("%s has %s, which %s lacks", name, key, templates.Fallback)
			}
		}
		if months := strings.Fields(in["words.months"]); len(months) != 12 {
			t.Errorf("%s: a year of %d months", name, len(months))
		}
	}
}

// Punctuation of another script is what a hurried translation is known by.
func TestMessagesHaveThePunctuationOfTheirLanguage(t *testing.T) {
	foreign := map[string]*regexp.Regexp{
		"en": regexp.MustCompile(`[，。？！；：「」]|\.\.\.|'|"`),
		"zh": regexp.MustCompile(`\p{Han}[,.?!;:]|[,?!;]\p{Han}|\.\.\.|'|"|\?`),
		"ko": regexp.MustCompile(`[，。？！；：]|\.\.\.|'|"`),
		"es": regexp.MustCompile(`[，。？！；：“”]|\.\.\.|'|"|^[^¿]*\?|^[^¡]*!`),
	}
	for name, in := range languages(t) {
		for key, said := range in {
			if wrong := foreign[name]; wrong != nil && wrong.MatchString(said) {
				t.Errorf("%s: %s: %s", name, key, said)
			}
		}
	}
}

func placeholders(said string) []string {
	found := placeholder.FindAllString(said, -1)
	slices.Sort(found)
	return found
}

// TestEveryMessageIsUsedAndKnown reads what templates and code ask for.
func TestEveryMessageIsUsedAndKnown(t *testing.T) {
	english := languages(t)[templates.Fallback]
	used := map[string]bool{}
	for _, page := range pages(t) {
		for key, given := range page.keys {
			used[key] = true
			said, ok := english[key]
			if !ok {
				t.Errorf("%s says %s, which is in no language", page.name, key)
			}
			if want := len(slices.Compact(placeholders(said))); given != want {
				t.Errorf("%s: %s is given %d arguments and takes %d", page.name, key, given, want)
			}
		}
	}
	areas := map[string]bool{}
	for key := range english {
		area, _, _ := strings.Cut(key, ".")
		areas[area] = true
	}
	for _, file := range sources(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range wholeArea.FindAllStringSubmatch(string(text), -1) {
			for key := range english {
				used[key] = used[key] || strings.HasPrefix(key, found[1]+".")
			}
		}
		for _, found := range message.FindAllStringSubmatch(string(text), -1) {
			key := found[1] + "." + found[2]
			if _, ok := english[key]; !ok && areas[found[1]] && !isFile(found[2]) {
				t.Errorf("%s says %s, which is in no language", file, key)
			}
			used[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(english)) {
		if !used[key] {
			t.Errorf("nothing says %s", key)
		}
	}
}

func isFile(ending string) bool {
	return slices.Contains([]string{"css", "js", "html", "json", "svg", "png", "jpg"}, ending)
}

// sources are the files of code that may say something to people.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return fs.SkipDir
		case filepath.Ext(file) == ".mjs" && strings.Contains(file, "scripts"),
			filepath.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go"):
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
