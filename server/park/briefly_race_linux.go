//go:build race

package park

import (
	"syscall"
	"unsafe"
)

// briefly is as in other builds, but lets the race detector see what becomes of b.
func briefly(call, fd uintptr, b unsafe.Pointer, size int) (n int, err error) {
	for err = syscall.EINTR; err == syscall.EINTR; { //nolint:errorlint // it is a number
		switch call {
		case syscall.SYS_READ:
			n, err = syscall.Read(int(fd), unsafe.Slice((*byte)(b), size))
		case syscall.SYS_WRITE:
			n, err = syscall.Write(int(fd), unsafe.Slice((*byte)(b), size))
		default:
			events := unsafe.Slice((*syscall.EpollEvent)(b), size)
			n, err = syscall.EpollWait(int(fd), events, 0)
		}
	}
	return max(n, 0), err
}
