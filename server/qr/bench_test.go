package qr_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	qrcode "github.com/skip2/go-qrcode"
	rsc "rsc.io/qr"

	"qrlatch/server/qr"
)

const (
	example     = prefix + "abcdefghijklmnopqrstuvwxyzab"
	defaultSize = 256
)

// contestant makes a picture, or the modules alone, of one code from its text.
type contestant struct {
	name string
	make func() (bytes int)
}

func contestants(b *testing.B) []contestant {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	e := encoder(b)
	learnedSymbol := func() qr.Symbol {
		s, err := e.Encode(example)
		must(err)
		return s
	}
	animation := make([]qr.Frame, 20)
	var room []byte
	return []contestant{
		{"PNG", func() int { return len(learnedSymbol().PNG(defaultSize)) }},
		{"PNG in a room", func() int {
			var err error
			room, err = e.AppendPNG(room[:0], prefix, example[len(prefix):], defaultSize)
			must(err)
			return len(room)
		}},
		{"SVG", func() int { return len(learnedSymbol().SVG(defaultSize)) }},
		{"GIF of 20 codes", func() int {
			for i := range animation {
				animation[i] = qr.Frame{Symbol: learnedSymbol(), For: time.Second}
			}
			return len(qr.GIF(animation, defaultSize))
		}},
		{"modules", func() int { learnedSymbol(); return 0 }},
		{"go-qrcode PNG", func() int {
			code, err := qrcode.New(example, qrcode.Medium)
			must(err)
			file, err := code.PNG(defaultSize)
			must(err)
			return len(file)
		}},
		{"go-qrcode modules, PNG ours", func() int {
			s, err := qr.Encode(example)
			must(err)
			return len(s.PNG(defaultSize))
		}},
		{"rsc.io/qr modules", func() int { // always mask 0
			_, err := rsc.Encode(example, rsc.M)
			must(err)
			return 0
		}},
		{"rsc.io/qr PNG", func() int {
			code, err := rsc.Encode(example, rsc.M)
			must(err)
			code.Scale = 6
			return len(code.PNG())
		}},
	}
}

// BenchmarkEach is for allocations and profiles.
func BenchmarkEach(b *testing.B) {
	for _, c := range contestants(b) {
		b.Run(strings.ReplaceAll(c.name, "/", "."), func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = c.make()
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

// BenchmarkBeside lets all of them take turns, so that a busy machine is busy for each,
// and logs the medians and what each took when it was left alone.
func BenchmarkBeside(b *testing.B) {
	const rounds, turn = 101, 2 * time.Millisecond // less than a scheduler's slice
	all := contestants(b)
	for b.Loop() {
		took := make([][]float64, len(all))
		for range rounds {
			for i, c := range all {
				n, begin, end := 0, time.Now(), time.Duration(0)
				for ; end < turn; end = time.Since(begin) {
					c.make()
					n++
				}
				took[i] = append(took[i], float64(end.Nanoseconds())/1000/float64(n))
			}
		}
		var table strings.Builder
		w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "\tµs\tbest\tbytes\ttimes our PNG\t")
		ours := median(took[0])
		for i, c := range all {
			fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%d\t%.1f\t\n", c.name, median(took[i]), slices.Min(took[i]), c.make(), median(took[i])/ours)
		}
		_ = w.Flush() // a builder takes everything
		b.Logf("medians of %d rounds:\n%s", rounds, strings.TrimSuffix(table.String(), "\n"))
	}
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// BenchmarkLearn is what the start of a server costs.
func BenchmarkLearn(b *testing.B) {
	for b.Loop() {
		learned(b, prefix, letters)
	}
}
