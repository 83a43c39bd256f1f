package park

import (
	"bytes"
	"strconv"
)

// This file tells a plain request from all others: those are net/http's business, which
// knows what to do with a body that comes in chunks, a protocol that changes, or a header
// that somebody has made to be understood in two ways (RFC 9112, section 11.2).

// roomForPlain is how large a plain request may be, with its body. Nearly all are smaller.
const roomForPlain = 4 << 10

// isPlain tells whether b is one whole request of HTTP/1.1 and nothing else, in which
// nothing is unusual. What it takes, every reader of HTTP/1.1 understands alike.
func isPlain(b []byte) bool {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return false
	}
	head, body := b[:end+2], len(b)-end-4
	line, head, _ := bytes.Cut(head, []byte("\r\n"))
	if !isPlainStart(line) {
		return false
	}
	host, length := false, -1
	for len(head) > 0 {
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(": "))
		if !ok || !all(name, inName) || !all(value, inValue) {
			return false
		}
		switch {
		case is(name, "host"):
			if host || !all(value, inHost) {
				return false
			}
			host = true
		case is(name, "content-length"):
			n, err := strconv.ParseUint(string(value), 10, 16)
			if length >= 0 || err != nil {
				return false
			}
			length = int(n)
		case is(name, "connection"):
			if !is(value, "keep-alive") && !is(value, "close") {
				return false
			}
		case is(name, "transfer-encoding"), is(name, "expect"), is(name, "upgrade"), is(name, "trailer"), is(name, "te"):
			return false
		}
	}
	return host && max(length, 0) == body
}

// isPlainStart tells whether line asks for a path.
func isPlainStart(line []byte) bool {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	switch string(method) {
	case "GET", "POST", "DELETE":
	default:
		return false
	}
	target, version, _ := bytes.Cut(rest, []byte(" "))
	return len(target) > 0 && target[0] == '/' && all(target, inTarget) && string(version) == "HTTP/1.1"
}

func all(text []byte, in func(byte) bool) bool {
	for _, c := range text {
		if !in(c) {
			return false
		}
	}
	return len(text) > 0
}

func inName(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '_' }

func inValue(c byte) bool { return c >= ' ' && c != 0x7f }

func inHost(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '.' || c == '-' || c == ':' || c == '[' || c == ']'
}

func inTarget(c byte) bool { return c > ' ' && c < 0x7f }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// is compares with a word in small letters, whatever the case.
func is(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
