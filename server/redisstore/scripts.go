package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// script is one that Redis runs alone, and its name for Observe. Each may run twice with the
// effect of once, since it is tried again when the connection breaks before it has answered.
type script struct{ name, text, sum string }

func newScript(name, text string) script {
	sum := sha1.Sum([]byte(text)) // is how Redis names scripts
	return script{name, text, hex.EncodeToString(sum[:])}
}

// safe marks a command as one that may be sent again after its connection broke. It is kept from
// rueidis' pool: the writer of the broken connection may still read it when it has been answered
// on the next one, which v1.0.79 does not wait for.
func safe(c rueidis.Completed) rueidis.Completed { return c.ToRetryable().Pin() }

// once marks a command as one that must not be sent again.
func once(c rueidis.Completed) rueidis.Completed { return c.Pin() }

// run runs a script, more than once if its connection breaks.
func (s *Store) run(ctx context.Context, script script, keys []string, args ...string) rueidis.RedisResult {
	return s.eval(ctx, safe, script, keys, args)
}

// runOnce runs a script once, or does not know whether it has.
func (s *Store) runOnce(ctx context.Context, script script, keys []string, args ...string) rueidis.RedisResult {
	return s.eval(ctx, once, script, keys, args)
}

func (s *Store) eval(ctx context.Context, often func(rueidis.Completed) rueidis.Completed, script script, keys, args []string) rueidis.RedisResult {
	return s.do(ctx, script.name, func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
		n := int64(len(keys))
		result := c.Do(ctx, often(c.B().Evalsha().Sha1(script.sum).Numkeys(n).Key(keys...).Arg(args...).Build()))
		if said, ok := rueidis.IsRedisErr(result.Error()); ok && said.IsNoScript() {
			result = c.Do(ctx, often(c.B().Eval().Script(script.text).Numkeys(n).Key(keys...).Arg(args...).Build()))
		}
		return result
	})
}

// noteLife is how long a node stays noted beside a record. It reads what it follows more
// often than that.
const noteLife = 90 * time.Second

// channelLife is how long the counter of a node's messages outlives it.
const channelLife = time.Minute

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// takenLife is how long those who were to be told are kept, for an answer that was lost.
const takenLife = 10 * time.Second

// takeNotes is the part of a change that gives back who is to be told, and forgets it.
const takeNotes = `
local nodes = redis.call('SMEMBERS', KEYS[2])
if #nodes > 0 then
	redis.call('RENAME', KEYS[2], KEYS[3])
	redis.call('PEXPIRE', KEYS[3], ARGV[1])
end
`

// clock is Redis' own in milliseconds: those of the nodes may differ.
const clock = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// scripts are what a store asks Redis to do in one go.
type scripts struct {
	read, change, remove, own, list, tell, beat, count, hear, join script
}

func newScripts() *scripts {
	return &scripts{
		// KEYS: record, notes. ARGV: node, life of a note.
		read: newScript("follow", `
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return redis.call('GET', KEYS[1])`),

		// KEYS: record, notes, taken notes. ARGV: life of those, bytes as they were, as they
		// shall be, life. Gives the nodes to be told or, if nothing was done, the bytes that
		// are there. Only we can have written ours, since they bear our stamp.
		change: newScript("change", `
local is = redis.call('GET', KEYS[1])
if is == ARGV[3] then return redis.call('SMEMBERS', KEYS[3]) end
if is ~= ARGV[2] then return is end
if tonumber(ARGV[4]) > 0 then
	redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
else
	redis.call('DEL', KEYS[1])
end`+takeNotes+`
return nodes`),

		// KEYS: record, notes, taken notes. ARGV: life of those. Gives the bytes that were
		// there, or "", and the nodes.
		remove: newScript("delete", takeNotes+`
local was = redis.call('GETDEL', KEYS[1])
if not was then return {'', redis.call('SMEMBERS', KEYS[3])} end
return {was, nodes}`),

		// KEYS: list. ARGV: key, life. What has expired leaves the list on the way.
		own: newScript("own", clock+`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if last[2] then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last[2])) end`),

		// KEYS: list.
		list: newScript("list", clock+`
return redis.call('ZRANGE', KEYS[1], now, '+inf', 'BYSCORE')`),

		// KEYS: a node's counter. ARGV: message, life of the counter.
		tell: newScript("tell", `
local n = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('SPUBLISH', KEYS[1], n .. ' ' .. ARGV[1])`),

		// KEYS: a node's counter. ARGV: its life.
		beat: newScript("beat", `
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('SPUBLISH', KEYS[1], redis.call('GET', KEYS[1]) or '0')`),

		// KEYS: record, what nodes have heard. ARGV: node, what it has. It ends with the record.
		hear: newScript("hear", `
local left = redis.call('PTTL', KEYS[1])
if left > 0 then
	redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
	redis.call('PEXPIRE', KEYS[2], left)
end`),

		// KEYS: who has sockets of a session. ARGV: node, life of its note. Gives all of them.
		join: newScript("join", `
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('SMEMBERS', KEYS[1])`),

		// KEYS: census. ARGV: node, its logins, how long that holds. Gives the others' sum.
		count: newScript("census", clock+`
local sum = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	local n, till = string.match(all[i + 1], '(%d+) (%d+)')
	if tonumber(till) < now then
		redis.call('HDEL', KEYS[1], all[i])
	elseif all[i] ~= ARGV[1] then
		sum = sum + n
	end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.0f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return sum`),
	}
}
