package imapconn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

func TestClass(t *testing.T) {
	t.Parallel()
	no := func(code, text string) error {
		return fmt.Errorf("append: %w", &imapconn.ResponseError{Status: "NO", Code: code, Text: text})
	}
	tests := []struct {
		err  error
		want imapconn.Category
	}{
		{nil, imapconn.ClassNone},
		{no("", "mailbox does not like it"), imapconn.ClassRefused},
		{no("INUSE", ""), imapconn.ClassTemporary},
		{no("UNAVAILABLE", "Maximum number of connections from user+IP exceeded"), imapconn.ClassTemporary},
		{no("LIMIT", "message too large"), imapconn.ClassRefused},
		{no("LIMIT", "too many commands"), imapconn.ClassTemporary},
		{no("TOOBIG", ""), imapconn.ClassRefused},
		{no("OVERQUOTA", "Not enough disk quota"), imapconn.ClassQuota},
		{no("OVERQUOTA", "Account exceeded command or bandwidth limits"), imapconn.ClassTemporary},
		{no("", "Quota exceeded (mailbox for user is full)"), imapconn.ClassQuota},
		{no("", "Request is throttled. Suggested Backoff Time: 299961 milliseconds"), imapconn.ClassTemporary},
		{no("TRYCREATE", ""), imapconn.ClassMissing},
		{no("NOPERM", ""), imapconn.ClassPermission},
		{no("EXPIRED", ""), imapconn.ClassLogin},
		{no("", "User is authenticated but not connected."), imapconn.ClassUnusable},
		{&imapconn.ResponseError{Status: "BAD", Text: "Invalid system flag"}, imapconn.ClassRefused},
		{&imapconn.ResponseError{Status: "BYE"}, imapconn.ClassTemporary},
		{fmt.Errorf("x: %w: %w", imapconn.ErrLogin, no("", "no")), imapconn.ClassLogin},
		{fmt.Errorf("x: %w: %w", imapconn.ErrLogin, no("UNAVAILABLE", "no")), imapconn.ClassTemporary},
		{fmt.Errorf("x: %w: %w", imapconn.ErrCancelled, io.EOF), imapconn.ClassCancelled},
		{io.ErrUnexpectedEOF, imapconn.ClassTemporary},
		{context.DeadlineExceeded, imapconn.ClassTemporary},
		{imapconn.ErrForbidden, imapconn.ClassPermission},
		{errors.New("else"), imapconn.ClassUnknown},
	}
	for _, tt := range tests {
		if got := imapconn.Class(tt.err); got != tt.want {
			t.Errorf("Class(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestExcused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Session invalidated - AccessTokenExpired":      true,
		"Session expired, please login again.":          true,
		"Disconnected for inactivity.":                  true,
		"Server shutting down.":                         true,
		"Autologout; idle for too long":                 true,
		"Account exceeded command or bandwidth limits.": true,
		"closing":                     false,
		"Internal error":              false,
		"Message size limit exceeded": false,
		"Line length limit exceeded":  false,
		"":                            false,
		"Fatal error: Internal error: assertion failed: mail": false,
	} {
		bye := fmt.Errorf("append: %w: %w", imapconn.ErrClosed, &imapconn.ResponseError{Status: "BYE", Text: text})
		if got := imapconn.Excused(bye); got != want {
			t.Errorf("Excused(BYE %q) = %v, want %v", text, got, want)
		}
		if no := (&imapconn.ResponseError{Status: "NO", Text: text}); imapconn.Excused(no) {
			t.Errorf("Excused(NO %q) = true", text)
		}
	}
	for code, want := range map[string]bool{"UNAVAILABLE": true, "LIMIT": true, "ALERT": false} {
		if got := imapconn.Excused(&imapconn.ResponseError{Status: "BYE", Code: code}); got != want {
			t.Errorf("Excused(BYE [%s]) = %v, want %v", code, got, want)
		}
	}
	if imapconn.Excused(nil) || imapconn.Excused(imapconn.ErrSilent) {
		t.Error("what is no BYE is excused")
	}
}

func TestThrottleDelay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"Request is throttled. Suggested Backoff Time: 299961 milliseconds": 299961 * time.Millisecond,
		"suggested backoff time:5 MILLISECONDS":                             5 * time.Millisecond,
		"Suggested Backoff Time: 999999999 milliseconds":                    24 * time.Hour,
		"Suggested Backoff Time: 99999999999999 milliseconds":               0,
		"wait": 0,
	} {
		got, ok := imapconn.ThrottleDelay(fmt.Errorf("x: %w", &imapconn.ResponseError{Status: "NO", Text: text}))
		if got != want || ok != (want > 0) {
			t.Errorf("ThrottleDelay(%q) = %v, %v; want %v", text, got, ok, want)
		}
	}
}
