package dialect

import (
	"net/url"
	"slices"
	"strings"
)

// fields are the parameters of a query, in their order. A map of a handful of them costs more
// than what is asked of it.
type fields []field

type field struct{ name, value string }

const (
	usualFields = 8     // a query has no more
	maxFields   = 10000 // as net/url
)

// readQuery reads a query behind what is there already, as url.ParseQuery does; and as there,
// a part that is malformed spoils the whole.
func readQuery(into fields, query string) (fields, error) {
	if strings.Count(query, "&") >= maxFields {
		return nil, errMalformed
	}
	for query != "" {
		var part string
		if part, query, _ = strings.Cut(query, "&"); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		var err, valueErr error
		name, err = url.QueryUnescape(name)
		value, valueErr = url.QueryUnescape(value)
		if err != nil || valueErr != nil || strings.Contains(part, ";") {
			return nil, errMalformed
		}
		into = append(into, field{name, value})
	}
	return into, nil
}

// Get is the first value of a name, or "".
func (f fields) Get(name string) string {
	for i := range f {
		if f[i].name == name {
			return f[i].value
		}
	}
	return ""
}

// Has tells whether a name is there at all.
func (f fields) Has(name string) bool {
	return slices.ContainsFunc(f, func(one field) bool { return one.name == name })
}

// repeats tells whether one of these is there more than once.
func (f fields) repeats(single ...string) bool {
	for _, name := range single {
		n := 0
		for i := range f {
			if f[i].name == name {
				n++
			}
		}
		if n > 1 {
			return true
		}
	}
	return false
}
