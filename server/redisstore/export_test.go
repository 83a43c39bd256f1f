package redisstore

import "time"

// BeatEvery returns options by which a second of the node's is d.
func (o Options) BeatEvery(d time.Duration) Options {
	o.beat = d
	return o
}
