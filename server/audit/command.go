package audit

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
)

// ErrFailed means that the report is written, and that a check failed.
var ErrFailed = errors.New("the audit found something to mend")

const help = `usage: qrlatch audit URL [flags]

Looks at a server for scan-to-log-in from outside. It starts logins and, given phone
tokens, approves some of them: those sessions are real. Ask before you audit a server
that is not yours. Exit status: 0 passed or skipped, 1 a check failed, 2 not looked at.

`

// Command is qrlatch audit. An error other than ErrFailed means that nothing was looked
// at: exit status 2.
func Command(ctx context.Context, args []string, version string, stdout io.Writer) error {
	o := Options{Agent: "qrlatch-audit/" + version}
	asJSON := false
	flags := flag.NewFlagSet("audit", flag.ContinueOnError)
	var usage bytes.Buffer
	flags.SetOutput(&usage)
	flags.Usage = func() { usage.WriteString(help); flags.PrintDefaults() }
	flags.StringVar(&o.App, "app", DefaultApp, "`id` of the app whose logins to start")
	flags.Func("phone-token", "`file` with a phone's bearer token, for the checks that scan and approve; a second one for those that take two phones", func(path string) error {
		token, err := readToken(path)
		o.Phones = append(o.Phones, token)
		return err
	})
	flags.BoolVar(&asJSON, "json", false, "write the report as JSON")
	flags.Float64Var(&o.Rate, "rate", DefaultRate, "requests a second; more than 5 only on this machine")
	flags.DurationVar(&o.Patience, "patience", DefaultPatience, "how long to wait for an answer")
	words, err := parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, err := usage.WriteTo(stdout)
		return err
	case err != nil:
		return err
	case len(words) != 1:
		return errors.New("want one address: qrlatch audit https://login.example")
	case len(o.Phones) > 2:
		return errors.New("--phone-token: two phones are enough")
	}
	if o.URL, err = address(words[0]); err != nil {
		return err
	}
	if o.Rate <= 0 || o.Rate > DefaultRate && !here(o.URL) {
		return fmt.Errorf("--rate: want more than 0 and at most %d, or a server on this machine", DefaultRate)
	}
	if o.Patience <= 0 {
		return errors.New("--patience: want a time such as 8s")
	}
	report, err := Run(ctx, o, Checks())
	if err != nil {
		return err
	}
	write := report.WriteText
	if asJSON {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if report.Count(Fail) > 0 {
		return ErrFailed
	}
	return nil
}

// parse takes flags before and after the words.
func parse(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return words, nil
		}
		words, args = append(words, flags.Arg(0)), flags.Args()[1:]
	}
}

func address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("want an address such as https://login.example, without user, query and fragment")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// here tells whether a server is on this machine.
func here(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// readToken reads the first line of a file. No error shows what it says.
func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if first = strings.TrimSpace(first); first == "" || strings.ContainsAny(first, " \t") {
		return "", errors.New("want a bearer token alone on the first line")
	}
	return first, nil
}
