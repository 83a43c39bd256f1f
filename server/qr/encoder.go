package qr

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Encoder makes the symbols of texts that begin with one prefix and end in a code of so
// many letters a–z, fast once it has learned, and those of all other texts like
// [Encode]. It is safe for concurrent use, also while it learns. A nil Encoder never
// learned anything.
type Encoder struct {
	prefix  string
	letters int
	table   atomic.Pointer[table] // nil until it has learned
}

// NewEncoder returns an Encoder that has yet to learn.
func NewEncoder(prefix string, letters int) *Encoder {
	return &Encoder{prefix: prefix, letters: letters}
}

// Learn makes e fast. It takes about a tenth of a second of one processor; until it
// returns, and when it returns an error, e is as slow as [Encode] and as correct. It gives
// up when ctx ends, and errs for prefixes so long that a symbol's row is wider than a
// machine word.
func (e *Encoder) Learn(ctx context.Context) error {
	table, err := learn(ctx, e.prefix, e.letters)
	if err != nil {
		return fmt.Errorf("learn QR symbols: %w", err)
	}
	e.table.Store(table)
	return nil
}

// Encode makes the symbol of text at error correction level M. It returns an error
// for texts that no symbol can hold.
func (e *Encoder) Encode(text string) (Symbol, error) {
	begin := 0
	if e != nil {
		begin = min(len(text), len(e.prefix))
	}
	return e.encode(nil, text[:begin], text[begin:])
}

// AppendPNG adds the picture of begin and end together to out, as [Symbol.PNG] draws it. If
// begin is the prefix and end a code it allocates nothing, once e has learned, but what out
// lacks.
func (e *Encoder) AppendPNG(out []byte, begin, end string, size int) ([]byte, error) {
	var rows [maxSide]uint64
	symbol, err := e.encode(rows[:0], begin, end)
	if err != nil {
		return out, err
	}
	return symbol.appendPNG(out, size), nil
}

// encode makes the symbol of begin and end together, in rows if there is room.
func (e *Encoder) encode(rows []uint64, begin, end string) (Symbol, error) {
	if e != nil && begin == e.prefix && isCode(end, e.letters) {
		if table := e.table.Load(); table != nil {
			return table.symbol(rows, end), nil
		}
	}
	return Encode(begin + end)
}

func isCode(s string, letters int) bool {
	for i := range len(s) {
		if s[i]-'a' > 'z'-'a' {
			return false
		}
	}
	return len(s) == letters
}
