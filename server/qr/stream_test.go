package qr

import (
	"bytes"
	"compress/flate"
	stdlzw "compress/lzw"
	"io"
	"math/rand/v2"
	"testing"
)

// The standard library reads what we write, whatever repeats from wherever.
func TestDeflateReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(15, 16))
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	for n := 3; n < 1200; n += 1 + n/300 {
		back := 1 + random.IntN(len(all))
		var d deflater
		d.begin()
		d.literals(all)
		d.repeat(n, back)
		d.runs([]byte("abbcccddddeeeee"))
		d.repeat(0, 1)
		d.end()
		want := bytes.Clone(all)
		for range n {
			want = append(want, want[len(want)-back])
		}
		want = append(want, "abbcccddddeeeee"...)
		rest := bytes.NewReader(d.out)
		got, err := io.ReadAll(flate.NewReader(rest))
		if err != nil || !bytes.Equal(got, want) || rest.Len() > 0 {
			t.Fatalf("%d bytes from %d back: %v, %d bytes are left", n, back, err, rest.Len())
		}
	}
}

// Distances have up to 32768 values, and the longest length a code without further bits.
func TestDeflateKnowsEveryDistance(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(17, 18))
	all := make([]byte, 1<<15)
	for i := range all {
		all[i] = byte(random.Uint32())
	}
	for back := 1; back <= len(all); back += 1 + back/8 {
		var d deflater
		d.begin()
		d.literals(all)
		before := 8*len(d.out) + int(d.n)
		d.repeat(258, back)
		if most := 8 + 5 + 13; 8*len(d.out)+int(d.n)-before > most {
			t.Errorf("258 bytes from %d back take more than %d bits", back, most)
		}
		if back == 1 && 8*len(d.out)+int(d.n)-before != 8+5 {
			t.Error("258 bytes from the last one take more than 13 bits")
		}
		d.end()
		got, err := io.ReadAll(flate.NewReader(bytes.NewReader(d.out)))
		if err != nil || len(got) != len(all)+258 || got[len(all)] != all[len(all)-back] || got[len(all)+min(back, 258)-1] != all[len(all)-back+min(back, 258)-1] {
			t.Fatalf("from %d back: %v", back, err)
		}
	}
}

func TestLZWReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(19, 20))
	pack := new(lzw)
	for n := 1; n < 30000; n += 1 + n/20*(n/500) {
		var want []byte
		pack.begin(nil)
		for len(want) < n {
			colour, run := byte(random.IntN(2)), min(1+random.IntN(4), n-len(want))
			pack.run(uint16(colour), run)
			want = append(want, bytes.Repeat([]byte{colour}, run)...)
		}
		file := pack.end()
		var packed []byte
		for blocks := file[1:]; blocks[0] > 0; blocks = blocks[1+int(blocks[0]):] {
			packed = append(packed, blocks[1:1+int(blocks[0])]...)
		}
		rest := bytes.NewReader(packed)
		got, err := io.ReadAll(stdlzw.NewReader(rest, stdlzw.LSB, int(file[0])))
		if err != nil || !bytes.Equal(got, want) || rest.Len() > 0 {
			t.Fatalf("%d pixels: %v, %d read, %d bytes are left", n, err, len(got), rest.Len())
		}
	}
}
