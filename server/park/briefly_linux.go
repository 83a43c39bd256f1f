//go:build !race

package park

import (
	"syscall"
	"unsafe"
)

// briefly makes a system call that never waits. The runtime is not told: it would wake its
// monitor at every call that follows upon a rest, lest the call should last, and that thread
// costs more than the call, of which most follow upon a rest.
func briefly(call, fd uintptr, b unsafe.Pointer, size int) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(call, fd, uintptr(b), uintptr(size), 0, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
