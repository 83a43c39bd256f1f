package login

import "strings"

// phrases are what nearly every User-Agent is made of, and many a redirect_uri: with them the
// User-Agent of a usual browser is kept in some 15 bytes instead of 120. Records refer to them by
// place: none is ever taken out. A new one goes to the end, and needs a new recordVersion: a node
// that does not know it cannot read the record.
var phrases = [...]string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X ",
	"Mozilla/5.0 (iPhone; CPU iPhone OS ",
	"Mozilla/5.0 (iPad; CPU OS ",
	"Mozilla/5.0 (X11; Linux x86_64",
	"Mozilla/5.0 (Linux; Android 10; K",
	"Mozilla/5.0 (Linux; Android ",
	"Mozilla/5.0 (Windows NT ",
	"Mozilla/5.0 (",
	"Mozilla/4.0 (compatible; MSIE ",
	") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
	") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/",
	") AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
	") AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/",
	") AppleWebKit/",
	") Gecko/20100101 Firefox/",
	" like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/",
	" like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
	".0.0.0 Safari/537.36 Edg/",
	".0.0.0 Safari/537.36 OPR/",
	".0.0.0 Mobile Safari/537.36",
	".0.0.0 Safari/537.36",
	" Mobile Safari/537.36",
	" Mobile/15E148 Safari/604.1",
	" Safari/605.1.15",
	" Safari/604.1",
	" Safari/537.36",
	" (KHTML, like Gecko)",
	" MicroMessenger/",
	" SamsungBrowser/",
	" Chrome/",
	" Version/",
	" Mobile/",
	" Build/",
	"; Windows NT ",
	"; Trident/",
	"; rv:",
	"; Win64; x64",
	"; .NET CLR ",
	".0.0.0",
	"https://",
	"/cgi-bin/mmwebwx-bin/webwxnewloginpage",
}

// A byte of a shortened text is itself below phraseByte, else it stands for a phrase,
// except that verbatim goes before a byte of the text that is not below phraseByte.
const (
	phraseByte = 0x80
	verbatim   = 0xff
)

// Short is a text that is kept short. The zero Short is the empty text. Equal texts are equal
// Shorts, unless phrases were added between.
type Short struct{ bytes string } // as appendShort writes them, always

// Shorten returns text as a Short.
func Shorten(text string) Short {
	var room [maxUserAgent]byte
	return Short{string(appendShort(room[:0], text))}
}

// String returns the text in its length.
func (s Short) String() string {
	var room [maxUserAgent]byte
	b := room[:0]
	for i := 0; i < len(s.bytes); i++ {
		switch c := s.bytes[i]; {
		case c < phraseByte:
			b = append(b, c)
		case c == verbatim:
			i++
			b = append(b, s.bytes[i])
		default:
			b = append(b, phrases[c-phraseByte]...)
		}
	}
	return string(b)
}

// readShort is for bytes that come from anywhere; ok is false for those that no text is kept in.
func readShort(bytes string) (s Short, ok bool) {
	for i := 0; i < len(bytes); i++ {
		switch c := bytes[i]; {
		case c < phraseByte, int(c-phraseByte) < len(phrases):
		case c == verbatim && i+1 < len(bytes):
			i++
		default:
			return Short{}, false
		}
	}
	return Short{bytes}, true
}

func appendShort(b []byte, text string) []byte {
	for text != "" {
		if i := phraseAt(text); i >= 0 {
			b = append(b, byte(phraseByte+i))
			text = text[len(phrases[i]):]
			continue
		}
		if text[0] >= phraseByte {
			b = append(b, verbatim)
		}
		b = append(b, text[0])
		text = text[1:]
	}
	return b
}

// phraseAt finds the first phrase that text begins with, or gives -1.
func phraseAt(text string) int {
	switch text[0] {
	case 'M', ')', ' ', ';', '.', 'h', '/': // nothing else begins one
		for i, phrase := range phrases {
			if strings.HasPrefix(text, phrase) {
				return i
			}
		}
	}
	return -1
}
