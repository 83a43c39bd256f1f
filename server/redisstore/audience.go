package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"qrlatch/server/login"
)

// audience is a login.Audience: a hash beside the login, of one field for each node.
type audience struct {
	*table[login.Handle, login.Login]
}

func (a audience) key(h login.Handle) string { return a.keys(h)[0] + ":a" }

func (a audience) Hear(ctx context.Context, h login.Handle, all []login.Hearing) error {
	ctx, cancel := a.hurry(ctx)
	defer cancel()
	keys := []string{a.keys(h)[0], a.key(h)}
	err := a.run(ctx, a.node.scripts.hear, keys, a.node.id, string(appendHearings(nil, all))).Error()
	if err != nil && !rueidis.IsRedisNil(err) {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

func (a audience) Heard(ctx context.Context, h login.Handle) ([]login.Hearing, error) {
	ctx, cancel := a.hurry(ctx)
	defer cancel()
	nodes, err := a.do(ctx, "heard", func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
		return c.Do(ctx, safe(c.B().Hgetall().Key(a.key(h)).Build()))
	}).AsStrMap()
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	var all []login.Hearing
	for node, text := range nodes {
		if node != a.node.id {
			all = append(all, readHearings([]byte(text))...)
		}
	}
	return all, nil
}

// hearingLen is the length of a hearing: its time in milliseconds, its flags and its network.
const hearingLen = 8 + 1 + 8

// The flags.
const (
	waiting = 1 << iota
	showsNumber
	binding
)

func appendHearings(b []byte, all []login.Hearing) []byte {
	for _, one := range all {
		b = binary.BigEndian.AppendUint64(b, uint64(one.At.UnixMilli()))
		b = append(b, flag(one.Waiting, waiting)|flag(one.ShowsNumber, showsNumber)|flag(one.Binding, binding))
		b = append(b, one.Network[:]...)
	}
	return b
}

func flag(is bool, flag byte) byte {
	if is {
		return flag
	}
	return 0
}

func readHearings(b []byte) (all []login.Hearing) {
	for ; len(b) >= hearingLen; b = b[hearingLen:] {
		flags := b[8]
		all = append(all, login.Hearing{
			At:      time.UnixMilli(int64(binary.BigEndian.Uint64(b))),
			Waiting: flags&waiting != 0, ShowsNumber: flags&showsNumber != 0, Binding: flags&binding != 0,
			Network: login.NetworkKey(b[9:hearingLen]),
		})
	}
	return all
}
