package redisstore

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/redis/rueidis"
)

// CheckURL tells what is wrong with the URL of a store, without the password in it.
func CheckURL(text string) error {
	_, err := parseURL(text)
	return err
}

// parseURL reads redis://user:password@host:port/database, or rediss:// for TLS, or unix:///path.
// ?addr=host:port names further servers of a Cluster or further sentinels, and ?master_set=name
// makes them sentinels that are asked for that primary. Whether one server is a Cluster's, it
// says itself.
func parseURL(text string) (rueidis.ClientOption, error) {
	u, err := url.Parse(text)
	if err != nil {
		return rueidis.ClientOption{}, errors.New("not a URL") // err quotes it, with its password
	}
	for name := range u.Query() {
		switch name {
		case "addr", "master_set", "db", "dial_timeout", "write_timeout", "skip_verify", "client_name":
		default:
			return rueidis.ClientOption{}, fmt.Errorf("unknown parameter %q: want addr or master_set", name)
		}
	}
	switch u.Scheme {
	case "redis", "rediss", "valkey", "valkeys", "unix":
	default:
		return rueidis.ClientOption{}, fmt.Errorf("scheme %q: want redis://host:port or rediss://host:port", u.Scheme)
	}
	if u.Host == "" && u.Scheme != "unix" {
		return rueidis.ClientOption{}, errors.New("no host: want redis://host:port")
	}
	option, err := rueidis.ParseURL(text)
	if err != nil {
		return rueidis.ClientOption{}, err
	}
	option.DisableCache = true // a record changes elsewhere and is read once
	// 0.5 MB a buffer would be for large values; ours are some hundred bytes.
	option.ReadBufferEachConn, option.WriteBufferEachConn = 64<<10, 64<<10
	// Calls of the same 20 µs share a write to one connection: a read took half the CPU time,
	// a whole login a sixth less, of what two connections without the pause took.
	option.PipelineMultiplex = -1
	option.MaxFlushDelay = 20 * time.Microsecond
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.Dialer = option.Dialer
		option.Sentinel.TLSConfig = option.TLSConfig
	}
	return option, nil
}
