//go:build linux

// Bench holds this server against those that it claims to beat, on this machine, and
// prints tables of ratios and bytes:
//
//	go run ./scripts/bench [flags] [part...]
//
// The parts are memory, wake, login, pending, everyone, nodes, steps, soak and go; without one, all
// of them. docs/performance.md has the method. The program starts itself again as its own
// processes: "serve" is one of the peers, "crowd" is thousands of browsers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is a run.
type bench struct {
	*family
	ours      string // path of the server
	beside    string // path of another server, for the part login; may be empty
	quick     bool
	rounds    int
	soakTime  time.Duration
	out       io.Writer
	markdown  bool
	match     *regexp.Regexp // the designs that are wanted
	sizes     []int          // how many browsers, in place of the usual numbers
	nchanHere error          // why there is no Nchan; nil: there is
}

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) > 1 && args[0] == "serve":
		err = serve(args[1], args[2:])
	case len(args) == 1 && args[0] == "crowd":
		err = runCrowd()
	default:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
		defer stop()
		err = run(ctx, args)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type part struct {
	name string
	run  func(*bench, context.Context) error
}

func parts() []part {
	return []part{
		{"memory", (*bench).memory},
		{"wake", (*bench).wake},
		{"login", (*bench).login},
		{"pending", (*bench).pending},
		{"everyone", (*bench).everyone},
		{"nodes", (*bench).nodes},
		{"steps", (*bench).steps},
		{"soak", (*bench).soak},
		{"go", (*bench).goTest},
	}
}

func run(ctx context.Context, args []string) (err error) {
	b := &bench{out: os.Stdout}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&b.ours, "server", "bin/qrlatch", "the server to measure")
	flags.StringVar(&b.beside, "beside", "", "another build of the server, to compare with in the part login")
	flags.BoolVar(&b.quick, "quick", false, "small sizes and two rounds: a look whether everything works, no figures to quote")
	flags.IntVar(&b.rounds, "rounds", 5, "interleaved rounds")
	flags.DurationVar(&b.soakTime, "soak", time.Minute, "how long the soak lasts, before it waits for records to run out")
	flags.BoolVar(&b.markdown, "markdown", false, "print tables for docs/performance.md")
	flags.Func("match", "only designs whose name matches this `expression`, for memory and wake", func(text string) (err error) {
		b.match, err = regexp.Compile(text)
		return err
	})
	flags.Func("n", "how many browsers: `numbers` with commas, for memory, wake and everyone", func(text string) error {
		for field := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(field)
			if err != nil || n < 100 {
				return errors.New("want numbers of at least 100")
			}
			b.sizes = append(b.sizes, n)
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted := flags.Args()
	for _, name := range wanted {
		if !slices.ContainsFunc(parts(), func(p part) bool { return p.name == name }) {
			return fmt.Errorf("no part is called %q; there are memory, wake, login, pending, everyone, nodes, steps, soak and go", name)
		}
	}
	if b.quick {
		b.rounds, b.soakTime = min(b.rounds, 2), min(b.soakTime, 10*time.Second)
	}
	if _, err := os.Stat(b.ours); err != nil {
		return fmt.Errorf("no server to measure (make build): %w", err)
	}
	if b.nchanHere = installNchan(ctx); b.nchanHere != nil {
		fmt.Fprintln(os.Stderr, "bench: without Nchan:", b.nchanHere)
	}
	begin := time.Now()
	b.machine()
	for _, p := range parts() {
		if len(wanted) > 0 && !slices.Contains(wanted, p.name) {
			continue
		}
		if err := b.part(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	fmt.Fprintf(b.out, "%d s in all.\n", int(time.Since(begin).Seconds()))
	return nil
}

// part runs a part; none of its processes outlives it.
func (b *bench) part(ctx context.Context, p part) (err error) {
	if b.family, err = newFamily(); err != nil {
		return err
	}
	defer b.end()
	begin := time.Now()
	err = p.run(b, ctx)
	fmt.Fprintf(os.Stderr, "bench: %s took %d s\n", p.name, int(time.Since(begin).Seconds()))
	return err
}

// machine says what the figures were measured on, and how busy it was.
func (b *bench) machine() {
	read := func(path string) string {
		text, _ := os.ReadFile(path)
		return strings.TrimSpace(string(text))
	}
	model := ""
	for line := range strings.SplitSeq(read("/proc/cpuinfo"), "\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
		}
	}
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	fmt.Fprintf(b.out, "%d × %s, Linux %s, %s, %d descriptors a process, load %s\n\n", cores(), model, read("/proc/sys/kernel/osrelease"), goVersion(), limit.Max, read("/proc/loadavg"))
}

// numbers are how many browsers a part has.
func (b *bench) numbers(usual, quick []int) []int {
	switch {
	case b.sizes != nil:
		return b.sizes
	case b.quick:
		return quick
	}
	return usual
}
