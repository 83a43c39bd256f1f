package main

import (
	"math"
	"reflect"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance*math.Abs(want) {
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}

// usual is a day of ten logins a second.
func usual() inputs {
	return inputs{
		logins: 864_000, peak: 1, scan: 30, decide: 10, loginTTL: 300, codeTTL: 20, ticketTTL: 60,
		sessionTTL: 3_600, pages: 0.5, dialect: dialect{hold: 25, waits: true}, people: 20_000,
	}
}

// By Little's law what there is at a time is what comes in a second times how long it stays.
func TestLittle(t *testing.T) {
	d := simulate(usual(), 1)
	for what, want := range map[string]struct {
		got series
		of  float64
	}{
		"starts":       {d.starts, 10},
		"waiting":      {d.waiting, 10 * (30 + 10)},
		"live":         {d.live, 10 * (30 + 10 + 60 + 40 + 120)},
		"counted":      {d.counted, 10 * (300 + 120)},
		"noted":        {d.noted, 10 * (30 + 10 + 90)},
		"sessions":     {d.sessions, 10 * (3_600 + 120)},
		"push tickets": {d.push, 10 * 0.5 * 30 * 86_400},
		"pictures":     {d.pictures, 10 * 2}, // after 0 and 20 s
		"polls":        {d.polls, 10 * 1},    // after 25 s; after the scan the first has not run out
		"scans":        {d.scans, 10},
		"redemptions":  {d.redemptions, 10},
	} {
		near(t, what, want.got.mean(), want.of, 1e-9)
	}

	in := usual()
	in.never = 1 // all wait for 5 minutes, and are remembered for two more
	d = simulate(in, 1)
	near(t, "who waits in vain", d.waiting.mean(), 10*300, 1e-9)
	near(t, "logins in vain", d.live.mean(), 10*420, 1e-9)
	near(t, "pictures in vain", d.pictures.mean(), 10*15, 1e-9)
	near(t, "polls in vain", d.polls.mean(), 10*12, 1e-9)
	near(t, "scans", d.scans.mean()+1, 1, 1e-9)
}

// People who take a log-normal time wait for its mean, cut off at the end of their login.
func TestLittleWithSpread(t *testing.T) {
	in := usual()
	in.spread, in.never, in.people = 0.8, 0.3, 400_000
	phi := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	s, ttl := in.spread, in.loginTTL
	z := (math.Log(ttl) - math.Log(in.scan)) / s
	untilScan := in.scan*math.Exp(s*s/2)*phi(z-s) + ttl*(1-phi(z))
	untilDecided := phi(z) * in.decide * math.Exp(s*s/2)
	d := simulate(in, 1)
	near(t, "waiting", d.waiting.mean(), 10*(in.never*ttl+(1-in.never)*(untilScan+untilDecided)), 0.01)
	near(t, "scans", d.scans.mean(), 10*(1-in.never)*phi(z), 0.01)
}

func TestEveryLoginEndsInOneState(t *testing.T) {
	for name, change := range map[string]func(*inputs){
		"usual":     func(*inputs) {},
		"all kinds": func(in *inputs) { in.never, in.deny, in.spread, in.peak = 0.3, 0.1, 0.8, 4 },
		"undecided": func(in *inputs) { in.decide, in.spread = 200, 1.5 },
		"short":     func(in *inputs) { in.loginTTL, in.spread = 30, 1 },
		"few":       func(in *inputs) { in.logins, in.people = 7, 7 },
	} {
		in := usual()
		change(&in)
		d := simulate(in, 3)
		near(t, name+": started", d.started, in.logins, 1e-9)
		near(t, name+": ended", d.redeemed+d.denied+d.expired, in.logins, 1e-9)
		near(t, name+": starts", d.starts.mean()*daytime, in.logins, 1e-9)
		near(t, name+": redemptions", d.redemptions.mean()*daytime, d.redeemed, 1e-9)
		near(t, name+": decisions", d.approvals.mean()*daytime, d.redeemed+d.denied, 1e-9)
		if d.scans.mean() < d.approvals.mean()-1e-9 {
			t.Errorf("%s: more decisions than scans", name)
		}
	}
}

func TestUndecided(t *testing.T) {
	in := usual()
	in.scan, in.decide = 250, 121 // 50 s are left, which the scan makes two minutes
	d := simulate(in, 1)
	near(t, "expired", d.expired, in.logins, 1e-9)
	near(t, "waiting", d.waiting.mean(), 10*(250+120), 1e-9)
	in.decide = 119
	near(t, "redeemed", simulate(in, 1).redeemed, in.logins, 1e-9)
}

func TestPeak(t *testing.T) {
	for _, peak := range []float64{1, 3, 10} {
		in := usual()
		in.peak, in.people = peak, 1_000_000
		d := simulate(in, 1)
		near(t, "busiest", d.waiting.busiest()/d.waiting.mean(), peak, 0.04)
		near(t, "mean", d.starts.mean(), 10, 1e-9)
	}
}

func TestSameSeedSameDay(t *testing.T) {
	in := usual()
	in.spread, in.people = 0.8, 2_000
	if !reflect.DeepEqual(simulate(in, 7), simulate(in, 7)) {
		t.Error("the same seed played two days")
	}
	if reflect.DeepEqual(simulate(in, 7), simulate(in, 8)) {
		t.Error("two seeds played the same day")
	}
}

func TestLasting(t *testing.T) {
	for name, c := range map[string]struct {
		from, life float64
		want       map[int]float64 // at some seconds
	}{
		"within a day":   {10, 5, map[int]float64{9: 0, 10: 1, 14: 1, 15: 0}},
		"until midnight": {86_390, 10, map[int]float64{86_389: 0, 86_390: 1, 86_399: 1, 0: 0}},
		"over midnight":  {86_390, 20, map[int]float64{86_399: 1, 0: 1, 9: 1, 10: 0}},
		"two days":       {10, 2*86_400 + 5, map[int]float64{0: 2, 9: 2, 10: 3, 14: 3, 15: 2}},
		"from tomorrow":  {86_410, 5, map[int]float64{0: 0, 10: 1, 15: 0}},
	} {
		s := make(series, daytime)
		s.lasting(c.from, c.life, 1)
		s.sum()
		for at, want := range c.want {
			if s[at] != want {
				t.Errorf("%s: %g at second %d, want %g", name, s[at], at, want)
			}
		}
		near(t, name, s.mean()*daytime, c.life, 1e-9)
	}
}
