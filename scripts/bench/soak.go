//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// soaker is somebody who treats the server as people and networks do.
type soaker struct {
	server *server
	logins *atomic.Int64 // that were begun
	done   *atomic.Int64 // and came to their end: each leaves a push ticket, for weeks
}

// ways are what a soaker may do with a connection on which a login has begun.
func (s soaker) ways() map[string]func(context.Context, *person) error {
	return map[string]func(context.Context, *person) error{
		"logs in":       s.logIn,
		"leaves":        func(context.Context, *person) error { return nil },
		"hangs up":      s.hangUp,
		"half-closes":   s.halfClose,
		"reads nothing": s.readNothing,
		"pipelines":     s.pipeline,
		"stops halfway": s.stopHalfway,
	}
}

func (s soaker) logIn(_ context.Context, p *person) error {
	err := p.login()
	if err == nil {
		s.done.Add(1)
	}
	return err
}

// asks is to wait, in some dialect.
func (s soaker) asks(p *person) []byte {
	all := [...]string{"wechat", "json", "jsonp", "sse", "ws"}
	return speeches()[all[rand.IntN(len(all))]].wait(&p.browser, p.host)
}

// hangUp closes the connection at some moment of the wait, sometimes with a reset.
func (s soaker) hangUp(ctx context.Context, p *person) error {
	if _, err := p.front.Write(s.asks(p)); err != nil {
		return err
	}
	err := pause(ctx, rand.N(400*time.Millisecond))
	if tcp, ok := p.front.Conn.(*net.TCPConn); ok && rand.IntN(2) == 0 {
		_ = tcp.SetLinger(0)
	}
	return err
}

// halfClose says that nothing more will come, and waits for the server to hang up.
func (s soaker) halfClose(_ context.Context, p *person) error {
	if _, err := p.front.Write(s.asks(p)); err != nil {
		return err
	}
	if tcp, ok := p.front.Conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_ = p.front.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.Copy(io.Discard, p.front)
	return nil
}

// readNothing waits on a stream with the smallest of buffers, reads nothing and stays.
func (s soaker) readNothing(ctx context.Context, p *person) error {
	if tcp, ok := p.front.Conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(1)
	}
	if _, err := p.front.Write(speeches()["sse"].wait(&p.browser, p.host)); err != nil {
		return err
	}
	return pause(ctx, time.Second+rand.N(4*time.Second))
}

// pipeline sends a poll and a second request at once, has the phone scan, and reads both.
func (s soaker) pipeline(ctx context.Context, p *person) error {
	asks := speeches()["wechat"].wait(&p.browser, p.host)
	picture := request(&p.browser, p.host, "GET", "/qrcode/"+p.id+".svg", "image", "")
	if _, err := p.front.Write(append(asks, picture...)); err != nil {
		return err
	}
	if err := pause(ctx, rand.N(50*time.Millisecond)); err != nil {
		return err
	}
	if _, err := p.phone.ask(scan(&p.browser, p.host)); err != nil {
		return err
	}
	_ = p.front.SetReadDeadline(time.Now().Add(10 * time.Second))
	var in []byte
	for answers := 0; answers < 2; {
		n, err := p.front.Read(p.front.buffer[:cap(p.front.buffer)])
		if err != nil {
			return fmt.Errorf("pipelined: after %d answers: %w", answers, err)
		}
		in = append(in, p.front.buffer[:n]...)
		for {
			_, _, size, err := readResponse(in)
			if err != nil {
				return err
			}
			if size == 0 {
				break
			}
			in = in[size:]
			answers++
		}
	}
	return nil
}

// stopHalfway sends the beginning of a request, and goes.
func (s soaker) stopHalfway(ctx context.Context, p *person) error {
	asks := s.asks(p)
	if _, err := p.front.Write(asks[:rand.IntN(len(asks))]); err != nil {
		return err
	}
	return pause(ctx, rand.N(300*time.Millisecond))
}

