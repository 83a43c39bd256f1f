package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
)

// withoutMutation are the rows that need none, and why.
func withoutMutation() map[string]string { return map[string]string{} }

// rowsWithout are the rows of the promises that something proves, and that no mutation has
// under its own name.
func rowsWithout(promises string) (missing []string, err error) {
	rows, err := provedRows(promises)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, m := range mutations() {
		have[m.row] = true
		if !slices.Contains(rows, m.row) {
			return nil, fmt.Errorf("%s is no row that something proves", m.row)
		}
	}
	for _, row := range rows {
		if !have[row] && withoutMutation()[row] == "" {
			missing = append(missing, row)
		}
	}
	return missing, nil
}

// provedRows reads the table of the promises in its source: row, words, proofs.
func provedRows(file string) (rows []string, err error) {
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	ast.Inspect(source, func(n ast.Node) bool {
		entry, ok := n.(*ast.CompositeLit)
		if !ok || entry.Type != nil || len(entry.Elts) != 4 {
			return true
		}
		row, ok := entry.Elts[0].(*ast.BasicLit)
		if _, proved := entry.Elts[2].(*ast.CompositeLit); ok && proved {
			name, _ := strconv.Unquote(row.Value) // the parser has read it
			rows = append(rows, name)
		}
		return true
	})
	if len(rows) < 40 {
		return nil, fmt.Errorf("%s: only %d rows were found", file, len(rows))
	}
	return rows, nil
}
