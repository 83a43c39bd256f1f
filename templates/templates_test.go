package templates_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"
)

// TestNoTextIsLeftInTheTemplates looks for letters that no message put there.
func TestNoTextIsLeftInTheTemplates(t *testing.T) {
	var (
		code  = regexp.MustCompile(`(?s)<script.*?</script>|<!DOCTYPE[^>]*>`)
		tag   = regexp.MustCompile(`<[^>]*>`)
		words = regexp.MustCompile(`\s(?:alt|title|aria-label|placeholder)="([^"]*)"`)
	)
	for _, page := range pages(t) {
		html := code.ReplaceAllString(page.text, "")
		for _, found := range words.FindAllStringSubmatch(html, -1) {
			checkText(t, page.name, found[1])
		}
		checkText(t, page.name, tag.ReplaceAllString(html, " "))
	}
}

func checkText(t *testing.T, page, text string) {
	t.Helper()
	for _, word := range strings.Fields(text) {
		if strings.IndexFunc(word, unicode.IsLetter) >= 0 && word != "qrlatch" {
			t.Errorf("%s says %q", page, word)
		}
	}
}

// page is one defined template: its text without the actions, and the messages that it
// says with the number of their arguments.
type page struct {
	name, text string
	keys       map[string]int
}

func pages(t *testing.T) []page {
	t.Helper()
	files, err := filepath.Glob("*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var all []page
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, set := parse.New(file), map[string]*parse.Tree{}
		tree.Mode = parse.SkipFuncCheck
		if _, err := tree.Parse(string(text), "", "", set); err != nil {
			t.Fatal(err)
		}
		for name, defined := range set {
			p := page{name: file + ", " + name, keys: map[string]int{}}
			p.walk(defined.Root)
			all = append(all, p)
		}
	}
	return all
}

func (p *page) walk(node parse.Node) {
	branch := func(b parse.BranchNode) {
		p.walk(b.Pipe)
		p.walk(b.List)
		if b.ElseList != nil {
			p.walk(b.ElseList)
		}
	}
	switch n := node.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			p.walk(child)
		}
	case *parse.TextNode:
		p.text += string(n.Text)
	case *parse.IfNode:
		branch(n.BranchNode)
	case *parse.RangeNode:
		branch(n.BranchNode)
	case *parse.WithNode:
		branch(n.BranchNode)
	case *parse.ActionNode:
		p.walk(n.Pipe)
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			p.call(command)
		}
	}
}

func (p *page) call(command *parse.CommandNode) {
	for _, arg := range command.Args {
		p.walk(arg)
	}
	if f, ok := command.Args[0].(*parse.IdentifierNode); ok && (f.Ident == "t" || f.Ident == "text") && len(command.Args) > 1 {
		if key, ok := command.Args[1].(*parse.StringNode); ok {
			p.keys[key.Text] = len(command.Args) - 2
		}
	}
}