// run does one thing after the other until ctx ends. Connections that the server may cut
// fail; a login may not.
func (s soaker) run(ctx context.Context, number int) error {
	for ctx.Err() == nil {
		p, err := newPerson(ctx, s.server.addr, number)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		body, err := p.front.ask(startLogin(&p.browser, p.host))
		if err == nil {
			err = p.began(body)
		}
		if err == nil {
			s.logins.Add(1)
			for way, do := range s.ways() { // a map's order is random
				if err = do(ctx, p); err != nil && ctx.Err() == nil {
					err = fmt.Errorf("somebody who %s: %w", way, err)
				}
				break
			}
		}
		p.leave()
		if err != nil && ctx.Err() == nil {
			return err
		}
		_ = pause(ctx, rand.N(300*time.Millisecond))
	}
	return nil
}

// soak is whether goroutines, descriptors and memory come back to where they were after
// minutes of logins, hang-ups and bad readers, once the logins have run out.
func (b *bench) soak(ctx context.Context) error {
	s, err := b.qrlatch(ctx, b.ours, 0, "--login-ttl", "5s", "--code-ttl", "2s", "--session-ttl", "5s", "--ticket-ttl", "2s")
	if err != nil {
		return err
	}
	logins, done := new(atomic.Int64), new(atomic.Int64)
	if err := b.soakFor(ctx, soaker{s, logins, done}, b.soakTime/10); err != nil {
		return err
	}
	if err := s.forgets(ctx); err != nil {
		return err
	}
	base, err := s.measure(ctx)
	if err != nil {
		return err
	}
	warm, warmDone := logins.Load(), done.Load()
	fmt.Fprintf(os.Stderr, "bench: soak: %s\n", b.soakTime)
	if err := b.soakFor(ctx, soaker{s, logins, done}, b.soakTime); err != nil {
		return err
	}
	peak, err := s.measure(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := s.forgets(ctx); err != nil {
		return err
	}
	now, err := s.measure(ctx)
	if err != nil {
		return err
	}
	t := &table{
		title: fmt.Sprintf("Soak: %s logins in %d s by %d people who hang up, half-close, read nothing, pipeline", count(logins.Load()-warm), int(b.soakTime.Seconds()), many),
		head:  []string{"", "goroutines", "descriptors", "heap + stacks", "objects", "PSS"},
	}
	for _, row := range []struct {
		when string
		sample
	}{{"before", base}, {"at its end", peak}, {fmt.Sprintf("%d s later", int(time.Since(begin).Seconds())), now}} {
		t.add(row.when, count(row.goroutines), count(row.files), count(row.inUse()), count(row.objects), count(row.pss))
	}
	t.note("%s of the logins came to their end. Each leaves a push ticket.", count(done.Load()-warmDone))
	b.print(t)
	if !returned(base, now, logins.Load()-warm, done.Load()-warmDone) {
		return fmt.Errorf("the server has not come back to where it was")
	}
	return nil
}

// forgets waits until the server knows of no login any more. A scan gives a login two minutes, it
// is told of for two more after its end, and cleared away within another.
func (s *server) forgets(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 6*time.Minute)
	defer cancel()
	for {
		left, err := s.metric(ctx, "qrlatch_logins")
		if err == nil && left == 0 {
			return nil
		}
		if err == nil {
			err = pause(ctx, 5*time.Second)
		}
		if err != nil {
			return fmt.Errorf("%d logins are left: %w", left, err)
		}
	}
}

// returned allows for push tickets, and for tables and pools, which keep the size that they once
// had. A leak of two hundred bytes for each login is more than that.
func returned(base, now sample, logins, done int64) bool {
	return now.goroutines <= base.goroutines+2 && now.files <= base.files+2 && now.objects <= base.objects+pools+64*logins+pushTicket*done
}

const (
	pools      = 256 << 10
	pushTicket = 600 // with its place in its phone's list
)

func (b *bench) soakFor(ctx context.Context, s soaker, how time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, how)
	defer cancel()
	failed := make([]error, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() { failed[i] = s.run(ctx, i) })
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}
