package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run([]string{"-logins", "864000", "-peak", "1", "-never", "0", "-deny", "0", "-spread", "0", "-scan", "30s", "-decide", "10s", "-nodes", "4", "-waiters", "50"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"864,000 logins a day: 100.0 % redeemed, 0.0 % denied, 0.0 % expired",
		"| logins started, /s | 10 | 1", // the busiest ten minutes are above that by chance
		"| browsers that wait | 400 | 4",
		"| Redis memory: push tickets, MB | 13,000 | 13,000 |", // 10/s × 30 days × 500 bytes
		"| 4 nodes, Redis × 1 | used",
		"| memory of Redis | 13",
		"| who waits at a node, `limits.waiters` | 10",
		"| 50 | 0.4", // of 0.864 M, about half
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Index(out.String(), "| memory of Redis") > strings.Index(out.String(), "| who waits at a node") {
		t.Error("what bends first is not first")
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range []string{
		"-logins 0", "-logins x", "-logins NaN", "-peak 0.5", "-never 1.5", "-deny -1", "-scan 0s", "-scan 10", "-decide -1s", "-login-ttl 0s",
		"-poll-hold 0s", "-dialect morse", "-nodes 0", "-shards 0", "-redis-memory 0", "-spread -1", "-waiters -1", "more",
	} {
		var out strings.Builder
		if err := run(strings.Fields(args), &out); err == nil {
			t.Errorf("%s was taken", args)
		}
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.012345: "0.0123", 9.999: "10", 1234: "1,230", 1_000_000: "1,000,000", 12.34: "12.3"} {
		if got := figure(v); got != want {
			t.Errorf("%g is written %s, want %s", v, got, want)
		}
	}
}

// What a day costs is what was measured, times how often it is done.
func TestLoad(t *testing.T) {
	in := usual()
	f := fleet{nodes: 2, page: 1_000, handshake: 100}
	l := loadOf(simulate(in, 1), in, f, series.mean)
	c := measured()
	near(t, "commands", l.total.commands, 10*(c.start.commands+2*c.picture.commands+c.poll.commands+c.scan.commands+
		c.approval.commands+c.redeem.commands)+400./30*c.reread.commands+2*c.idle.commands, 1e-9)
	near(t, "http", l.total.http, 10*(c.start.http+1_000+2*c.picture.http+c.poll.http+c.scan.http+c.approval.http+c.redeem.http), 1e-9)
	near(t, "CPU", l.total.nodeCPU, 10*(100+c.start.nodeCPU+2*c.picture.nodeCPU+c.poll.nodeCPU+c.scan.nodeCPU+
		c.approval.nodeCPU+c.redeem.nodeCPU)+400./30*c.reread.nodeCPU, 1e-9)

	in.dialect = dialect{hold: 1} // asks after every second, and holds no place
	d := simulate(in, 1)
	near(t, "questions", d.polls.mean(), 10*(30+10), 1e-9)
	l = loadOf(d, in, f, series.mean)
	near(t, "commands of questions", l.total.commands, 10*(c.start.commands+2*c.picture.commands+40*c.question.commands+c.scan.commands+
		c.approval.commands+c.redeem.commands)+2*c.idle.commands, 1e-9)
}
