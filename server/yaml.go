package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

var (
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	wrongKind    = regexp.MustCompile("^line ([0-9]+): cannot unmarshal (\\S+?)(?: `((?s:.*))`)? into (\\S+)$")
)

// yamlErrors puts the library's errors into words without Go's types or the values,
// which may be secrets.
func yamlErrors(err error, text []byte) []string {
	var many *yaml.TypeError
	if !errors.As(err, &many) {
		return []string{strings.TrimPrefix(strings.Split(err.Error(), "\n")[0], "yaml: ")}
	}
	var document yaml.Node
	_ = yaml.Unmarshal(text, &document) // its errors are those that are told
	var lines []string
	for _, said := range many.Errors {
		said = unknownField.ReplaceAllString(said, `unknown key "$1"`)
		if m := wrongKind.FindStringSubmatch(said); m != nil {
			said = "line " + m[1] + keyAt(&document, m[1], m[2], m[3]) + ": a value of the wrong kind" + wantedKind(m[4])
		}
		lines = append(lines, said)
	}
	return lines
}

// keyAt names the key of the one value of a kind that stands in a line and begins like value.
// If there are several it names none: the library does not say which it was.
func keyAt(document *yaml.Node, line, tag, value string) string {
	value = strings.TrimSuffix(value, "...")
	var found []string
	var visit func(n *yaml.Node, path string)
	visit = func(n *yaml.Node, path string) {
		if path != "" && fmt.Sprint(n.Line) == line && n.ShortTag() == tag && strings.HasPrefix(n.Value, value) {
			found = append(found, path)
		}
		for i, child := range n.Content {
			switch {
			case n.Kind == yaml.DocumentNode:
				visit(child, "")
			case n.Kind == yaml.SequenceNode:
				visit(child, fmt.Sprintf("%s[%d]", path, i))
			case i%2 == 1: // of a mapping
				visit(child, strings.TrimPrefix(path+"."+n.Content[i-1].Value, "."))
			}
		}
	}
	visit(document, "")
	if len(found) != 1 {
		return ""
	}
	return ": " + found[0]
}

// wantedKind says in words what a field of a Go type takes.
func wantedKind(goType string) string {
	switch {
	case strings.Contains(goType, "int"):
		return ", want a whole number"
	case goType == "time.Duration":
		return ", want a duration such as 30s or 5m"
	case goType == "bool":
		return ", want true or false"
	case goType == "string":
		return ", want a text"
	case strings.HasPrefix(goType, "[]"):
		return ", want a list"
	case strings.HasPrefix(goType, "main."):
		return ", want keys below it"
	}
	return ""
}
