package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"qrlatch/server/geo"
	"qrlatch/server/login"
	"qrlatch/server/oidc"
	"qrlatch/server/phone"
	"qrlatch/server/web"
)

// config is everything the program was told.
type config struct {
	args []string // to read it all again on SIGHUP

	listen, adminListen   string
	publicURL             string
	hosts, trusted        list
	configFile, keyFile   string
	demo                  demoMode
	store                 string
	pollHold              time.Duration
	loginTTL, codeTTL     time.Duration
	ticketTTL, sessionTTL time.Duration
	tlsCert, tlsKey       string
	tlsLegacy             bool
	logFormat, logLevel   string
	traces                string // URL of a collector; empty: none are sent
	proxies               []*net.IPNet
	file                  file
	apps                  []login.App
	oidc                  *oidc.Config               // without the public URL's part; nil: none
	jwt                   *phone.JWT                 // without keys if they are at a URL; nil: none
	introspection         *phone.IntrospectionConfig // nil: none
	appLinks              web.AppLinks
	geo                   *geo.DB
	keys                  *login.Keyring // nil: draw one
	certificate           tls.Certificate
	warnings              []string
	settings              map[string]string // every flag as it ended up
}

var errHelp = errors.New("help was asked for")

// parseConfig reads flags, environment and file, in this order of precedence, and
// reports all that is wrong at once.
func parseConfig(args []string, env environment) (*config, error) {
	c := &config{args: args, file: file{Limits: defaultLimits()}}
	flags := c.flags(env)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, errHelp
		}
		return nil, usage("%s (qrlatch --help lists the flags)", err)
	}
	if flags.NArg() > 0 {
		return nil, usage("unknown command %q (want version, keys new, config check, health, audit, or only flags)", flags.Arg(0))
	}
	var wrong problems
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	flags.VisitAll(func(f *flag.Flag) {
		name := "QRLATCH_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, set := env.lookup(name)
		if given[f.Name] || !set {
			return
		}
		given[f.Name] = true
		if err := setFlag(f, value); err != nil {
			wrong.add("%s: %s", name, err)
		}
	})
	if c.configFile != "" {
		wrong.join(c.readFile(flags, given))
	}
	c.check(&wrong)
	c.settings = map[string]string{}
	flags.VisitAll(func(f *flag.Flag) { c.settings[f.Name] = f.Value.String() })
	if len(wrong.lines) > 0 {
		return nil, &usageError{lines: wrong.lines}
	}
	return c, nil
}

func (c *config) flags(env environment) *flag.FlagSet {
	f := flag.NewFlagSet("qrlatch", flag.ContinueOnError)
	f.SetOutput(discard{})
	f.StringVar(&c.listen, "listen", "127.0.0.1:8080", "public listener; :0 takes any free port")
	f.StringVar(&c.adminListen, "admin-listen", "127.0.0.1:9090", "listener for /metrics, /healthz, /readyz and pprof; empty: none")
	f.StringVar(&c.publicURL, "public-url", "", "scheme and host that browsers and phones use (default http://<listen>)")
	f.Var(&c.hosts, "host", "a further host name to answer for (repeatable); * is any")
	f.StringVar(&c.configFile, "config", "", "YAML file with apps and phones")
	f.StringVar(&c.keyFile, "key-file", "", "keys, newest first; 'qrlatch keys new' prints a line")
	f.Var(&c.demo, "demo", "a demo site and two demo phones, nothing to configure; --demo=lan listens on the LAN")
	f.StringVar(&c.store, "store", memory, "where logins are kept: memory, or redis://host:port for many nodes")
	f.DurationVar(&c.pollHold, "poll-hold", 25*time.Second, "how long a poll waits before it says 'nothing yet'")
	f.DurationVar(&c.loginTTL, "login-ttl", 5*time.Minute, "life of a login until it is scanned")
	f.DurationVar(&c.codeTTL, "code-ttl", 20*time.Second, "how long one picture's code stays fresh")
	f.DurationVar(&c.ticketTTL, "ticket-ttl", time.Minute, "from approval until the browser must have collected")
	f.DurationVar(&c.sessionTTL, "session-ttl", 12*time.Hour, "life of a signed-in browser's session")
	f.Var(&c.trusted, "trusted-proxies", "networks (CIDR, comma-separated) whose X-Forwarded-* headers are believed")
	f.StringVar(&c.tlsCert, "tls-cert", "", "PEM certificate chain: serve HTTPS")
	f.StringVar(&c.tlsKey, "tls-key", "", "PEM key of --tls-cert")
	f.BoolVar(&c.tlsLegacy, "tls-legacy", false, "also TLS 1.0/1.1 and old ciphers, for Internet Explorer 8 to 10 (unsafe)")
	f.StringVar(&c.logFormat, "log-format", "", "text or json (default text on a terminal, else json)")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.traces, "traces", "", "URL of an OpenTelemetry collector (OTLP/HTTP) such as http://localhost:4318; empty: none")
	f.Usage = func() {
		f.SetOutput(env.stderr)
		fmt.Fprintln(env.stderr, "qrlatch lets browsers in by a scan with a phone.\n\nCommands: version, keys new, config check, health, audit; without one it serves.\n\nFlags (each also as environment variable QRLATCH_NAME):")
		f.PrintDefaults()
		f.SetOutput(discard{})
	}
	return f
}

// setFlag gives a flag a value from elsewhere, with an error that names neither the
// value nor Go's own types.
func setFlag(f *flag.Flag, value string) error {
	if err := f.Value.Set(value); err != nil {
		return fmt.Errorf("bad value: %s", wanted(f))
	}
	return nil
}

