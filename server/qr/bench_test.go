package qr

import "testing"

// BenchmarkPNG is the picture of one code, from its text to its bytes.
func BenchmarkPNG(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s, err := Encode("https://login.example/l/abcdefghijklmnopqrstuvwxyzab")
		if err != nil {
			b.Fatal(err)
		}
		_ = s.PNG(256)
	}
}
