package login

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var allStates = []State{Pending, Scanned, Approved, Redeemed, Denied, Expired}

func TestEveryPairOfStatesIsAStepOfTheMachineOrIsNot(t *testing.T) {
	steps := map[[2]State]bool{
		{Pending, Scanned}: true, {Scanned, Approved}: true, {Approved, Redeemed}: true, {Scanned, Denied}: true,
		{Pending, Expired}: true, {Scanned, Expired}: true, {Approved, Expired}: true,
	}
	for _, from := range append([]State{0}, allStates...) {
		for _, to := range append([]State{0}, allStates...) {
			if got := from.May(to); got != steps[[2]State{from, to}] {
				t.Errorf("%q may become %q: %v", from, to, got)
			}
			l := Login{State: from}
			if moved := l.become(to); moved != from.May(to) || moved && l.State != to || !moved && l.State != from {
				t.Errorf("%q.become(%q) = %v and left %q", from, to, moved, l.State)
			}
		}
	}
}

func TestNoStateEverComesBack(t *testing.T) {
	var reach func(from State, path []State)
	reach = func(from State, path []State) {
		if slices.Contains(path, from) {
			t.Fatalf("%q comes back on the way %v", from, path)
		}
		for _, to := range next[from] {
			reach(to, append(slices.Clone(path), from))
		}
	}
	for _, s := range allStates {
		reach(s, nil)
	}
}

func TestFinalStatesAreThoseThatLeadNowhere(t *testing.T) {
	for _, s := range allStates {
		if want := s == Redeemed || s == Denied || s == Expired; s.Final() != want {
			t.Errorf("%q.Final() = %v", s, !want)
		}
	}
	if State(0).Final() {
		t.Error("the zero state is final")
	}
}

func TestTheNameOfAStateIsReadBack(t *testing.T) {
	for _, s := range append([]State{0}, allStates...) {
		if got, ok := ParseState(s.String()); !ok || got != s {
			t.Errorf("ParseState(%q) = %d, %v, want %d", s.String(), got, ok, s)
		}
	}
	for _, text := range []string{"Pending", " pending", "ok", "0", "redeemed "} {
		if s, ok := ParseState(text); ok || s != 0 {
			t.Errorf("ParseState(%q) = %q, %v, want none", text, s, ok)
		}
	}
	if len(stateNames) != len(allStates) || len(next) != len(allStates) {
		t.Error("a state is missing in this test or in a table")
	}
}

// The picture in doc.go is followed along its lines, so that it cannot rot.
func TestTheDiagramInTheDocumentationShowsTheMachine(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	arrows := drawn(strings.Split(string(source), "\n"))
	for _, from := range allStates {
		want := slices.Clone(next[from])
		slices.Sort(want)
		got := arrows[from]
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("in the diagram %q leads to %q, in the table to %q", from, got, want)
		}
	}
}

// drawn finds the arrows of a diagram.
func drawn(lines []string) map[State][]State {
	var grid [][]rune
	words := map[[2]int]State{} // the cells of each name
	for y, line := range lines {
		grid = append(grid, []rune(line))
		if !strings.ContainsAny(line, "►◄│") {
			continue
		}
		for s, name := range stateNames {
			if i := strings.Index(line, name); i >= 0 {
				for x := range name {
					words[[2]int{utf8.RuneCountInString(line[:i]) + x, y}] = s
				}
			}
		}
	}
	at := func(x, y int) rune {
		if y < 0 || y >= len(grid) || x < 0 || x >= len(grid[y]) {
			return ' '
		}
		return grid[y][x]
	}
	arrows := make(map[State][]State)
	var follow func(from State, x, y, dx, dy int)
	follow = func(from State, x, y, dx, dy int) {
		switch c := at(x, y); {
		case c == '►' || c == '◄':
			if to, ok := words[[2]int{x + 2*dx, y}]; ok {
				arrows[from] = append(arrows[from], to)
			}
		case c == '─' && dx != 0, c == '│' && dy != 0:
			follow(from, x+dx, y+dy, dx, dy)
		case (c == '└' || c == '┴') && dy == 1:
			follow(from, x+1, y, 1, 0)
		case c == '┘' && dy == 1:
			follow(from, x-1, y, -1, 0)
		case c == '┴' && dx != 0:
			follow(from, x+dx, y, dx, 0)
		}
	}
	for cell, s := range words {
		follow(s, cell[0], cell[1]+1, 0, 1)
		if _, inside := words[[2]int{cell[0] + 1, cell[1]}]; !inside {
			follow(s, cell[0]+2, cell[1], 1, 0)
		}
	}
	return arrows
}
