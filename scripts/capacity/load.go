package main

// load is what a moment, or the mean of a day, asks of the machines.
type load struct {
	starts, pictures, polls, scans, approvals, redemptions float64 // in a second
	waiting, live, counted, noted, sessions, push          float64
	total                                                  cost // in a second
}

// loadOf takes every quantity of a day as its mean, or as its busiest ten minutes. The busiest of
// each are taken together, though they are some minutes apart, and of sessions hours.
func loadOf(d *day, in inputs, fleet fleet, of func(series) float64) load {
	l := load{
		of(d.starts), of(d.pictures), of(d.polls), of(d.scans), of(d.approvals), of(d.redemptions),
		of(d.waiting), of(d.live), of(d.counted), of(d.noted), of(d.sessions), of(d.push), cost{},
	}
	c := measured()
	l.total.add(c.start, l.starts)
	l.total.add(cost{http: fleet.page}, l.starts)
	l.total.add(c.picture, l.pictures)
	if in.dialect.waits {
		l.total.add(c.poll, l.polls)
		l.total.add(c.reread, l.waiting/reread)
	} else {
		l.total.add(c.question, l.polls)
	}
	l.total.add(c.scan, l.scans)
	l.total.add(c.approval, l.approvals)
	l.total.add(c.redeem, l.redemptions)
	l.total.add(c.idle, float64(fleet.nodes))
	l.total.nodeCPU += fleet.handshake * l.starts
	return l
}

func (c *cost) add(each cost, n float64) {
	c.commands += each.commands * n
	c.redis += each.redis * n
	c.http += each.http * n
	c.nodeCPU += each.nodeCPU * n
	c.redisCPU += each.redisCPU * n
}

// redisBytes is what Redis keeps: of logins, of sessions, of push tickets.
func (l load) redisBytes() (logins, sessions, push float64) {
	return keptLogin*l.live + keptNote*l.noted, keptSession * l.sessions, keptPush * l.push
}

// fleet is what there is to carry the load.
type fleet struct {
	nodes       int
	cores       float64 // of a node
	redisMemory float64 // bytes, of all shards together
	shards      int     // primaries of a Cluster
	gbits       float64 // of the network of a node, or of a Redis
	page        float64 // bytes that a browser loads before it starts
	handshake   float64 // µs of CPU of a node for TLS, of a login; 0: a proxy does it
	nofile      float64 // descriptors of a node
	waiters     float64 // limits.waiters of a node
	logins      float64 // limits.logins, on all nodes
}

// bound is something that is used up at last.
type bound struct {
	name       string
	used, have float64
	unit       string
	then       string // what to do
}

func (b bound) share() float64 { return b.used / b.have }

// bounds are how much of each is used.
func (f fleet) bounds(l load, in inputs) []bound {
	logins, sessions, push := l.redisBytes()
	n := float64(f.nodes)
	const gb = 1e9
	bounds := []bound{
		{"memory of Redis", (logins + sessions + push) / gb, f.redisMemory / gb, "GB", "more memory; shards of a Cluster"},
		{"thread of each Redis", l.total.redisCPU / 1e6 / float64(f.shards), 1, "cores", "shards of a Cluster"},
		{"CPU of each node", l.total.nodeCPU / 1e6 / n, f.cores, "cores", "nodes"},
		{"network of each node", (l.total.http + l.total.redis) * 8 / n / gb, f.gbits, "Gbit/s", "nodes; a cache before the page's files"},
		{"descriptors of each node", l.waiting / n, f.nofile, "", "nodes"},
		{"network of each Redis", l.total.redis * 8 / float64(f.shards) / gb, f.gbits, "Gbit/s", "shards of a Cluster"},
		{"logins under way, `limits.logins`", l.counted, f.logins, "", "a higher limit; a shorter `login_ttl`"},
	}
	if f.waiters > 0 && in.dialect.waits {
		bounds = append(bounds, bound{"who waits at a node, `limits.waiters`", l.waiting / n, f.waiters, "", "nodes; a higher limit"})
	}
	return bounds
}
