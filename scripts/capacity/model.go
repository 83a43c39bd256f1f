package main

import (
	"errors"
	"math"
	"math/rand/v2"
	"sort"
)

// daytime is a day in seconds.
const daytime = 86_400

// inputs are what an operator knows or guesses. Times are in seconds.
type inputs struct {
	logins     float64 // started in a day
	peak       float64 // the busiest moment over the mean
	scan       float64 // median until a person has scanned
	spread     float64 // sigma of the logarithm; 0: all take the same
	decide     float64 // median until the person has decided
	never      float64 // share of logins that nobody scans
	deny       float64 // share of the scanned that are denied
	pages      float64 // share of the redeemed that leave a push ticket
	loginTTL   float64
	codeTTL    float64
	ticketTTL  float64
	sessionTTL float64
	dialect    dialect
	people     int // how many logins are played; each stands for logins/people
}

func (in inputs) check() error {
	share := func(v float64) bool { return v >= 0 && v <= 1 }
	switch {
	case !(in.logins > 0) || in.people < 1:
		return errors.New("a day has at least one login")
	case !(in.peak >= 1 && in.peak <= 50):
		return errors.New("the peak is 1 to 50 times the mean")
	case !share(in.never) || !share(in.deny) || !share(in.pages):
		return errors.New("a share is from 0 to 1")
	case !(in.scan > 0 && in.decide > 0 && in.spread >= 0 && in.spread <= 3):
		return errors.New("people take some time to scan and to decide; the spread is 0 to 3")
	case !(in.loginTTL >= 1 && in.codeTTL >= 1 && in.ticketTTL >= 1 && in.sessionTTL >= 1):
		return errors.New("a TTL is a second at least")
	}
	return nil
}

// series is a quantity in each second of a day that is like the one before it.
type series []float64

// mean is over the day.
func (s series) mean() float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(len(s))
}

// busiest is the mean of the highest ten minutes, which a single draw hardly moves.
func (s series) busiest() (most float64) {
	const window = 600
	sum := 0.0
	for i := range len(s) + window {
		sum += s[i%len(s)]
		if i >= window {
			sum -= s[i-window]
			most = max(most, sum/window)
		}
	}
	return most
}

// at notes that something happens.
func (s series) at(when, weight float64) {
	s[int(math.Mod(when, daytime))] += weight
}

// lasting notes in a series of differences that something lasts; sum makes quantities of them.
func (s series) lasting(from, life, weight float64) {
	first, last := int(from), int(from+life)
	s[0] += weight * float64(last/daytime-first/daytime) // so often it is there at midnight
	s[first%daytime] += weight
	s[last%daytime] -= weight
}

func (s series) sum() {
	for i := range len(s) - 1 {
		s[i+1] += s[i]
	}
}

// day is what happens in one, and how much there is.
type day struct {
	starts, pictures, polls, scans, approvals, redemptions series // in a second
	waiting, live, counted, noted, sessions, push          series // at a time

	started, redeemed, denied, expired float64 // logins, and how they ended
}

// simulate plays a day. The same seed plays the same day.
func simulate(in inputs, seed uint64) *day {
	d := &day{}
	for _, s := range []*series{
		&d.starts, &d.pictures, &d.polls, &d.scans, &d.approvals, &d.redemptions,
		&d.waiting, &d.live, &d.counted, &d.noted, &d.sessions, &d.push,
	} {
		*s = make(series, daytime)
	}
	draw := rand.New(rand.NewPCG(seed, 0))
	until := arrivals(in.peak)
	weight := in.logins / float64(in.people)
	for range in.people {
		u := draw.Float64() * until[len(until)-1]
		minute := min(sort.SearchFloat64s(until, u), len(until)-1)
		scan := in.scan * math.Exp(in.spread*draw.NormFloat64())
		if draw.Float64() < in.never {
			scan = math.Inf(1)
		}
		d.login(in, weight, 60*(float64(minute)+draw.Float64()), scan, in.decide*math.Exp(in.spread*draw.NormFloat64()), draw.Float64() < in.deny)
	}
	for _, s := range []series{d.waiting, d.live, d.counted, d.noted, d.sessions, d.push} {
		s.sum()
	}
	return d
}

// login plays one: when it begins, how long its person takes to scan and to decide, and how.
func (d *day) login(in inputs, weight, start, scan, decide float64, deny bool) {
	d.starts.at(start, weight)
	d.started += weight
	shown := min(scan, in.loginTTL)            // until then there is a code
	wait, live := shown, in.loginTTL+afterlife // of the browser, and of the record
	if left := max(in.loginTTL-scan, decision); scan >= in.loginTTL {
		d.expired += weight
	} else {
		d.scans.at(start+scan, weight)
		switch wait = scan + min(decide, left); {
		case decide >= left:
			d.expired += weight
			live = wait + afterlife
		case deny:
			d.denied += weight
			d.approvals.at(start+wait, weight) // costs as much
			live = wait + afterlife
		default:
			d.redeemed += weight
			d.approvals.at(start+wait, weight)
			d.redemptions.at(start+wait, weight)
			d.sessions.lasting(start+wait, in.sessionTTL+afterlife, weight)
			d.push.lasting(start+wait, pushLife, weight*in.pages)
			live = wait + in.ticketTTL + grace + afterlife
		}
	}
	d.waiting.lasting(start, wait, weight)
	d.noted.lasting(start, wait+noteLife, weight)
	d.live.lasting(start, live, weight)
	d.counted.lasting(start, in.loginTTL+afterlife, weight) // the limit knows no better
	for t := 0.0; t < shown; t += in.codeTTL {
		d.pictures.at(start+t, weight)
	}
	d.idle(start, shown, in, weight)
	d.idle(start+shown, wait-shown, in, weight)
}

// idle notes the polls that a browser has answered with nothing new.
func (d *day) idle(from, wait float64, in inputs, weight float64) {
	for t := in.dialect.hold; t <= wait; t += in.dialect.hold {
		d.polls.at(from+t, weight)
	}
}

// arrivals sums up how many come by each minute of a day: a smooth curve with one peak, of a
// height over its mean. It is e to the cosine of the hour, sharpened until the peak is right.
func arrivals(peak float64) []float64 {
	const minutes = daytime / 60
	curve := func(sharp float64) (until []float64) {
		sum := 0.0
		for m := range minutes {
			sum += math.Exp(sharp * (math.Cos(2*math.Pi*(float64(m)/minutes-0.5)) - 1)) // 1 at noon
			until = append(until, sum)
		}
		return until
	}
	low, high := 0.0, 1e5
	for range 60 {
		if mid := (low + high) / 2; minutes/curve(mid)[minutes-1] < peak {
			low = mid
		} else {
			high = mid
		}
	}
	return curve(low)
}
