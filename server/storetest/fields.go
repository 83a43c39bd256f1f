package storetest

import (
	"context"
	"encoding/binary"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"qrlatch/server/login"
)

// Fill sets every field of a record, and of what is in it, to something that no other
// field has and that a store could lose: signs of all kinds, whole nanoseconds. A kind of
// field that it does not know fails the test.
func Fill(t testing.TB, record any) {
	n := uint64(0)
	var fill func(path string, v reflect.Value)
	fill = func(path string, v reflect.Value) {
		n++
		switch field := v.Addr().Interface().(type) {
		case *time.Time:
			*field = time.Now().Add(time.Duration(n) * (time.Minute + 1)).Round(0)
			return
		case *login.Short:
			*field = login.Shorten(path + " \"<爱\x00\xff")
			return
		case *netip.Addr:
			*field = netip.AddrFrom16([16]byte{0x20, 1, 15: byte(n)}).WithZone("eth0")
			return
		}
		switch {
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				fill(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case v.Kind() == reflect.String:
			v.SetString(path + " \"<爱\x00\xff")
		case v.Kind() == reflect.Bool:
			v.SetBool(true)
		case v.Kind() == reflect.Array:
			binary.BigEndian.PutUint64(v.Slice(v.Len()-8, v.Len()).Bytes(), n)
		case v.CanUint():
			v.SetUint(n)
		case v.CanInt():
			v.SetInt(int64(n))
		default:
			t.Fatalf("%s: a field of kind %v", path, v.Kind())
		}
	}
	v := reflect.ValueOf(record).Elem()
	fill(v.Type().Name(), v)
}

// keeps saves a record in which nothing is zero, and one in which all but its key and its
// end is: a store that writes records down must not lose, invent or round any of it.
func (s suite[K, R]) keeps(t *testing.T, table login.Table[K, R]) {
	full, bare := s.make("full"), s.make("bare")
	Fill(t, &full)
	for _, want := range []R{full, bare} {
		ctx := context.Background()
		if err := table.Create(ctx, want); err != nil {
			t.Fatal(err)
		}
		got, err := table.Get(ctx, want.Key())
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("read %+v\nwant %+v", got, want)
		}
		got, err = table.Update(ctx, want.Key(), func(r *R) error {
			if *r != want {
				t.Errorf("changed %+v\nwant    %+v", *r, want)
			}
			return nil
		})
		if err != nil || got != want {
			t.Errorf("updated %+v, %v\nwant    %+v", got, err, want)
		}
	}
}
