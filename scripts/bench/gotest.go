//go:build linux

package main

import (
	"context"
	"os/exec"
)

// goTest runs the benchmarks that stand beside the code.
func (b *bench) goTest(ctx context.Context) error {
	args := []string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-timeout", "10m"}
	if b.quick {
		args = append(args, "-benchtime", "10ms")
	}
	c := exec.CommandContext(ctx, "go", append(args, "./server/qr", "./server/memstore", "./server/login")...)
	c.Stdout, c.Stderr = b.out, b.out
	return c.Run()
}
