package audit

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

const (
	// samples are enough: that a letter of a random id is the same in all of them
	// happens once in ten million.
	samples = 5
	// enoughBits is what a random UUID has. RFC 6749, section 10.10 and OWASP's ASVS 5
	// ask for 128; a version and a variant field are no reason to cry.
	enoughBits = 120
)

// predictable measures ids that were minted one after the other.
func predictable(ctx context.Context, t *Target) (Result, error) {
	var seen tally
	for _, d := range t.starters() {
		for {
			t.mu.Lock()
			ids := slices.Clone(t.ids[d.name])
			t.mu.Unlock()
			if len(ids) >= samples {
				judge(&seen, d.name, ids)
				break
			}
			if _, err := t.mustBegin(ctx, d); err != nil {
				return Result{}, err
			}
		}
	}
	return seen.result("Draw at least 128 bits from the system's random numbers for each id."), nil
}

func judge(seen *tally, name string, ids []string) {
	bits, sorted := randomBits(ids), slices.Clone(ids)
	slices.Sort(sorted)
	switch {
	case len(slices.Compact(sorted)) < len(ids):
		seen.bad(name, "the same id was given twice")
	case bits < enoughBits:
		seen.bad(name, "ids such as %s differ in %.0f bits at most", short(ids[0]), bits)
	default:
		seen.ok(name, "ids of up to %.0f bits of chance", bits)
	}
}

// randomBits is the most that ids can have of chance in them: of each place whose letters
// differ, the logarithm of the alphabet. It sees counters, times, and what never changes;
// not a weak generator.
func randomBits(ids []string) float64 {
	alphabet := 0.0
	for _, class := range []struct {
		letters string
		count   float64
	}{{"0-9", 10}, {"a-f", 6}, {"g-z", 20}, {"A-F", 6}, {"G-Z", 20}, {"_+/=.~-", 2}} {
		if regexp.MustCompile("[" + class.letters + "]").MatchString(strings.Join(ids, "")) {
			alphabet += class.count
		}
	}
	length := len(slices.MinFunc(ids, func(a, b string) int { return len(a) - len(b) }))
	places := 0
	for i := range length {
		if slices.ContainsFunc(ids, func(id string) bool { return id[i] != ids[0][i] }) {
			places++
		}
	}
	return float64(places) * math.Log2(max(1, alphabet))
}

// Members whose values are a person's, or open something. Only whole names count: a
// login's own id may be called lgToken.
var (
	personal = regexp.MustCompile(`(?i)["'.](phone|phone_?number|mobile|tel|e?_?mail|user_?id|uid|uin|openid|unionid|sub|subject|id_?card|` +
		`password|ticket|skey|session_?(?:id|key)|access_?token|refresh_?token|id_?token|redirect_uri)["']?\s*[:=]\s*["']?([^"',;}\s]+)`)
	emailAddress = regexp.MustCompile(`[\w.+-]+@[\w-]+\.[a-z]{2,}`)
	telephone    = regexp.MustCompile(`\+[1-9]\d{9,14}\b|\b1[3-9]\d{9}\b`)
	embedded     = regexp.MustCompile(`data:[\w/+.-]+;base64,[A-Za-z0-9+/=]*`)
)

// sensitive names what must not be in an answer before the approval, without repeating it.
func sensitive(body string) []string {
	body = embedded.ReplaceAllString(body, "")
	var found []string
	for _, m := range personal.FindAllStringSubmatch(body, -1) {
		if value := m[2]; value != "null" && value != "0" && value != "false" {
			found = append(found, fmt.Sprintf("%q", strings.ToLower(m[1])))
		}
	}
	if emailAddress.MatchString(body) {
		found = append(found, "an e-mail address")
	}
	if telephone.MatchString(body) {
		found = append(found, "a telephone number")
	}
	slices.Sort(found)
	return slices.Compact(found)
}
