package park

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"
)

// This file writes answers of HTTP/1 (RFC 9112), as net/http would.

// fieldsOf is a header written out. Thousands of connections have the same few fields, so
// one text serves them all.
func fieldsOf(h http.Header) unique.Handle[string] { return unique.Make(string(appendFields(nil, h))) }

// appendFields writes a header out by its names, except for what each answer decides for
// itself. Nothing in a value can end its line, and so begin a field that somebody has made up.
func appendFields(b []byte, h http.Header) []byte {
	var room [16]string
	names := room[:0]
	for name := range h {
		switch name {
		case "Connection", "Content-Length", "Date":
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, "\r\n: ") {
			continue
		}
		for _, value := range h[name] {
			b = append(append(b, name...), ": "...)
			from := len(b)
			b = append(append(b, textproto.TrimString(value)...), "\r\n"...)
			for i, c := range b[from : len(b)-2] {
				if c == '\r' || c == '\n' {
					b[from+i] = ' '
				}
			}
		}
	}
	return b
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
	m.head = appendFields(append(m.head[:0], p.fields.Value()...), header)
	m.wire = append(p.appendHead(m.wire[:0], status, m.head, length), body...)
	return m.wire
}

// appendHead begins an answer with these fields.
func (p *parked) appendHead(b []byte, status int, fields []byte, length int) []byte {
	version := "HTTP/1.1 "
	if !p.http11 {
		version = "HTTP/1.0 "
	}
	b = append(b, version...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n"...)
	b = append(b, fields...)
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
