package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// maxBody is far more than any request needs.
const maxBody = 16 << 10

// ReadJSON reads the request's body, one JSON object, into the struct at v. Members
// that v lacks are ignored. Whatever else is wrong with the body is a Problem. Members that
// texts names too are v's all the same: a body with no other is only read faster.
func ReadJSON[T any](c echo.Context, v *T, texts ...Text) error {
	return readObject(c, v, texts)
}

// ReadSimpleJSON is ReadJSON that also takes text/plain, which a page may send across
// origins without asking first: only for requests whose Origin is looked at.
func ReadSimpleJSON[T any](c echo.Context, v *T, texts ...Text) error {
	return readObject(c, v, texts, echo.MIMETextPlain)
}

func readObject[T any](c echo.Context, v *T, texts []Text, others ...string) error {
	body, err := read(c, others...)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return BadRequest("The body is empty. Send a JSON object.")
	}
	return into(v, texts, body)
}

// ReadOptionalJSON is ReadJSON where the body may be left out.
func ReadOptionalJSON[T any](c echo.Context, v *T, texts ...Text) error {
	body, err := read(c)
	if err != nil || len(body) == 0 {
		return err
	}
	return into(v, texts, body)
}

func into[T any](v *T, texts []Text, body []byte) error {
	if readPlain(body, texts) {
		return nil
	}
	var other T // and not v itself: for a plain body, it needs no memory of its own
	err := parse(body, &other)
	*v = other
	return err
}

// read takes JSON, and whatever is sent as one of the other types.
func read(c echo.Context, others ...string) ([]byte, error) {
	body, err := readAll(c)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, of("too-large", http.StatusRequestEntityTooLarge, "Body too large",
			fmt.Sprintf("The body may have %d bytes at most.", maxBody))
	}
	if err != nil {
		return nil, BadRequest("The body ended before it was complete. Send the request again.")
	}
	// Any other type is what a form of a foreign page can send without asking (CSRF).
	// Without a body the type means nothing: curl -d "" names that of a form.
	if types := c.Request().Header.Values(echo.HeaderContentType); len(body) > 0 && len(types) > 0 {
		if name, err := mediaType(types[0]); err != nil || len(types) > 1 || name != echo.MIMEApplicationJSON && !slices.Contains(others, name) {
			return nil, of("unsupported-media-type", http.StatusUnsupportedMediaType, "Unsupported media type",
				"Send the body as Content-Type: application/json.")
		}
	}
	return body, nil
}

// readAll reads to the body's end and not only as far as it was announced: at its end, the
// body's deadline is lifted.
func readAll(c echo.Context) ([]byte, error) {
	r := c.Request()
	if r.ContentLength < 0 || r.ContentLength > maxBody {
		return io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, maxBody))
	}
	body := make([]byte, r.ContentLength+1)
	n, err := io.ReadFull(r.Body, body)
	if int64(n) == r.ContentLength && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = nil
	}
	return body[:r.ContentLength], err
}

// mediaType is the type without its parameters, which most clients send alone.
func mediaType(text string) (string, error) {
	if text == echo.MIMEApplicationJSON {
		return text, nil
	}
	name, _, err := mime.ParseMediaType(text)
	return name, err
}

func parse(body []byte, v any) error {
	if !utf8.Valid(body) {
		return BadRequest("The body is not UTF-8.")
	}
	err := json.Unmarshal(body, v)
	if err != nil && !json.Valid(body) {
		return BadRequest("The body is not valid JSON. Send one JSON object and nothing after it.")
	}
	if body = bytes.TrimSpace(body); body[0] != '{' {
		return BadRequest("The body must be a JSON object.")
	}
	// A proxy may act on the first of two and the decoder takes the last.
	if repeats(body) {
		return BadRequest("A member of the body is there more than once. Send each once.")
	}
	if err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			kind := "a " + wrong.Type.String()
			if wrong.Type.Kind() == reflect.Struct {
				kind = "an object"
			}
			return BadRequest(fmt.Sprintf("Member %q of the body must be %s.", wrong.Field, kind))
		}
		return BadRequest("The body cannot be read.")
	}
	return nil
}

// repeats tells whether a member of a valid JSON object is there twice, in any
// case: encoding/json takes "Code" for "code".
func repeats(object []byte) bool {
	seen := make(map[string]bool)
	fold := func(name string) string {
		if len(name) == utf8.RuneCountInString(name) {
			return strings.ToLower(name) // of ASCII; mostly it is
		}
		// Upper case first: only so ſ (U+017F) and K (U+212A) become the letters that
		// encoding/json takes them for.
		return strings.ToLower(strings.ToUpper(name))
	}
	depth, named := 0, false // whether the member that we are in, of the outermost object, had its name
	for i := 0; i < len(object); i++ {
		switch object[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			named = named && depth > 1
		case '"':
			text := quoted(object[i:])
			i += len(text) - 1
			if depth > 1 || named {
				continue
			}
			named = true
			name := fold(unquote(text))
			if seen[name] {
				return true
			}
			seen[name] = true
		}
	}
	return false
}

// quoted is the text at the beginning of b, with its quotes.
func quoted(b []byte) []byte {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[:i+1]
		}
	}
	return b
}

func unquote(text []byte) (name string) {
	if !bytes.Contains(text, []byte{'\\'}) {
		return string(text[1 : len(text)-1])
	}
	_ = json.Unmarshal(text, &name) // it is valid
	return name
}
