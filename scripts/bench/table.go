//go:build linux

package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// table is what a part has to say. The first column is a name, the others are figures.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// print writes the table for people, or for a document.
func (t *table) print(w io.Writer, markdown bool) {
	if markdown {
		fmt.Fprintf(w, "### %s\n\n| %s |\n| --- |%s\n", t.title, strings.Join(t.head, " | "), strings.Repeat(" ---: |", len(t.head)-1))
		for _, row := range t.rows {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
		for _, note := range t.notes {
			fmt.Fprintf(w, "\n%s\n", note)
		}
		fmt.Fprintln(w)
		return
	}
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintln(w, t.title)
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprint(w, "  ", cell, space)
			} else {
				fmt.Fprint(w, "  ", space, cell)
			}
		}
		fmt.Fprintln(w)
	}
	for _, note := range t.notes {
		fmt.Fprintln(w, " ", note)
	}
	fmt.Fprintln(w)
}

// print prints a table that has anything to say.
func (b *bench) print(t *table) {
	if len(t.rows) > 0 {
		t.print(b.out, b.markdown)
	}
}

// count writes 50000 as 50,000.
func count[T ~int | ~int64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func micros(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }

func times(ratio float64) string {
	return strconv.FormatFloat(max(ratio, 0), 'f', 2, 64) // a goroutine less is none more
}

// quantile returns what the share q of values is at most. It sorts them.
func quantile[T ~int64 | ~float64](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

func median[T ~int64 | ~float64](values []T) T { return quantile(slices.Clone(values), 0.5) }

// spread writes the least and the greatest of a few rounds.
func spread[T ~int64 | ~float64](values []T, write func(T) string) string {
	return write(slices.Min(values)) + "–" + write(slices.Max(values))
}

func cores() int { return runtime.NumCPU() }

func goVersion() string { return runtime.Version() }
