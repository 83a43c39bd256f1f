// Package templates holds the HTML of the pages, and their words in every language.
//
// A page says {{t "area.name" .X}} for a message, with its arguments isolated and
// escaped, and {{text "area.name" .X}} where no tags can be: in titles and attributes.
// The messages are in messages/*.json, a file for each language: one more file is one
// more language.
package templates

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path"
	"strings"
)

//go:embed *.html messages/*.json
var files embed.FS

// Fallback is the language that has every message. Where another one lacks some, that
// one says it in Fallback's words.
const Fallback = "en"

// Language is all pages in one language. It is safe for concurrent use.
type Language struct {
	Name     string // of its file: "en"
	messages map[string]string
	pages    *template.Template
}

// Parse reads all pages in every language, by name. functions are what templates call
// besides t and text, and may say something in the language.
func Parse(functions func(*Language) template.FuncMap) (map[string]*Language, error) {
	names, err := files.ReadDir("messages")
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	// Read once, and cloned with the words of each language in place of a promise of them.
	promised := &Language{Name: Fallback}
	set, err := template.New("").Funcs(promised.functions()).Funcs(functions(promised)).ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	languages := map[string]*Language{}
	for _, file := range names {
		l := &Language{Name: strings.TrimSuffix(file.Name(), ".json"), messages: map[string]string{}}
		for _, name := range []string{Fallback, l.Name} {
			if err := l.read(name); err != nil {
				return nil, err
			}
		}
		if l.pages, err = set.Clone(); err != nil {
			return nil, fmt.Errorf("clone templates: %w", err)
		}
		l.pages.Funcs(l.functions()).Funcs(functions(l))
		languages[l.Name] = l
	}
	return languages, nil
}

func (l *Language) functions() template.FuncMap {
	return template.FuncMap{"t": l.HTML, "text": l.Text}
}

// read lays the messages of a language over what is there.
func (l *Language) read(name string) error {
	file := path.Join("messages", name+".json")
	text, err := files.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read messages: %w", err)
	}
	if err := json.Unmarshal(text, &l.messages); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// Execute writes the page of a name.
func (l *Language) Execute(w io.Writer, page string, data any) error {
	return l.pages.ExecuteTemplate(w, page, data)
}
