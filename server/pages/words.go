package pages

import (
	"net/netip"
	"strings"
	"time"

	"qrlatch/templates"
)

// words says in one language what code has to put into words.
type words struct{ *templates.Language }

func (w words) ago(d time.Duration) string {
	count := func(passed, unit time.Duration, one, many string) string {
		if n := int(passed / unit); n != 1 {
			return w.Text(many, n)
		}
		return w.Text(one)
	}
	switch {
	case d < 3*time.Second:
		return w.Text("words.now")
	case d < time.Minute:
		return count(d, time.Second, "words.second", "words.seconds")
	case d < time.Hour:
		return count(d, time.Minute, "words.minute", "words.minutes")
	case d < 48*time.Hour:
		return count(d, time.Hour, "words.hour", "words.hours")
	}
	return count(d, 24*time.Hour, "words.day", "words.days")
}

func (w words) clock(t time.Time) string {
	month := ""
	if months := strings.Fields(w.Text("words.months")); len(months) == 12 {
		month = months[t.Month()-1]
	}
	return w.Text("words.clock", t.Format("15:04"), t.Day(), month)
}

// address is how the browser's address is shown.
func (w words) address(a netip.Addr) string {
	if !a.IsValid() {
		return w.Text("words.unknown_address")
	}
	return a.Unmap().String()
}

// naming is one line of a table of what user agents say: the first whose sign is in one
// fits. A name is the same in every language, or message says it, of name if there is one.
type naming struct{ sign, name, message string }

var browserNames = []naming{
	{"Edg", "Edge", ""}, {"OPR/", "Opera", ""}, {"SamsungBrowser/", "Samsung Internet", ""}, {"Vivaldi/", "Vivaldi", ""},
	{"MicroMessenger/", "WeChat", ""}, {"FxiOS/", "Firefox", ""}, {"Firefox/", "Firefox", ""}, {"CriOS/", "Chrome", ""},
	{"HeadlessChrome/", "Headless Chrome", ""}, {"Chrome/", "Chrome", ""}, {"PhantomJS/", "PhantomJS", ""},
	{"Version/", "Safari", ""}, {"MSIE ", "Internet Explorer", ""}, {"Trident/", "Internet Explorer", ""},
	{"curl/", "curl", "words.program"}, {"Wget/", "Wget", "words.program"}, {"python", "Python", "words.program_in"},
	{"Go-http-client/", "Go", "words.program_in"}, {"okhttp", "Java", "words.program_in"}, {"Java/", "Java", "words.program_in"},
}

var systemNames = []naming{
	{"iPhone", "", "words.iphone"}, {"iPad", "", "words.ipad"}, {"Android", "Android", ""}, {"Windows", "Windows", ""},
	{"CrOS", "ChromeOS", ""}, {"Mac OS X", "", "words.mac"}, {"Macintosh", "", "words.mac"}, {"Linux", "Linux", ""},
}

// find names a user agent by a table, or says "".
func (w words) find(userAgent string, table []naming) string {
	for _, n := range table {
		switch {
		case !strings.Contains(userAgent, n.sign):
		case n.message == "":
			return n.name
		default:
			return w.Text(n.message, n.name)
		}
	}
	return ""
}

// Family is the name under which a browser is known, whatever its version; empty if it is
// none that is known here.
func Family(userAgent string) string {
	for _, n := range browserNames {
		if strings.Contains(userAgent, n.sign) {
			return n.name
		}
	}
	return ""
}

// browser says in a few words what a user agent claims to be.
func (w words) browser(userAgent string) string {
	name, system := w.find(userAgent, browserNames), w.find(userAgent, systemNames)
	switch {
	case name == "" && system == "":
		return w.Text("words.unknown_browser")
	case system == "":
		return name
	case name == "":
		return w.Text("words.some_browser_on", system)
	}
	return w.Text("words.browser_on", name, system)
}
