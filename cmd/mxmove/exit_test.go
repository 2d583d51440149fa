package main

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/mxmove/mxmove/migrate/probe"
)

func TestExitCodeOfAPort(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cause error
		want  int
	}{
		{syscall.EACCES, exitLogin},
		{syscall.EADDRINUSE, exitUsage},
		{syscall.EADDRNOTAVAIL, exitUsage},
	}
	for _, tt := range tests {
		err := fmt.Errorf("check dmarc: %w", &probe.ListenError{Addr: "0.0.0.0:25", Err: &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", tt.cause)}})
		if got := exitCode(err); got != tt.want {
			t.Errorf("exitCode(%v) = %d, want %d", err, got, tt.want)
		}
	}
}
