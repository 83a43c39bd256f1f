package dialect

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// wsSent is a client's frame, masked.
func wsSent(op ws.OpCode, fin bool, payload string) string {
	return string(ws.MustCompileFrame(ws.MaskFrameWith(ws.NewFrame(op, fin, []byte(payload)), [4]byte{9, 8, 7, 6})))
}

func wsSentText(payload string) string { return wsSent(ws.OpText, true, payload) }

// wsSentClose is a close frame with any code at all.
func wsSentClose(code int, reason string) string {
	return wsSent(ws.OpClose, true, string([]byte{byte(code >> 8), byte(code)})+reason)
}

// wsFrameCases are what clients may send, what is heard of it, and how it ends: 0 means
// that the socket goes on.
var wsFrameCases = []struct {
	name, sent, heard string
	code              ws.StatusCode
}{
	{"nothing", "", "", 0},
	{"a text", wsSentText("hello"), "text hello", 0},
	{"an empty text", wsSentText(""), "text ", 0},
	{"two texts", wsSentText("a") + wsSentText("b"), "text a|text b", 0},
	{"the longest text", wsSentText(strings.Repeat("x", 4096)), "text " + strings.Repeat("x", 4096), 0},
	{"a ping", wsSent(ws.OpPing, true, "are you there"), "ping are you there", 0},
	{"a pong", wsSent(ws.OpPong, true, ""), "pong ", 0},
	{"half a frame", wsSentText("hello")[:7], "", 0},
	{"half a header", wsSentText(strings.Repeat("x", 300))[:3], "", 0},
	{"fragments", wsSent(ws.OpText, false, "a") + wsSent(ws.OpContinuation, false, "") + wsSent(ws.OpContinuation, true, "b"), "text ab", 0},
	{"a sign split between fragments", wsSent(ws.OpText, false, "\xc3") + wsSent(ws.OpContinuation, true, "\xa9"), "text é", 0},
	{"a ping between fragments", wsSent(ws.OpText, false, "a") + wsSent(ws.OpPing, true, "p") + wsSent(ws.OpContinuation, true, "b"), "ping p|text ab", 0},

	{"a text that is too long", wsSentText(strings.Repeat("x", 4097)), "", 1009},
	{"a length that only threatens", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff....", "", 1009},
	{"fragments that add up to too much", wsSent(ws.OpText, false, strings.Repeat("x", 4000)) + wsSent(ws.OpContinuation, true, strings.Repeat("x", 97)), "", 1009},
	{"a binary message", wsSent(ws.OpBinary, true, "x"), "", 1003},
	{"a fragment of a binary message", wsSent(ws.OpBinary, false, "x"), "", 1003},
	{"text that is not UTF-8", wsSentText("\xff"), "", 1007},
	{"a surrogate in UTF-8", wsSentText("\xed\xa0\x80"), "", 1007},
	{"text whose last sign is cut", wsSent(ws.OpText, false, "a") + wsSent(ws.OpContinuation, true, "\xc3"), "", 1007},

	{"a frame without a mask", "\x81\x02hi", "", 1002},
	{"the first reserved bit: no compression was agreed on", "\xc1\x80....", "", 1002},
	{"the second reserved bit", "\xa1\x80....", "", 1002},
	{"the third reserved bit", "\x91\x80....", "", 1002},
	{"a reserved opcode", "\x83\x80....", "", 1002},
	{"a reserved control opcode", "\x8b\x80....", "", 1002},
	{"a continuation of nothing", wsSent(ws.OpContinuation, true, "x"), "", 1002},
	{"a new message in the middle of another", wsSent(ws.OpText, false, "a") + wsSentText("b"), "", 1002},
	{"a ping in fragments", wsSent(ws.OpPing, false, "p"), "", 1002},
	{"a ping that is too long", wsSent(ws.OpPing, true, strings.Repeat("x", 126)), "", 1002},
	{"a length with its highest bit set", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00....", "", 1002},
	{"a short length written long", "\x81\xfe\x00\x05....hello", "", 1002},
	{"a length of 16 bits written in 64", "\x81\xff\x00\x00\x00\x00\x00\x00\x01\x00....", "", 1002},

	{"a goodbye without a code", wsSent(ws.OpClose, true, ""), "", 1000},
	{"a goodbye", wsSentClose(1000, "bye"), "", 1000},
	{"going away", wsSentClose(1001, ""), "", 1001},
	{"a goodbye of an application's", wsSentClose(4999, ""), "", 4999},
	{"nothing counts after a goodbye", wsSentClose(1000, "") + wsSentText("x"), "", 1000},
	{"text before a goodbye", wsSentText("x") + wsSentClose(3000, ""), "text x", 3000},
	{"a goodbye of one byte", wsSent(ws.OpClose, true, "\x03"), "", 1002},
	{"a code below 1000", wsSentClose(999, ""), "", 1002},
	{"a code without a meaning", wsSentClose(1004, ""), "", 1002},
	{"a code that is never sent", wsSentClose(1005, ""), "", 1002},
	{"another that is never sent", wsSentClose(1006, ""), "", 1002},
	{"a code that nobody defined", wsSentClose(1016, ""), "", 1002},
	{"a code beyond all", wsSentClose(5000, ""), "", 1002},
	{"a reason that is not UTF-8", wsSentClose(1000, "\xff"), "", 1007},
}

// wsFeed feeds sent in pieces and says what was heard.
func wsFeed(sent []byte, piece int) (heard string, bye farewell, over bool, left int) {
	var f wsFrames
	var all []string
	hear := func(op ws.OpCode, payload []byte) {
		kind := map[ws.OpCode]string{ws.OpText: "text", ws.OpPing: "ping", ws.OpPong: "pong"}[op]
		all = append(all, kind+" "+string(payload))
	}
	for len(sent) > 0 && !over {
		n := min(piece, len(sent))
		bye, over = f.feed(sent[:n], hear)
		sent = sent[n:]
	}
	return strings.Join(all, "|"), bye, over, len(f.rest) + len(f.message)
}

func TestFramesOfClients(t *testing.T) {
	for _, tt := range wsFrameCases {
		t.Run(tt.name, func(t *testing.T) {
			for _, piece := range []int{1, 2, 3, 7, 512, len(tt.sent) + 1} {
				heard, bye, over, _ := wsFeed([]byte(tt.sent), piece)
				if heard != tt.heard || bye.code != tt.code || over != (tt.code != 0) {
					t.Errorf("in pieces of %d: heard %.40q and %v, want %.40q and %d", piece, heard, bye, tt.heard, tt.code)
				}
			}
		})
	}
}

// FuzzFrames holds the reader to what must be so whatever a client sends.
func FuzzFrames(f *testing.F) {
	for _, tt := range wsFrameCases {
		f.Add([]byte(tt.sent), uint16(5))
	}
	f.Fuzz(func(t *testing.T, sent []byte, piece uint16) {
		whole, bye, over, left := wsFeed(bytes.Clone(sent), len(sent)+1)
		if !utf8.ValidString(strings.ReplaceAll(whole, "ping", "")) && !strings.Contains(whole, "ping ") {
			t.Errorf("heard text that is not UTF-8: %q", whole)
		}
		if over != (bye != farewell{}) || len(bye.reason) > 123 || !utf8.ValidString(bye.reason) {
			t.Errorf("parts with %v, %v", bye, over)
		}
		if over && ws.CheckCloseFrameData(bye.code, bye.reason) != nil {
			t.Errorf("parts with %v, which is against the rules itself", bye)
		}
		if limit := 2*wsMaxMessage + ws.MaxHeaderSize; !over && left > limit {
			t.Errorf("keeps %d bytes", left)
		}
		pieces, byePieces, overPieces, _ := wsFeed(bytes.Clone(sent), 1+int(piece))
		if fmt.Sprint(whole, bye, over) != fmt.Sprint(pieces, byePieces, overPieces) {
			t.Errorf("whole: %q %v; in pieces of %d: %q %v", whole, bye, 1+int(piece), pieces, byePieces)
		}
	})
}
