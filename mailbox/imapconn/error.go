package imapconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// Errors of a connection, to be tested with errors.Is.
var (
	ErrLogin     = errors.New("imapconn: login refused")
	ErrUnusable  = errors.New("imapconn: logged in, but the mailbox store is not available")
	ErrSilent    = errors.New("imapconn: server silent")
	ErrCancelled = errors.New("imapconn: cancelled")
	ErrClosed    = errors.New("imapconn: connection closed")
	ErrBusy      = errors.New("imapconn: another command is under way")
	ErrForbidden = errors.New("imapconn: command not allowed on a source")
	ErrProtocol  = errors.New("imapconn: server breaks the protocol")
	ErrInsecure  = errors.New("imapconn: connection would not be secure")
	ErrNoMove    = errors.New("imapconn: server does not announce MOVE")

	// ErrCompression is the end of a connection that the server agreed to
	// compress. Others of the same Line do without.
	ErrCompression = errors.New("imapconn: compression failed")
)

// A ResponseError is a NO or BAD to a command, or a BYE.
type ResponseError struct {
	Status string // NO, BAD or BYE
	Code   string // response code in upper case, without its arguments; often empty
	Text   string // the server's words, bounded and fit for a terminal
}

// Error implements error.
func (e *ResponseError) Error() string {
	s := "server answered " + e.Status
	if e.Code != "" {
		s += " [" + e.Code + "]"
	}
	if e.Text != "" {
		s += " " + e.Text
	}
	return s
}

func responseError(p *wire.Response) *ResponseError {
	return &ResponseError{Status: printable(p.Name), Code: printable(p.Code), Text: printable(p.Text)}
}

// printable bounds outside text and replaces what a terminal would obey.
func printable(s string) string {
	const limit = 300
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
	if cut {
		s += "..."
	}
	return s
}

// A Category is what an error means for whoever has to go on.
type Category string

// The categories that Class knows.
const (
	ClassNone       Category = ""           // no error
	ClassLogin      Category = "login"      // credentials refused: do not try again
	ClassUnusable   Category = "unusable"   // login fine, but every command fails
	ClassPermission Category = "permission" // this account may not do this
	ClassTemporary  Category = "temporary"  // network, throttle, lock: later is right
	ClassQuota      Category = "quota"      // the account is full
	ClassMissing    Category = "missing"    // no such mailbox
	ClassRefused    Category = "refused"    // this command or message, for good
	ClassTLS        Category = "tls"        // not a server to be trusted
	ClassProtocol   Category = "protocol"   // not understood; another connection may do
	ClassCancelled  Category = "cancelled"  // our own context ended
	ClassUnknown    Category = "unknown"    // not an error of a connection
)

// Class says what an error means. It is the only place that knows.
func Class(err error) Category {
	var answer *ResponseError
	switch {
	case err == nil:
		return ClassNone
	case errors.Is(err, ErrCancelled):
		return ClassCancelled
	case errors.Is(err, ErrCompression):
		return ClassProtocol
	case errors.Is(err, ErrInsecure), untrusted(err):
		return ClassTLS
	case errors.As(err, &answer):
		return answer.class(errors.Is(err, ErrLogin))
	case errors.Is(err, ErrLogin), errors.Is(err, oauth.ErrRefused):
		return ClassLogin
	case errors.Is(err, ErrUnusable):
		return ClassUnusable
	case errors.Is(err, ErrForbidden):
		return ClassPermission
	case errors.Is(err, ErrNoMove):
		return ClassRefused
	case errors.Is(err, ErrProtocol), errors.Is(err, wire.ErrLineTooLong), errors.Is(err, wire.ErrLiteral):
		return ClassProtocol
	case network(err), errors.Is(err, oauth.ErrTemporary):
		return ClassTemporary
	case errors.Is(err, context.Canceled):
		return ClassCancelled
	}
	return ClassUnknown
}

func untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &host) || errors.As(err, &authority) ||
		errors.As(err, &invalid) || errors.As(err, &header)
}

