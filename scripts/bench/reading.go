//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

var errGarbage = errors.New("the server sent no HTTP")

// head is the status line and header of a response.
type head struct {
	status  int
	length  int // -1: none was named
	chunked bool
	size    int // of the head itself; 0: it is not complete
}

// readHead reads the head at the start of b.
func readHead(b []byte) (head, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return head{}, nil
	}
	h := head{length: -1, size: end + 4}
	line, rest, _ := bytes.Cut(b[:end], []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return head{}, errGarbage
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return head{}, errGarbage
	}
	h.status = status
	for field := range bytes.SplitSeq(rest, []byte("\r\n")) {
		name, value, _ := bytes.Cut(field, []byte(":"))
		switch {
		case len(name) == len("Content-Length") && strings.EqualFold(string(name), "Content-Length"):
			if h.length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return head{}, errGarbage
			}
		case len(name) == len("Transfer-Encoding") && strings.EqualFold(string(name), "Transfer-Encoding"):
			h.chunked = bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked"))
		}
	}
	if status == 101 || status == 204 || status == 304 {
		h.length = 0
	}
	return h, nil
}

// readResponse reads the response at the start of b. size is 0 until it is complete.
func readResponse(b []byte) (h head, body []byte, size int, err error) {
	h, err = readHead(b)
	if err != nil || h.size == 0 {
		return h, nil, 0, err
	}
	if h.chunked {
		body, n, err := readChunks(b[h.size:])
		if err != nil || n == 0 {
			return h, nil, 0, err
		}
		return h, body, h.size + n, nil
	}
	if h.length < 0 {
		return h, nil, 0, errGarbage // its end would be the end of the connection
	}
	if len(b) < h.size+h.length {
		return h, nil, 0, nil
	}
	return h, b[h.size : h.size+h.length], h.size + h.length, nil
}

// readChunks reads a whole chunked body. size is 0 until it is complete.
func readChunks(b []byte) (body []byte, size int, err error) {
	for at := 0; ; {
		line := bytes.Index(b[at:], []byte("\r\n"))
		if line < 0 {
			return nil, 0, nil
		}
		n, err := strconv.ParseUint(string(b[at:at+line]), 16, 31)
		if err != nil {
			return nil, 0, errGarbage
		}
		at += line + 2
		end := at + int(n) + 2
		if len(b) < end {
			return nil, 0, nil
		}
		if n == 0 {
			return body, end, nil
		}
		body = append(body, b[at:at+int(n)]...)
		at = end
	}
}

// readEvent reads one event of a stream: what comes before an empty line. The lines of a
// chunked encoding stay in it, so that streams with and without chunks are read alike.
func readEvent(b []byte) (event []byte, size int) {
	end := bytes.Index(b, []byte("\n\n"))
	if end < 0 {
		return nil, 0
	}
	return b[:end], end + 2
}

// The frames of a WebSocket (RFC 6455, section 5.2) that a client has to know.
const (
	framePing = 0x9
	framePong = 0xA
	frameEnd  = 0x8
)

// readFrame reads one frame of a server, which masks nothing.
func readFrame(b []byte) (opcode byte, payload []byte, size int) {
	if len(b) < 2 {
		return 0, nil, 0
	}
	at, n := 2, uint64(b[1]&0x7f)
	switch n {
	case 126:
		if len(b) < 4 {
			return 0, nil, 0
		}
		at, n = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if len(b) < 10 {
			return 0, nil, 0
		}
		at, n = 10, binary.BigEndian.Uint64(b[2:])
	}
	if uint64(len(b)-at) < n {
		return 0, nil, 0
	}
	return b[0] & 0xf, b[at : at+int(n)], at + int(n)
}

// clientFrame is a short frame of a client. A mask of zeros is a mask.
func clientFrame(opcode byte, payload []byte) []byte {
	return append([]byte{0x80 | opcode, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}
