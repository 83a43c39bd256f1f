package park

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// This file writes answers of HTTP/1 (RFC 9112), as net/http would.

// fieldsOf writes a header out, except for what each answer decides for itself. Thousands
// of connections have the same few fields, so one text serves them all.
func fieldsOf(h http.Header) string {
	if len(h) == 0 {
		return ""
	}
	var b strings.Builder
	_ = h.WriteSubset(&b, map[string]bool{"Connection": true, "Content-Length": true, "Date": true}) // a Builder takes everything
	return b.String()
}

const (
	inPieces = -1 // a body of unknown length
	noBody   = -2
)

// hasBody tells whether an answer to anything but a HEAD may have one.
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// head begins an answer whose body has length bytes.
func (p *parked) head(status int, header http.Header, length int) []byte {
	var room [512]byte
	fields := append(room[:0], p.fields.Value()...)
	for name, values := range header {
		for _, value := range values {
			if name != "Connection" {
				fields = append(append(append(append(fields, name...), ": "...), value...), "\r\n"...)
			}
		}
	}
	return p.appendHead(make([]byte, 0, 512+max(0, length)), status, fields, length)
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
