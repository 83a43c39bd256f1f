// Command qrlatch is a server for logging in by scanning a QR code.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"qrlatch/server/audit"
	"qrlatch/server/login"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], environment{lookup: os.LookupEnv, stdout: os.Stdout, stderr: os.Stderr, reload: reload})
	if err == nil {
		return
	}
	var bad *usageError
	if errors.As(err, &bad) {
		for _, line := range bad.lines {
			fmt.Fprintln(os.Stderr, "qrlatch: "+line)
		}
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "qrlatch: "+err.Error())
	os.Exit(1)
}

// environment is what run uses of the world around it.
type environment struct {
	lookup         func(name string) (string, bool) // of an environment variable
	stdout, stderr io.Writer
	reload         <-chan os.Signal
}

// usageError is a start that cannot be: a line for each thing to mend, exit status 2.
type usageError struct{ lines []string }

func (e *usageError) Error() string { return fmt.Sprint(e.lines) }

func usage(format string, args ...any) error {
	return &usageError{lines: []string{fmt.Sprintf(format, args...)}}
}

// run is the whole program. It returns when ctx ends and everything has stopped.
func run(ctx context.Context, args []string, env environment) error {
	word := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch word(0) {
	case "version":
		fmt.Fprintln(env.stdout, "qrlatch "+version)
		return nil
	case "keys":
		if word(1) != "new" || len(args) > 2 {
			return usage("usage: qrlatch keys new   (prints one line for a key file)")
		}
		fmt.Fprintln(env.stdout, login.NewKeyLine())
		return nil
	case "audit":
		err := audit.Command(ctx, args[1:], version, env.stdout)
		if err == nil || errors.Is(err, audit.ErrFailed) {
			return err
		}
		return usage("audit: %s", err)
	case "health":
		return health(ctx, args[1:], env.stdout)
	case "config":
		if word(1) != "check" {
			return usage("usage: qrlatch config check [flags]")
		}
		c, err := parseConfig(args[2:], env)
		if err != nil {
			return helpOr(err)
		}
		for _, w := range c.warnings {
			fmt.Fprintln(env.stdout, "warning: "+w)
		}
		fmt.Fprintln(env.stdout, "configuration is good")
		return nil
	}
	config, err := parseConfig(args, env)
	if err != nil {
		return helpOr(err)
	}
	return serve(ctx, config, env)
}

// helpOr makes a request for help a success.
func helpOr(err error) error {
	if errors.Is(err, errHelp) {
		return nil
	}
	return err
}
