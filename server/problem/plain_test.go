package problem

import (
	"encoding/json"
	"reflect"
	"testing"
)

// body is like those that every login sends.
type body struct {
	App      string `json:"app"`
	State    string `json:"state"`
	Lang     string `json:"lang"`
	UserCode bool   `json:"user_code"`
}

func (b *body) texts() []Text { return []Text{{"app", &b.App}, {"state", &b.State}, {"lang", &b.Lang}} }

func TestOnlyPlainBodiesAreReadWithoutReflection(t *testing.T) {
	for text, want := range map[string]bool{
		`{"app":"a"}`: true, `{}`: true, " \t\r\n{ \t\r\n\"app\" : \"a\" , \"lang\":\"ü\" } ": true, `{"state":"","lang":"b","app":"c"}`: true,
		``: false, `{`: false, `{"app"`: false, `{"app":`: false, `{"app":"a`: false, `{"app":"a"`: false, `{"app":"a",`: false, `{"app":"a",}`: false, `{,}`: false,
		`{"app":"a"}}`: false, `{"app":"a"} x`: false, "{}\x00": false, "{}\v": false, "{}\u00a0": false, `["app","a"]`: false, `{"app":"a" "lang":"b"}`: false,
		`{"app":"a","app":"a"}`: false, `{"app":"a","":"b"}`: false, `{"App":"a"}`: false, `{"other":"a"}`: false, `{"app":"a\u0062"}`: false, `{"\u0061pp":"a"}`: false,
		"{\"app\":\"\n\"}": false, "{\"app\":\"\xff\"}": false, `{"app":null}`: false, `{"app":1}`: false, `{"app":"a","user_code":true}`: false,
	} {
		var got, wanted body
		if plain := readPlain([]byte(text), got.texts()); plain != want {
			t.Errorf("%q is plain: %v", text, plain)
		} else if plain && (json.Unmarshal([]byte(text), &wanted) != nil || got != wanted) {
			t.Errorf("%q: got %v, want %v", text, got, wanted)
		}
	}
}

// FuzzPlain: whether texts are named makes no difference, neither to what is read nor to
// what is said of a body that cannot be.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{
		`{"app":"a","state":"b","lang":"c"}`, ` { "app" : "a" } `, `{}`, `{"app":"a","app":"b"}`, `{"app":"a","APP":"b"}`, `{"app":"","app":"b"}`, `{"app":"a","":"b"}`,
		`{"app":"a","user_code":true}`, `{"app":"a","lang":null}`, `{"app":"a","lang":1}`, `{"app":"a\n"}`, "{\"app\":\"a\tb\"}", "{\"app\":\"\xe2\"}", `{"app":"a"}{}`,
		`{"app":"a",}`, `{"app":"a"`, "{\"app\":\"a\"}\x00", `{"app":"a" "lang":"b"}`, `{"":""}`, `{"x":"1","x":"2"}`, "\ufeff{}", `{"ſtate":"a","state":"b"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return // is not parsed
		}
		var fast, slow body
		err, wanted := into(&fast, fast.texts(), []byte(text)), into(&slow, nil, []byte(text))
		if !reflect.DeepEqual(err, wanted) || err == nil && fast != slow {
			t.Fatalf("%q: got %+v, %v, want %+v, %v", text, fast, err, slow, wanted)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for name, text := range map[string]string{
		"plain": `{"app":"shop","state":"xyz","lang":"en"}`, "escaped": `{"app":"shop","state":"x\/z","lang":"en"}`, "empty": `{}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var v body
				if err := into(&v, v.texts(), []byte(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
