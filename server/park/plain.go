package park

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// This file tells a plain request from all others: those are net/http's business, which
// knows what to do with a body that comes in chunks, a protocol that changes, or a header
// that somebody has made to be understood in two ways (RFC 9112, section 11.2).

// roomForPlain is how large a plain request may be, with its body. Nearly all are smaller.
const roomForPlain = 4 << 10

// readPlain reads b if it is one whole request of HTTP/1.1 and nothing else, in which
// nothing is unusual: what it takes, every reader of HTTP/1.1 understands alike. It gives
// what http.ReadRequest would, which copies each field, where this copies the head once.
// body is a part of b, and r has none; its Header is of h.
func readPlain(b []byte, h *plainHeader) (r http.Request, body []byte, ok bool) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return r, nil, false
	}
	line, fields, _ := strings.Cut(string(b[:end+2]), "\r\n")
	if !readPlainStart(&r, line) || !h.read(&r, fields) {
		return r, nil, false
	}
	body = b[end+4:]
	return r, body, int64(len(body)) == r.ContentLength
}

// readPlainStart reads a line that asks for a path.
func readPlainStart(r *http.Request, line string) (ok bool) {
	var version string
	r.Method, line, _ = strings.Cut(line, " ")
	switch r.Method {
	case "GET", "POST", "DELETE":
	default:
		return false
	}
	r.RequestURI, version, _ = strings.Cut(line, " ")
	if version != "HTTP/1.1" || !isTarget(r.RequestURI) {
		return false
	}
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	if path, query, _ := strings.Cut(r.RequestURI, "?"); isPath(path) && !strings.HasSuffix(r.RequestURI, "?") {
		r.URL = &url.URL{Path: path, RawQuery: query}
		return true
	}
	var err error
	r.URL, err = url.ParseRequestURI(r.RequestURI)
	return err == nil
}

// plainHeader is the room for a request's header: a map, and what its values lie in. They are
// a fifth of what would be allocated for a login.
type plainHeader struct {
	fields http.Header
	values []string
}

// usualFields is how many a header may have had whose room is kept.
const usualFields = 32

// forget makes room for another header.
func (h *plainHeader) forget() {
	if len(h.values) > usualFields {
		*h = plainHeader{}
	}
	clear(h.fields)
	clear(h.values)
}

func (h *plainHeader) read(r *http.Request, fields string) (ok bool) {
	if h.fields == nil {
		h.fields = make(http.Header, 14) // as many as go into two groups of a map
	}
	n := strings.Count(fields, "\n")
	if h.values = h.values[:0]; n > cap(h.values) {
		h.values = make([]string, 0, max(n, usualFields))
	}
	r.Header = h.fields
	var line string
	lengthGiven := false
	for len(fields) > 0 {
		line, fields, _ = strings.Cut(fields, "\r\n")
		name, value, ok := strings.Cut(line, ": ")
		valid, canonical := isName(name)
		if !ok || !valid || !isValue(value) {
			return false
		}
		if !canonical {
			name = textproto.CanonicalMIMEHeaderKey(name)
		}
		switch name {
		case "Host":
			if r.Host != "" || !isHost(value) {
				return false
			}
			r.Host = value
			continue
		case "Content-Length":
			n, err := strconv.ParseUint(value, 10, 16)
			if lengthGiven || err != nil {
				return false
			}
			r.ContentLength, lengthGiven = int64(n), true
		case "Connection":
			if !strings.EqualFold(value, "keep-alive") && !strings.EqualFold(value, "close") {
				return false
			}
			r.Close = r.Close || len(value) == len("close")
		case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Te":
			return false
		}
		h.values = append(h.values, textproto.TrimString(value)) // there is room
		if others := r.Header[name]; others != nil {
			r.Header[name] = append(others, h.values[len(h.values)-1])
		} else {
			r.Header[name] = h.values[len(h.values)-1 : len(h.values) : len(h.values)]
		}
	}
	if r.Header.Get("Pragma") == "no-cache" && r.Header["Cache-Control"] == nil { // of HTTP/1.0
		r.Header.Set("Cache-Control", "no-cache")
	}
	return r.Host != ""
}

// isName also tells whether a name is written as in a map: a capital at the beginning of each
// word and nowhere else.
func isName(s string) (valid, canonical bool) {
	canonical = true
	begins := true
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z':
			canonical = canonical && !begins
		case 'A' <= c && c <= 'Z':
			canonical = canonical && begins
		case !isDigit(c) && c != '-' && c != '_':
			return false, false
		}
		begins = c == '-'
	}
	return s != "", canonical
}

func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f {
			return false
		}
	}
	return s != ""
}

func isHost(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '.' && c != '-' && c != ':' && c != '[' && c != ']' {
			return false
		}
	}
	return s != ""
}

func isTarget(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != "" && s[0] == '/'
}

// isPath tells whether a path says what it says, whoever reads it.
func isPath(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '/' && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return !strings.HasPrefix(s, "//")
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