func network(err error) bool {
	var ne net.Error
	var errno syscall.Errno
	return errors.Is(err, ErrSilent) || errors.Is(err, ErrClosed) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne) || errors.As(err, &errno)
}

// class reads the response code first (RFC 5530), then the words of servers
// that give none.
func (e *ResponseError) class(login bool) Category {
	text := strings.ToLower(e.Text)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("suggested backoff time", "is throttled", "command or bandwidth", "too many simultaneous", "too many connections", "maximum number of connections", "try again later"):
		return ClassTemporary
	case has("authenticated but not connected"): // Exchange Online
		return ClassUnusable
	}
	switch e.Code {
	case "INUSE", "UNAVAILABLE", "SERVERBUG", "THROTTLED", "CONTACTADMIN":
		return ClassTemporary
	case "LIMIT":
		if !has("too large", "too big", "size", "too long") {
			return ClassTemporary
		}
		return ClassRefused
	case "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED":
		return ClassLogin
	case "NOPERM", "PRIVACYREQUIRED":
		return ClassPermission
	case "OVERQUOTA":
		return ClassQuota
	case "TRYCREATE", "NONEXISTENT":
		return ClassMissing
	}
	switch {
	case login:
		return ClassLogin
	case e.Status == "BYE":
		return ClassTemporary
	case has("quota exceeded", "over quota", "quota limit will be exceeded", "mailbox is full", "find a bigger place"):
		return ClassQuota
	}
	return ClassRefused
}

// Ceiling reports whether a server has refused a login because of the
// connections that there are already (Dovecot: "[UNAVAILABLE] Maximum number
// of connections from user+IP exceeded").
func Ceiling(err error) bool {
	var answer *ResponseError
	if !errors.As(err, &answer) {
		return false
	}
	text := strings.ToLower(answer.Text)
	for _, words := range []string{"maximum number of connections", "too many connections", "too many simultaneous"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// Exhausted reports whether a server ends or refuses something because of all
// that an account has moved of late, and returns its words (Gmail:
// "[OVERQUOTA] Account exceeded command or bandwidth limits").
func Exhausted(err error) (words string, ok bool) {
	var answer *ResponseError
	if !errors.As(err, &answer) || !strings.Contains(strings.ToLower(answer.Text), "command or bandwidth") {
		return "", false
	}
	return answer.Text, true
}

// Excused reports whether a server has ended a connection with a BYE that names
// a reason of the server's or of the session's, so that nothing that was under
// way had a part in it: "Session invalidated - AccessTokenExpired" (Exchange
// Online), "Disconnected for inactivity", "Server shutting down" (Dovecot).
func Excused(err error) bool {
	var answer *ResponseError
	if errors.Is(err, ErrCompression) {
		return true
	}
	if !errors.As(err, &answer) || answer.Status != "BYE" {
		return false
	}
	switch answer.Code {
	case "UNAVAILABLE", "INUSE", "THROTTLED", "EXPIRED", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED":
		return true
	}
	text := strings.ToLower(answer.Text)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	if has("message", "literal", "line", "size") {
		return false // the limit may be that of what was sent
	}
	return answer.Code == "LIMIT" || has("token", "expired", "session invalid", "shut", "restart", "maintenance",
		"idle", "inactiv", "autologout", "throttle", "try again later", "too many connections", "too many simultaneous",
		"maximum number of connections", "limit")
}

var backoff = regexp.MustCompile(`(?i)suggested backoff time:\s*(\d{1,9})\s*milliseconds`)

// ThrottleDelay is the time that the server asks to wait (Exchange Online:
// "Suggested Backoff Time: 299961 milliseconds"), at most a day.
func ThrottleDelay(err error) (time.Duration, bool) {
	var answer *ResponseError
	if !errors.As(err, &answer) {
		return 0, false
	}
	m := backoff.FindStringSubmatch(answer.Text)
	if m == nil {
		return 0, false
	}
	ms, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, false
	}
	return min(time.Duration(ms)*time.Millisecond, 24*time.Hour), true
}
