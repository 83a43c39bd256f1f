package main

import (
	"log/slog"
	"math"
	"net/http"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"qrlatch/server/limit"
	"qrlatch/server/web"
)

// limits are all that the file may change. docs/limits.md says what a client gets that
// meets one.
type limits struct {
	web.Limits `yaml:",inline"`

	Logins int `yaml:"logins"` // under way

	// Of every listener.
	HeaderBytes   int           `yaml:"header_bytes"`
	HeaderTimeout time.Duration `yaml:"header_timeout"` // slow headers are an attack, not a browser
	IdleTimeout   time.Duration `yaml:"idle_timeout"`
}

// defaultLimits are those that hold where the file says nothing.
func defaultLimits() limits {
	return limits{
		Limits: web.DefaultLimits(), Logins: 1_000_000,
		HeaderBytes: 16 << 10, HeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
	}
}

// check names what makes no sense. Who could try passwords and codes, or fill memory, as he
// likes is not helped by a 0, so those have a least value.
func (l *limits) check(wrong *problems) {
	for _, n := range []struct {
		key                string
		value, least, most int
	}{
		{"starts_per_address", l.StartsPerAddress, 0, math.MaxInt},
		{"scans_per_phone", l.ScansPerPhone, 0, math.MaxInt},
		{"waiters_per_login", l.WaitersPerLogin, 0, math.MaxInt},
		{"waiters_per_address", l.WaitersPerAddress, 0, math.MaxInt},
		{"waiters", l.Waiters, 0, math.MaxInt},
		{"logins", l.Logins, 0, math.MaxInt},
		{"polls_per_login", l.PollsPerLogin, 0, math.MaxInt},
		{"pictures_per_login", l.PicturesPerLogin, 0, math.MaxInt},
		{"sign_ins_per_address", l.SignInsPerAddress, 0, math.MaxInt},
		{"passwords_per_address", l.PasswordsPerAddress, 1, 1000},
		{"guesses_per_address", l.GuessesPerAddress, 1, limit.GuessesInAll},
		{"header_bytes", l.HeaderBytes, 4 << 10, 1 << 20},
		{"body_bytes", l.BodyBytes, 4 << 10, 256 << 10},
	} {
		switch {
		case n.value >= n.least && n.value <= n.most:
		case n.least == 0:
			wrong.add("limits.%s: want a number from 0 (no limit) up", n.key)
		default:
			wrong.add("limits.%s: want a number from %d to %d", n.key, n.least, n.most)
		}
	}
	for _, d := range []struct {
		key         string
		value, most time.Duration
	}{
		{"header_timeout", l.HeaderTimeout, time.Minute},
		{"body_timeout", l.BodyTimeout, 5 * time.Minute},
		{"write_timeout", l.WriteTimeout, 5 * time.Minute},
		{"idle_timeout", l.IdleTimeout, time.Hour},
	} {
		if d.value < time.Second || d.value > d.most {
			wrong.add("limits.%s: want a duration from 1s to %s, such as 10s", d.key, d.most)
		}
	}
}

// fractions names those that are no whole numbers: the library would cut 0.5 down to 0,
// which is no limit.
func fractions(text []byte) (wrong []string) {
	var written struct {
		Limits map[string]yaml.Node `yaml:"limits"`
	}
	if yaml.Unmarshal(text, &written) != nil {
		return nil // was said already
	}
	for key, node := range written.Limits {
		if node.ShortTag() == "!!float" {
			wrong = append(wrong, "limits."+key+": want a whole number")
		}
	}
	return wrong
}

// newServer returns the server of a listener. It has no limit on whole requests, which
// would cut whoever waits.
func (l *limits) newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: l.HeaderTimeout, IdleTimeout: l.IdleTimeout, MaxHeaderBytes: l.HeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
