//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// sample is what a server takes at a moment.
type sample struct {
	heap, stacks int64 // in use, as Go's runtime counts them; 0 for nginx
	objects      int64 // what of the heap is not free space within spans
	goroutines   int
	files        int   // open descriptors
	raw, pss     int64 // proportional set size, before and after what is free was given back
}

func (s sample) inUse() int64 { return s.heap + s.stacks }

// readMemStats reads the trailer of /debug/pprof/heap?debug=1: spans of the heap in use, what
// lies in them, and stacks.
func (s *sample) readMemStats(text io.Reader) error {
	wanted := map[string]*int64{"HeapInuse": &s.heap, "HeapAlloc": &s.objects, "Stack": &s.stacks}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "# "), " = ")
		into := wanted[name]
		if into == nil {
			continue
		}
		inUse, _, _ := strings.Cut(value, " / ")
		n, err := strconv.ParseInt(inUse, 10, 64)
		if err != nil {
			return fmt.Errorf("%s of the heap profile: %w", name, err)
		}
		*into = n
		delete(wanted, name)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if len(wanted) > 0 {
		return fmt.Errorf("the heap profile lacks %d of HeapInuse, HeapAlloc and Stack", len(wanted))
	}
	return nil
}

// readMetric adds up the series of a metric in Prometheus' text format.
func readMetric(text io.Reader, name string) (sum float64, err error) {
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		series, value, ok := strings.Cut(lines.Text(), " ")
		if i := strings.IndexByte(lines.Text(), '}'); i > 0 && strings.Contains(series, "{") {
			series, value = lines.Text()[:i+1], strings.TrimSpace(lines.Text()[i+1:])
		}
		if !ok || series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", name, err)
		}
		sum += n
	}
	return sum, lines.Err()
}

// readPSS reads the proportional set size of smaps_rollup, in bytes.
func readPSS(text io.Reader) (int64, error) {
	for lines := bufio.NewScanner(text); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			kB, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kB << 10, err
		}
	}
	return 0, fmt.Errorf("smaps_rollup has no Pss")
}

// readCPU reads user and system time of /proc/<pid>/stat. The name may have spaces.
func readCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat is too short")
	}
	const tick = time.Second / 100
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, err
}

func pssOf(pids []int) (sum int64, err error) {
	for _, pid := range pids {
		text, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		n, err := readPSS(text)
		if err := errors.Join(err, text.Close()); err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func cpuOf(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		n, err := readCPU(string(text))
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func filesOf(pids []int) (sum int) {
	for _, pid := range pids {
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		sum += len(entries)
	}
	return sum
}

// childrenOf are the processes that pid started.
func childrenOf(pid int) (pids []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for field := range strings.FieldsSeq(string(text)) {
		if n, err := strconv.Atoi(field); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// visit asks an admin listener, on a connection of its own that leaves nothing behind.
func visit(ctx context.Context, method, url string) (string, int, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return "", 0, err
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), answer.StatusCode, err
}
