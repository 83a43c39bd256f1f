package login_test

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"qrlatch/server/login"
	"qrlatch/server/storetest"
)

// record is a pointer to one.
type record interface {
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

func records() []record {
	return []record{new(login.Login), new(login.Session), new(login.PushTicket), new(login.Block), new(login.UserCode)}
}

func same(a, b any) bool {
	return reflect.ValueOf(a).Elem().Interface() == reflect.ValueOf(b).Elem().Interface()
}

// again writes r down and reads it into one that was another before.
func again(t *testing.T, r record) (record, []byte) {
	t.Helper()
	b, err := r.AppendBinary([]byte("before"))
	if err != nil || !strings.HasPrefix(string(b), "before") {
		t.Fatalf("%q, %v", b, err)
	}
	b = b[len("before"):]
	back := reflect.New(reflect.TypeOf(r).Elem()).Interface().(record)
	storetest.Fill(t, back)
	if err := back.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return back, b
}

// leaves calls visit for every field of r, and of what is in it.
func leaves(v reflect.Value, visit func(reflect.Value)) {
	switch v.Interface().(type) {
	case time.Time, netip.Addr, login.Short:
		visit(v)
		return
	}
	if v.Kind() != reflect.Struct {
		visit(v)
		return
	}
	for i := range v.NumField() {
		leaves(v.Field(i), visit)
	}
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	for _, zero := range records() {
		full := reflect.New(reflect.TypeOf(zero).Elem()).Interface().(record)
		storetest.Fill(t, full)
		t.Run(fmt.Sprintf("%T", full), func(t *testing.T) {
			for _, r := range []record{zero, full} {
				if back, b := again(t, r); !same(back, r) {
					t.Errorf("%+v\ncame back as %+v\nfrom %q", r, back, b)
				}
			}
			// Each field alone, and all but that one.
			var fields []reflect.Value
			leaves(reflect.ValueOf(full).Elem(), func(v reflect.Value) { fields = append(fields, v) })
			n := 0
			leaves(reflect.ValueOf(zero).Elem(), func(v reflect.Value) {
				v.Set(fields[n])
				if back, b := again(t, zero); !same(back, zero) {
					t.Errorf("%+v\ncame back as %+v\nfrom %q", zero, back, b)
				}
				v.SetZero()
				kept := reflect.ValueOf(fields[n].Interface())
				fields[n].SetZero()
				if back, b := again(t, full); !same(back, full) {
					t.Errorf("%+v\ncame back as %+v\nfrom %q", full, back, b)
				}
				fields[n].Set(kept)
				n++
			})
		})
	}
}

func TestARecordThatIsDamagedCutOrNewerIsNoRecord(t *testing.T) {
	for _, r := range records() {
		storetest.Fill(t, r)
		b, err := r.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		fails := func(what string, b []byte) {
			t.Helper()
			if err := r.UnmarshalBinary(b); err == nil {
				t.Errorf("%T: %s is read", r, what)
			} else if strings.Contains(err.Error(), "爱") {
				t.Errorf("%T: the error tells what is in it: %v", r, err)
			}
		}
		for n := range b {
			fails(fmt.Sprintf("a record of %d bytes, cut at %d,", len(b), n), b[:n])
		}
		fails("a longer one", append(b[:len(b):len(b)], 0))
		for _, version := range []byte{0, 2, 0xff} {
			fails(fmt.Sprintf("version %d", version), append([]byte{version}, b[1:]...))
		}
		fails("a field that came later", append([]byte{b[0], b[1], b[2], b[3], b[4], b[5] | 0x80}, b[6:]...))
	}
}

func TestAWrittenRecordIsNotChangedThroughItsBytes(t *testing.T) {
	want := login.Login{Handle: "handle", App: "shop"}
	b, _ := want.AppendBinary(nil)
	var got login.Login
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if got != want {
		t.Errorf("it has become %+v", got)
	}
}

func TestATimeThatCannotBeWrittenIsAnError(t *testing.T) {
	for _, year := range []int{-5, 1600, 2300, 9999} {
		if _, err := (&login.Block{Expires: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)}).AppendBinary(nil); err == nil {
			t.Errorf("year %d is written", year)
		}
	}
}

// These are what the browsers of 2026 and of 2006 send.
var userAgents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1.1 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.103 Mobile Safari/537.36 XWEB/1300289 MMWEBSDK/20240802 MicroMessenger/8.0.53.2740",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
	"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; .NET CLR 2.0.50727)",
	"Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
}

func TestAUsualUserAgentIsKeptInFewBytes(t *testing.T) {
	long, short := 0, 0
	for _, ua := range append(userAgents, "curl/8.5.0", "爱\xff\x80)\x00", strings.Repeat(")", 512), strings.Repeat("\xff", 512)) {
		l := login.Login{Browser: login.Browser{UserAgent: ua}.Kept()}
		back, b := again(t, &l)
		if !same(back, &l) {
			t.Errorf("%q came back as %q", ua, back)
		}
		if strings.HasPrefix(ua, "Mozilla/") {
			long, short = long+len(ua), short+len(b)-6
		}
	}
	if short > long/3 {
		t.Errorf("%d bytes for %d", short, long)
	}
}

func TestAShortTextOfNoKnownPhrasesIsNoRecord(t *testing.T) {
	var l login.Login
	b, err := (&login.Login{RedirectURI: login.Shorten("ab")}).AppendBinary(nil)
	if err != nil || l.UnmarshalBinary(b) != nil || l.RedirectURI.String() != "ab" {
		t.Fatalf("%q is read as %q", b, l.RedirectURI)
	}
	for _, end := range []string{"a\xf0", "\xf0b", "a\xff", "\xfe\xff"} {
		if err := l.UnmarshalBinary(append(b[:len(b)-2:len(b)-2], end...)); err == nil {
			t.Errorf("%q is read as %q", end, l.RedirectURI)
		}
	}
}

func TestWritingLeavesARecordAsItIsRead(t *testing.T) {
	l := login.Login{Handle: "handle", Deadline: time.Now(), Started: time.Now().UTC()}
	if back, _ := again(t, &l); !same(back, &l) {
		t.Errorf("%+v\nis read as %+v", l, back)
	}
}

// FuzzRecord reads what no store has written. What is read all the same is read alike
// once it is written.
func FuzzRecord(f *testing.F) {
	for kind, r := range records() {
		bare, _ := r.AppendBinary(nil)
		storetest.Fill(f, r)
		full, _ := r.AppendBinary(nil)
		f.Add(byte(kind), bare)
		f.Add(byte(kind), full)
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		r := records()[int(kind)%len(records())]
		if r.UnmarshalBinary(b) != nil {
			return
		}
		if back, b := again(t, r); !same(back, r) {
			t.Errorf("%+v\ncame back as %+v\nfrom %q", r, back, b)
		}
	})
}
