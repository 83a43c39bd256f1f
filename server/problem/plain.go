package problem

import (
	"slices"
	"unicode/utf8"
)

// This file reads bodies as nearly all are: a few texts, without reflection.

// Text is a member of a body that is a text, and where it goes.
type Text struct {
	Name string
	Into *string
}

// readPlain reads an object that has some of texts, each once, as it is named and without an
// escape, and nothing else. Of any other, good or bad, it says so, and leaves it to parse.
func readPlain(body []byte, texts []Text) bool {
	left := unread(body)
	if !utf8.Valid(body) || !left.has('{') {
		return false
	}
	if left.has('}') {
		return left.ended()
	}
	for {
		name, ok := left.text()
		if !ok || !left.has(':') {
			return false
		}
		value, ok := left.text()
		i := slices.IndexFunc(texts, func(t Text) bool { return t.Name == string(name) })
		if !ok || i < 0 {
			return false
		}
		*texts[i].Into = string(value)
		// It is not looked for again: a proxy may act on the first of two.
		texts[i] = texts[len(texts)-1]
		texts = texts[:len(texts)-1]
		if left.has('}') {
			return left.ended()
		}
		if !left.has(',') {
			return false
		}
	}
}

// unread is what is left of a body.
type unread []byte

// ended takes white space, and tells whether there was nothing else.
func (u *unread) ended() bool {
	for i, c := range *u {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			*u = (*u)[i:]
			return false
		}
	}
	return true
}

// has takes a sign, if it is the next.
func (u *unread) has(sign byte) bool {
	if u.ended() || (*u)[0] != sign {
		return false
	}
	*u = (*u)[1:]
	return true
}

// text takes a text, if it is the next and has no escape.
func (u *unread) text() (text []byte, ok bool) {
	if !u.has('"') {
		return nil, false
	}
	for i, c := range *u {
		switch {
		case c == '"':
			text, *u = (*u)[:i], (*u)[i+1:]
			return text, true
		case c == '\\', c < ' ':
			return nil, false
		}
	}
	return nil, false
}
