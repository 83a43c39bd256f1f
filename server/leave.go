package main

import (
	"errors"
	"net"
	"os"
	"time"
)

// lull is how long a server that is told to stop still takes connections, since a balancer
// does not hear of it at once, and after that requests from those that it took last. Who is in
// neither is refused, which sends every balancer elsewhere. Closed at once, a listener resets
// whoever the kernel let in and nobody has taken, and net/http drops what it has not yet read;
// each may be a request that no balancer sends twice.
const lull = 200 * time.Millisecond

// door is a listener that can be left.
type door struct{ *net.TCPListener }

// Accept ends, as that of a closed listener does, when the door is shut.
func (d door) Accept() (net.Conn, error) {
	c, err := d.TCPListener.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errors.Join(net.ErrClosed, d.Close())
	}
	return c, err
}

// leave returns when whoever came was given to the server and has had time to say why.
func (l listener) leave() {
	d, ok := l.Listener.(door)
	if !ok || d.SetDeadline(time.Now().Add(lull)) != nil {
		return // it is closed already
	}
	<-l.left
	time.Sleep(lull)
}
