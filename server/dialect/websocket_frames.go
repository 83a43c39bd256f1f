package dialect

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// This file reads what clients send: RFC 6455, section 5. It is only a function of bytes,
// so that a connection which waits without a goroutine can be fed when bytes come.

// wsMaxMessage is far more than any request of a client needs. A frame that announces
// more is refused by its header.
const wsMaxMessage = 4 << 10

// farewell is how a socket ends. The zero farewell is one without words: the connection
// is of no use any more.
type farewell struct {
	code   ws.StatusCode
	reason string
}

// wsFrames takes a client's bytes apart. The zero wsFrames is at the beginning.
type wsFrames struct {
	rest       []byte // of a frame that is not whole yet
	message    []byte // the fragments so far
	fragmented bool
}

// feed takes the next bytes, in pieces of any size, and gives each whole message (as
// OpText), each ping and each pong to hear, which may keep the payload. over is set when the client
// has said goodbye or broken the rules; then nothing more may be fed.
func (f *wsFrames) feed(b []byte, hear func(op ws.OpCode, payload []byte)) (bye farewell, over bool) {
	f.rest = append(f.rest, b...)
	for {
		in := bytes.NewReader(f.rest)
		h, err := ws.ReadHeader(in)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return farewell{}, false
		}
		headerSize := len(f.rest) - in.Len()
		if bye, bad := f.check(h, headerSize, err); bad {
			return bye, true
		}
		size := headerSize + int(h.Length)
		if len(f.rest) < size {
			return farewell{}, false
		}
		payload := bytes.Clone(f.rest[headerSize:size])
		if f.rest = f.rest[size:]; len(f.rest) == 0 {
			f.rest = nil // a socket that waits holds no memory
		}
		ws.Cipher(payload, h.Mask, 0)
		if bye, over := f.frame(h, payload, hear); over {
			return bye, true
		}
	}
}

// check judges a frame by its header, before its payload is waited for.
func (f *wsFrames) check(h ws.Header, size int, err error) (bye farewell, bad bool) {
	state := ws.StateServerSide
	if f.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if err == nil {
		err = ws.CheckHeader(h, state)
	}
	switch {
	case err != nil:
		return farewell{ws.StatusProtocolError, err.Error()}, true
	case size != ws.HeaderSize(h):
		return farewell{ws.StatusProtocolError, "length is not written in the shortest way"}, true
	case h.OpCode == ws.OpBinary:
		return farewell{ws.StatusUnsupportedData, "messages are text"}, true
	case h.OpCode.IsData() && h.Length > wsMaxMessage-int64(len(f.message)), h.Length > wsMaxMessage:
		return farewell{ws.StatusMessageTooBig, "a message has 4096 bytes at most"}, true
	}
	return farewell{}, false
}

func (f *wsFrames) frame(h ws.Header, payload []byte, hear func(ws.OpCode, []byte)) (bye farewell, over bool) {
	switch h.OpCode {
	case ws.OpBinary: // check has refused it
	case ws.OpPong:
		hear(ws.OpPong, nil)
	case ws.OpPing:
		hear(ws.OpPing, payload)
	case ws.OpClose:
		return goodbye(payload), true
	case ws.OpText, ws.OpContinuation:
		f.message = append(f.message, payload...)
		if f.fragmented = !h.Fin; f.fragmented {
			return farewell{}, false
		}
		message := f.message
		f.message = nil
		if !utf8.Valid(message) {
			return farewell{ws.StatusInvalidFramePayloadData, "text is not UTF-8"}, true
		}
		hear(ws.OpText, message)
	}
	return farewell{}, false
}

// goodbye answers a close frame: with the client's own code if that is one.
func goodbye(payload []byte) farewell {
	if len(payload) == 0 {
		return farewell{code: ws.StatusNormalClosure}
	}
	code, reason := ws.ParseCloseFrameData(payload)
	err := ws.CheckCloseFrameData(code, reason)
	switch {
	case errors.Is(err, ws.ErrProtocolInvalidUTF8):
		return farewell{ws.StatusInvalidFramePayloadData, "reason is not UTF-8"}
	case err != nil || code > ws.StatusRangePrivate.Max:
		return farewell{ws.StatusProtocolError, "no such close code"}
	}
	return farewell{code: code}
}
