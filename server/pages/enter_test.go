package pages_test

import (
	"regexp"
	"strings"
	"testing"

	"qrlatch/server/login"
	"qrlatch/server/pages"
)

// Enter in a field presses the first submit button of its form, wherever that stands in the
// page, and nothing if that one is disabled (HTML, section 4.10.21.2). With the number just
// typed, or in a hurry, a key is no yes.
func TestEnterIsNoAnswer(t *testing.T) {
	w := newWorld(t, func(_ *pages.Options, c *login.Config) { c.Apps[0].Number = login.NumberAlways })
	alice := w.phone("Alice")
	_, _, code := w.begin()
	page := alice.scan(code).body
	inside := regexp.MustCompile(`(?s)<form[^>]* id="approve".*?</form>`).FindString(page)
	first := regexp.MustCompile(`<button[^>]*>`).FindString(inside)
	if first != "<button disabled hidden>" {
		t.Errorf("Enter presses %q of %q", first, inside)
	}
	above := page[:strings.Index(page, inside)]
	if early := regexp.MustCompile(`<button[^>]* form="approve"[^>]*>`).FindString(above); early != "" {
		t.Errorf("%s comes before it", early)
	}
	if !strings.Contains(page, `<input form="approve" id="number"`) {
		t.Errorf("the test sees no field: %s", page)
	}
}
