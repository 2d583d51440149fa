package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
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

// TestExitOfARival is that of another run that holds the lock, whatever else
// was left undone by it.
func TestExitOfARival(t *testing.T) {
	t.Parallel()
	err := errors.Join(fmt.Errorf("sync: %w", &mailbox.RivalError{Account: "anna@example.org", Mailbox: "INBOX", Messages: 12}),
		&migrate.PersonError{What: "copied", Items: []string{"100 messages missing"}})
	if got := exitCode(err); got != exitLocked {
		t.Errorf("exitCode(%v) = %d, want %d", err, got, exitLocked)
	}
	if hint := hintFor(err); !strings.Contains(hint, "stop the other one") {
		t.Errorf("hintFor(%v) = %q", err, hint)
	}
}
