package pages

import (
	"slices"
	"testing"
	"time"

	"qrlatch/templates"
)

func wordsIn(t *testing.T, language string) words {
	t.Helper()
	languages, err := templates.Parse(new(Pages).functions)
	if err != nil {
		t.Fatal(err)
	}
	return words{languages[language]}
}

func TestUserAgentsInAFewWords(t *testing.T) {
	say := wordsIn(t, "en")
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
		if got := say.browser(agent); got != want {
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
		if got := wordsIn(t, "en").ago(test.passed); got != test.want {
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

func TestTimesInEveryLanguage(t *testing.T) {
	at := time.Date(2026, time.November, 3, 9, 5, 0, 0, time.UTC)
	for language, want := range map[string][]string{
		"en": {"09:05, 3 November", "1 minute ago", "5 minutes ago", "The program curl", "A Go program", "Safari on a Mac"},
		"zh": {"11月3日 09:05", "1 分钟前", "5 分钟前", "curl 程序", "Go 编写的程序", "Mac 上的 Safari"},
		"ko": {"11월 3일 09:05", "1분 전", "5분 전", "curl 프로그램", "Go 프로그램", "Mac의 Safari"},
		"es": {"3 de noviembre, 09:05", "hace 1 minuto", "hace 5 minutos", "El programa curl", "Un programa en Go", "Safari en un Mac"},
	} {
		say := wordsIn(t, language)
		got := []string{
			say.clock(at), say.ago(time.Minute), say.ago(5 * time.Minute),
			say.browser("curl/8"), say.browser("Go-http-client/1.1"), say.browser("(Macintosh) Version/17"),
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", language, got, want)
		}
	}
}

func TestArgumentsAreEscapedAndIsolated(t *testing.T) {
	en, zh := wordsIn(t, "en"), wordsIn(t, "zh")
	for _, test := range []struct{ got, want string }{
		{string(en.HTML("phone.of", "<b>&")), "Phone of <bdi>&lt;b&gt;&amp;</bdi>"},
		{string(en.HTML("phone.of", "{0}")), "Phone of <bdi>{0}</bdi>"},
		{string(en.HTML("scan.tries", 2)), "That was not the number. 2 tries remain."},
		{string(en.HTML("phone.of", strong("<i>"))), "Phone of <strong><bdi>&lt;i&gt;</bdi></strong>"},
		{string(en.HTML("a <title> of the caller’s")), "a &lt;title&gt; of the caller’s"},
		{en.Text("login.title", "<b>&"), "Sign in to <b>&"},
		{en.Text("login.title"), "Sign in to {0}"},
		{zh.Tag(), "zh-Hans"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}
