package pages

import (
	"testing"
	"time"
)

func TestUserAgentsInAFewWords(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36 Edg/128.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                   "Safari on a Mac",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": "Safari on an iPhone",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Mobile Safari/537.36":                   "Chrome on Android",
		"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)":                                                                                      "Internet Explorer on Windows",
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                                   "Internet Explorer on Windows",
		"curl/8.5.0":            "The program curl",
		"Mozilla/5.0 (Windows)": "A browser on Windows",
		"":                      "An unknown browser",
		"<script>":              "An unknown browser",
	} {
		if got := browser(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

func TestHowLongAgo(t *testing.T) {
	for _, test := range []struct {
		passed time.Duration
		want   string
	}{
		{-time.Second, "just now"}, {0, "just now"}, {5 * time.Second, "5 seconds ago"}, {61 * time.Second, "1 minute ago"},
		{59 * time.Minute, "59 minutes ago"}, {90 * time.Minute, "1 hour ago"}, {47 * time.Hour, "47 hours ago"}, {72 * time.Hour, "3 days ago"},
	} {
		if got := ago(test.passed); got != test.want {
			t.Errorf("%s is %q, want %q", test.passed, got, test.want)
		}
	}
}

func TestInitialsStandForPictures(t *testing.T) {
	for name, want := range map[string]string{"alice": "A", " éva": "É", "": "·", "\xff": "·", "李": "李"} {
		if got := initial(name); got != want {
			t.Errorf("%q has %q, want %q", name, got, want)
		}
	}
}
