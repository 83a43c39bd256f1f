package templates

import (
	"fmt"
	"html"
	"html/template"
	"regexp"
	"strconv"
)

// Tag is the language as HTML and HTTP name it: "zh-Hans".
func (l *Language) Tag() string { return l.Text("language.tag") }

// Text is a message as plain text; {0} stands for the first argument. A key that is
// in no language is its own message: no page breaks for want of a word.
func (l *Language) Text(key string, args ...any) string {
	return fill(l.message(key), args, func(arg any) string { return fmt.Sprint(arg) })
}

// HTML is a message with its arguments escaped. What people and sites call themselves
// must not reorder the words around it: text is isolated by <bdi>. Numbers need none,
// and HTML is taken as it is.
func (l *Language) HTML(key string, args ...any) template.HTML {
	return template.HTML(fill(html.EscapeString(l.message(key)), args, func(arg any) string {
		switch arg := arg.(type) {
		case template.HTML:
			return string(arg)
		case int:
			return strconv.Itoa(arg)
		}
		return "<bdi>" + html.EscapeString(fmt.Sprint(arg)) + "</bdi>"
	}))
}

func (l *Language) message(key string) string {
	if message, ok := l.messages[key]; ok {
		return message
	}
	return key
}

var placeholder = regexp.MustCompile(`\{\d\}`)

func fill(message string, args []any, put func(any) string) string {
	return placeholder.ReplaceAllStringFunc(message, func(found string) string {
		if n := int(found[1] - '0'); n < len(args) {
			return put(args[n])
		}
		return found
	})
}
