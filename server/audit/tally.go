package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// tally collects what a check sees in several places, at once if need be.
type tally struct {
	mu                   sync.Mutex
	fine, wrong, unknown notes
}

// notes are sentences, each with all of whom it is true.
type notes map[string][]string

func (t *tally) ok(who, format string, args ...any)     { t.add(&t.fine, who, format, args) }
func (t *tally) bad(who, format string, args ...any)    { t.add(&t.wrong, who, format, args) }
func (t *tally) unsure(who, format string, args ...any) { t.add(&t.unknown, who, format, args) }

func (t *tally) add(list *notes, who, format string, args []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if *list == nil {
		*list = notes{}
	}
	text := fmt.Sprintf(format, args...)
	if !slices.Contains((*list)[text], who) {
		(*list)[text] = append((*list)[text], who)
	}
}

// failed tells whether anything wrong was seen so far.
func (t *tally) failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.wrong) > 0
}

// result fails for one wrong thing and passes for one that is fine.
func (t *tally) result(advice string) Result {
	switch {
	case len(t.wrong) > 0:
		return Result{Fail, t.wrong.String(), advice}
	case len(t.fine) > 0 && len(t.unknown) > 0:
		return pass("%s; not known: %s", t.fine, t.unknown)
	case len(t.fine) > 0:
		return pass("%s", t.fine)
	case len(t.unknown) > 0:
		return skipped("%s", t.unknown)
	}
	return skipped("nothing here to look at")
}

// String keeps evidence to a line or two.
func (n notes) String() string {
	var all []string
	for _, text := range slices.Sorted(maps.Keys(n)) {
		who := slices.Sorted(slices.Values(n[text]))
		if who[0] == "" {
			all = append(all, text)
		} else {
			all = append(all, few(who, 5, ", ", " and ")+": "+text)
		}
	}
	return few(all, 3, "; ", "; and ")
}

func few(all []string, most int, comma, and string) string {
	if len(all) > most {
		return fmt.Sprintf("%s%s%d more", strings.Join(all[:most], comma), and, len(all)-most)
	}
	return strings.Join(all, comma)
}
