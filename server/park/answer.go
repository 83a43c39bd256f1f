package park

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
	"unique"
)

// This file writes answers of HTTP/1 (RFC 9112), as net/http would.

// fieldsOf is a header written out; the zero Handle is one without fields, as most are.
// Thousands of connections have the same few fields, so one text serves them all.
func fieldsOf(h http.Header) (text unique.Handle[string]) {
	if len(h) > 0 {
		text = unique.Make(string(appendFields(nil, h)))
	}
	return text
}

// appendFields writes a header out by its names, except for what each answer decides for
// itself. Nothing in a value can end its line, and so begin a field that somebody has made up.
func appendFields(b []byte, h http.Header) []byte {
	var room [12]field
	fields := room[:0]
	for name, values := range h {
		switch name {
		case "Connection", "Content-Length", "Date":
			continue
		}
		if !isFieldName(name) {
			continue
		}
		at := len(fields) // they are few: each goes to its place at once
		for fields = append(fields, field{}); at > 0 && name < fields[at-1].name; at-- {
			fields[at] = fields[at-1]
		}
		fields[at] = field{name, values}
	}
	for _, f := range fields {
		for _, value := range f.values {
			b = append(append(b, f.name...), ": "...)
			b = append(append(b, inOneLine(textproto.TrimString(value))...), "\r\n"...)
		}
	}
	return b
}

type field struct {
	name   string
	values []string
}

// isFieldName tells whether a field's name ends where it seems to.
func isFieldName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == ':' {
			return false
		}
	}
	return s != ""
}

func inOneLine(s string) string {
	if strings.IndexByte(s, '\r') < 0 && strings.IndexByte(s, '\n') < 0 {
		return s
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}

// endsConnection tells whether the connection of an answer with this header is not kept.
func endsConnection(h http.Header) bool {
	said := h["Connection"]
	return len(said) > 0 && said[0] == "close"
}

const (
	inPieces = -1 // a body of unknown length
	noBody   = -2
)

// hasBody tells whether an answer to anything but a HEAD may have one.
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// answer is the whole of an answer, or, of one in pieces, its beginning. It is written in m.
func (p *parked) answer(m *room, status int, header http.Header, length int, body []byte) []byte {
	m.head = m.head[:0]
	if p.fields != (unique.Handle[string]{}) {
		m.head = append(m.head, p.fields.Value()...)
	}
	m.head = appendFields(m.head, header)
	m.wire = append(p.head(m, status, length), body...)
	return m.wire
}

// head is an answer's with the fields in m. It is written there too.
func (p *parked) head(m *room, status, length int) []byte {
	b, version := m.wire[:0], "HTTP/1.1 "
	if !p.http11 {
		version = "HTTP/1.0 "
	}
	b = append(b, version...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\nDate: "...)
	b = append(b, m.dateAt(time.Now())...)
	b = append(b, "\r\n"...)
	b = append(b, m.head...)
	if !p.keepAlive {
		b = append(b, "Connection: close\r\n"...)
	}
	switch {
	case length >= 0:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(length), 10)
		b = append(b, "\r\n"...)
	case length == inPieces && p.http11:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, "\r\n"...)
}

// chunk is a part of an answer of unknown length (RFC 9112, section 7.1).
func chunk(b []byte) []byte {
	out := strconv.AppendInt(make([]byte, 0, len(b)+12), int64(len(b)), 16)
	out = append(append(out, "\r\n"...), b...)
	return append(out, "\r\n"...)
}
