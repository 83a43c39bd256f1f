// Package jsontext writes JSON objects by hand, for the few answers that every login needs:
// byte for byte what encoding/json writes, without reflection. All others are its own.
package jsontext

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// Object is a JSON object that is being written. Names are ours and are written as they
// are; values may be anybody's.
type Object struct{ text []byte }

// Begin begins an object that mostly has no more than size bytes.
func Begin(size int) Object { return Object{append(make([]byte, 0, size), '{')} }

// End returns the object.
func (o *Object) End() []byte { return append(o.text, '}') }

// Text writes a member.
func (o *Object) Text(name, value string) {
	o.name(name)
	o.text = appendText(o.text, value)
}

// OptionalText writes a member unless it is empty.
func (o *Object) OptionalText(name, value string) {
	if value != "" {
		o.Text(name, value)
	}
}

// OptionalTexts writes a member that is an array, unless it is empty.
func (o *Object) OptionalTexts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.name(name)
	o.text = append(o.text, '[')
	for i, value := range values {
		if i > 0 {
			o.text = append(o.text, ',')
		}
		o.text = appendText(o.text, value)
	}
	o.text = append(o.text, ']')
}

// Number writes a member.
func (o *Object) Number(name string, value int) {
	o.name(name)
	o.text = strconv.AppendInt(o.text, int64(value), 10)
}

// Bool writes a member.
func (o *Object) Bool(name string, value bool) {
	o.name(name)
	o.text = strconv.AppendBool(o.text, value)
}

// Time writes a member, a time whose year has four digits, as RFC 3339 does.
func (o *Object) Time(name string, value time.Time) {
	o.name(name)
	o.text = append(o.text, '"')
	o.text = value.AppendFormat(o.text, time.RFC3339Nano)
	o.text = append(o.text, '"')
}

// Open begins a member that is an object: whatever is written until Close is in it.
func (o *Object) Open(name string) {
	o.name(name)
	o.text = append(o.text, '{')
}

// Close ends what Open began.
func (o *Object) Close() { o.text = append(o.text, '}') }

func (o *Object) name(name string) {
	if o.text[len(o.text)-1] != '{' {
		o.text = append(o.text, ',')
	}
	o.text = append(o.text, '"')
	o.text = append(o.text, name...)
	o.text = append(o.text, '"', ':')
}

// appendText writes a text that needs no escape, as nearly all, and leaves any other to
// encoding/json, which knows what a page would take for its own tags and a script for the
// end of a line.
func appendText(b []byte, text string) []byte {
	ascii := true
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\', c == '<', c == '>', c == '&', c == "\u2028"[0]:
			return appendEscaped(b, text)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !utf8.ValidString(text) {
		return appendEscaped(b, text)
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

func appendEscaped(b []byte, text string) []byte {
	escaped, _ := json.Marshal(text) // no text is an error
	return append(b, escaped...)
}
