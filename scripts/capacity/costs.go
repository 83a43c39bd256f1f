package main

import (
	"errors"
	"fmt"
)

// cost is what a step of a login takes.
type cost struct {
	commands float64 // of Redis, those in scripts included
	redis    float64 // bytes, both ways
	http     float64 // bytes, both ways, without TLS and TCP
	nodeCPU  float64 // µs
	redisCPU float64 // µs
}

// costs are those of each step.
type costs struct{ start, picture, question, poll, reread, scan, approval, redeem, idle cost }

// measured is what docs/capacity.md tells of: measure your own.
//
// Commands and bytes are of "bench steps", where browser and phone are always at two nodes; what a
// browser asks for the first time costs more, and that is added to the start. CPU of a login is
// what "bench nodes" says of three nodes, shared out in the ratios of "bench steps"; that of
// pictures, questions and polls is the latter's.
func measured() costs {
	return costs{
		start:    cost{7.6, 577, 1_144, 96, 11},
		picture:  cost{1.7, 259, 1_766, 60, 10},
		question: cost{1.7, 259, 1_095, 50, 10},     // answered at once
		poll:     cost{6.0, 794, 1_116, 90, 15},     // that runs out
		reread:   cost{4, 370, 0, 50, 10},           // the script "follow": counted in the source
		scan:     cost{31.3, 3_329, 1_425, 374, 86}, // with the poll that hears of it
		approval: cost{16.7, 2_058, 1_354, 217, 43}, // the same
		redeem:   cost{25.2, 2_985, 1_954, 264, 65},
		idle:     cost{commands: 5.1}, // of a node, in a second
	}
}

// Bytes that Redis keeps: MEMORY USAGE by "bench steps", and 70 a key for the tables of keys.
const (
	keptLogin   = 392 + 120 + 120 + 3*70 // record, who asks for it, the phone's list
	keptNote    = 200 + 70               // the node that waits for it
	keptSession = 256 + 136 + 2*70       // record and the phone's list
	keptPush    = 240 + 120 + 2*70       // the same
)

// What the server has fixed.
const (
	decision  = 120          // seconds that a phone has at least
	afterlife = 120          // seconds that a login is remembered after its end
	grace     = 40           // seconds more once it was redeemed
	noteLife  = 90           // seconds that a node stays noted
	pushLife  = 30 * daytime // of a push ticket
	reread    = 30           // seconds after which what is waited for is read again
)

// dialect is how browsers wait.
type dialect struct {
	hold   float64 // seconds until a poll is answered that has nothing to tell, or until it asks again
	waits  bool    // the request is held meanwhile
	memory float64 // bytes of a node for each browser, its login in memory included: "bench memory"
}

func dialectOf(name string, hold float64) (dialect, error) {
	all := map[string]dialect{
		"wechat": {hold, true, 1_066},
		"json":   {hold, true, 1_166},
		"jsonp":  {hold, true, 1_163},
		"sse":    {600, true, 1_298},
		"ws":     {600, true, 1_546},
		"taobao": {1, false, 429},
		"asking": {1, false, 429}, // JSON without wait
	}
	d, ok := all[name]
	switch {
	case !ok:
		return d, fmt.Errorf("no dialect %q: want wechat, json, jsonp, sse, ws, taobao or asking", name)
	case d.hold < 1:
		return d, errors.New("a poll is held for at least a second")
	}
	return d, nil
}
