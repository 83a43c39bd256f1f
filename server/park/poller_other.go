//go:build !linux

package park

import (
	"errors"
	"net"
)

// canPoll tells whether descriptors can be parked on this system.
const canPoll = false

// poller would watch descriptors. Only Linux's way is built.
type poller struct{}

// ErrAgain is returned by a Socket that cannot go on now.
var ErrAgain = errors.New("not now")

func newPoller(*workers) (*poller, error) { return nil, errors.ErrUnsupported }

func (*poller) close() {}

func (*poller) copyOf(net.Conn) (Socket, error) { return nil, errors.ErrUnsupported }

func (*poller) run() {}

func (*poller) tick() {}

func (*poller) handOver(*parked) {}
