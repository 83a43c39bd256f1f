package phone

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"reflect"
	"testing"
	"testing/quick"
	"testing/synctest"
	"time"
)

// TestAnswersAreAsEncodingJSONWritesThem, whatever is in which of their fields.
func TestAnswersAreAsEncodingJSONWritesThem(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 3000 {
		var s scan
		var d decision
		fill(r, reflect.ValueOf(&s).Elem())
		fill(r, reflect.ValueOf(&d).Elem())
		for _, v := range []answer{s, d} {
			want, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := v.json(); string(got) != string(want) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	}
}

// fill sets every field of a struct but a passkey, some of them to nothing.
func fill(r *rand.Rand, v reflect.Value) {
	for _, field := range v.Fields() {
		if r.Intn(4) == 0 {
			continue
		}
		switch field.Interface().(type) {
		case *challenge:
		case app, browser:
			fill(r, field)
		case time.Time:
			field.Set(reflect.ValueOf(whole(time.Unix(r.Int63n(1e11), 0))))
		default:
			value, _ := quick.Value(field.Type(), r)
			field.Set(value)
		}
	}
}

// TestAnswersAreEchos: what is written by hand is what Echo would send, in one line unless
// somebody asks for many.
func TestAnswersAreEchos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, path := s.scanned(t, "shop")
		for _, tt := range []struct{ method, path string }{{"GET", path}, {"POST", path + "/approve"}} {
			line, lines := s.call(t, "alice-token", tt.method, tt.path, ""), s.call(t, "alice-token", tt.method, tt.path+"?pretty", "")
			var want bytes.Buffer
			if err := json.Indent(&want, line.Body.Bytes(), "", "  "); err != nil || line.Body.Bytes()[line.Body.Len()-1] != '\n' {
				t.Errorf("%s: %q: %v", tt.path, line.Body, err)
			}
			if !reflect.DeepEqual(line.Header(), lines.Header()) || lines.Body.String() != want.String() {
				t.Errorf("%s: %v %s, want %v %s", tt.path, lines.Header(), lines.Body, line.Header(), &want)
			}
		}
	})
}
