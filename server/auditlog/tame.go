package auditlog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many bytes are kept of a text: of a person's names, and of all others. With these no
// line is longer than maxLine, whatever an issuer calls its people.
const (
	maxPerson = 256
	maxText   = 64
	maxLine   = 8 << 10
)

// tame makes of a foreign text one that does no harm where people look at lines with
// plain tools: without signs that steer terminals or turn the direction of writing, and
// not endless. JSON itself keeps a text from ending its line.
func tame(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if len(text) <= most {
		return text
	}
	const mark = "…"
	end := most - len(mark)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
