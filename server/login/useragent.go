package login

import "strings"

// userAgentParts are what nearly every User-Agent is made of: with them that of a usual
// browser is kept in some 15 bytes instead of 120. Records refer to them by place: a new
// one goes to the end, and none is ever taken out.
var userAgentParts = [...]string{
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
}

// A byte of a shortened User-Agent is itself below partByte, else it stands for a part,
// except that verbatim goes before a byte of the text that is not below partByte.
const (
	partByte = 0x80
	verbatim = 0xff
)

func appendShortUserAgent(b []byte, text string) []byte {
	for text != "" {
		if part := userAgentPart(text); part >= 0 {
			b = append(b, byte(partByte+part))
			text = text[len(userAgentParts[part]):]
			continue
		}
		if text[0] >= partByte {
			b = append(b, verbatim)
		}
		b = append(b, text[0])
		text = text[1:]
	}
	return b
}

// userAgentPart finds the first part that text begins with, or gives -1.
func userAgentPart(text string) int {
	switch text[0] {
	case 'M', ')', ' ', ';', '.': // nothing else begins one
		for i, part := range userAgentParts {
			if strings.HasPrefix(text, part) {
				return i
			}
		}
	}
	return -1
}

// longUserAgent is the inverse of appendShortUserAgent; ok is false for what that never wrote.
func longUserAgent(short string) (text string, ok bool) {
	var room [maxUserAgent]byte
	b := room[:0]
	for i := 0; i < len(short); i++ {
		switch c := short[i]; {
		case c < partByte:
			b = append(b, c)
		case c == verbatim && i+1 < len(short):
			i++
			b = append(b, short[i])
		case int(c-partByte) < len(userAgentParts):
			b = append(b, userAgentParts[c-partByte]...)
		default:
			return "", false
		}
	}
	return string(b), true
}
