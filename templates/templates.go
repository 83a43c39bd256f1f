// Package templates holds the HTML of the pages, and with it nearly every word that
// people read.
package templates

import (
	"embed"
	"fmt"
	"html/template"
)

//go:embed *.html
var files embed.FS

// Parse reads all pages. Each is a template of its own name; funcs are what they call.
func Parse(funcs template.FuncMap) (*template.Template, error) {
	set, err := template.New("").Funcs(funcs).ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	return set, nil
}