func wanted(f *flag.Flag) string {
	if getter, ok := f.Value.(flag.Getter); ok {
		switch getter.Get().(type) {
		case time.Duration:
			return "want a duration such as 25s or 5m"
		case bool:
			return "want true or false"
		}
	}
	return "want " + f.Usage
}

// check validates what was read and fills in what follows from it.
func (c *config) check(wrong *problems) {
	host, port, err := net.SplitHostPort(c.listen)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > 65535 {
		wrong.add("--listen %q: want host:port", c.listen)
	}
	if ip := net.ParseIP(host); c.publicURL == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		wrong.add("--listen %q is any address: say with --public-url what browsers and phones call this server", c.listen)
	}
	if _, _, err := net.SplitHostPort(c.adminListen); c.adminListen != "" && err != nil {
		wrong.add("--admin-listen %q: want host:port, or nothing for none", c.adminListen)
	}
	if c.publicURL != "" {
		if err := checkOrigin(c.publicURL); err != nil {
			wrong.add("--public-url %q: %s", c.publicURL, err)
		}
		c.publicURL = strings.TrimSuffix(c.publicURL, "/")
	}
	for _, cidr := range c.trusted {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			wrong.add("--trusted-proxies %q: want a network such as 10.0.0.0/8", cidr)
		}
		c.proxies = append(c.proxies, network)
	}
	for _, h := range c.hosts {
		if h == "*" {
			c.warnings = append(c.warnings, "--host * answers for every host name: a page under any name can speak for this server")
		} else if strings.ContainsAny(h, "/ @?#") || h == "" {
			wrong.add("--host %q: want a host name, with or without a port", h)
		}
	}
	c.checkStore(wrong)
	c.checkTimes(wrong)
	c.checkTLS(wrong)
	c.checkLog(wrong)
	c.checkTraces(wrong)
	c.checkKeys(wrong)
	c.file.Limits.check(wrong)
	c.checkSites(wrong, host)
}

func (c *config) checkTimes(wrong *problems) {
	between := func(name string, d, least, most time.Duration) {
		if d < least || d > most {
			wrong.add("--%s %s: want %s to %s", name, d, least, most)
		}
	}
	between("poll-hold", c.pollHold, 10*time.Millisecond, 10*time.Minute)
	between("login-ttl", c.loginTTL, time.Second, time.Hour)
	between("code-ttl", c.codeTTL, time.Second, time.Hour)
	between("ticket-ttl", c.ticketTTL, time.Second, 10*time.Minute)
	between("session-ttl", c.sessionTTL, time.Second, 366*24*time.Hour)
}

func (c *config) checkTLS(wrong *problems) {
	if (c.tlsCert == "") != (c.tlsKey == "") {
		wrong.add("--tls-cert and --tls-key go together")
	}
	if c.tlsCert != "" && c.tlsKey != "" {
		var err error
		if c.certificate, err = tls.LoadX509KeyPair(c.tlsCert, c.tlsKey); err != nil {
			wrong.add("--tls-cert, --tls-key: %s", err)
		}
	}
	if c.tlsLegacy {
		if c.tlsCert == "" {
			wrong.add("--tls-legacy needs --tls-cert and --tls-key")
		}
		c.warnings = append(c.warnings, "--tls-legacy accepts TLS 1.0 and ciphers that are broken: only for browsers that know nothing better")
	}
}

func (c *config) checkLog(wrong *problems) {
	if c.logFormat != "" && c.logFormat != "text" && c.logFormat != "json" {
		wrong.add("--log-format %q: want text or json", c.logFormat)
	}
	if !strings.Contains(" debug info warn error ", " "+c.logLevel+" ") {
		wrong.add("--log-level %q: want debug, info, warn or error", c.logLevel)
	}
}

func (c *config) checkKeys(wrong *problems) {
	if c.keyFile == "" {
		c.warnings = append(c.warnings, "no --key-file: keys are drawn now, and a restart ends every login and session")
		return
	}
	f, err := os.Open(c.keyFile)
	if err != nil {
		wrong.add("--key-file: %s", err)
		return
	}
	defer func() { _ = f.Close() }() // read only
	keys, err := login.ParseKeys(f)
	if err != nil {
		wrong.add("--key-file %s: %s", c.keyFile, err)
		return
	}
	c.keys = &keys
}

// checkOrigin accepts scheme://host[:port] and nothing more.
func checkOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("want scheme and host only, such as https://login.example")
	}
	return nil
}

// problems collects what is wrong, a line each.
type problems struct{ lines []string }

func (p *problems) add(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (p *problems) join(lines []string) { p.lines = append(p.lines, lines...) }

// list is a flag that may be given more than once or with commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(text string) error {
	for _, part := range strings.Split(text, ",") {
		*l = append(*l, strings.TrimSpace(part))
	}
	return nil
}

// demoMode is "", "true" or "lan". It can be given like a switch.
type demoMode string

func (d *demoMode) String() string   { return string(*d) }
func (d *demoMode) IsBoolFlag() bool { return true }

func (d *demoMode) Set(text string) error {
	switch text {
	case "true", "1", "lan":
		*d = demoMode(strings.ReplaceAll(text, "1", "true"))
	case "false", "0", "":
		*d = ""
	default:
		return errors.New("want true, false or lan")
	}
	return nil
}

// discard drops what the flag package would print: errors are printed once, by main.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
