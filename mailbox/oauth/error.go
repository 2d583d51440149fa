package oauth

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/oauth2"
)

// An Error is what a token server answered in place of a token. errors.Is
// tells by ErrTemporary and ErrRefused whether another time may be better.
type Error struct {
	Kind     Kind
	Server   string        // host of the token server
	Status   int           // of HTTP; 0 where the answer was no refusal but made no sense
	Code     string        // such as invalid_grant; printable, often empty
	Text     string        // the server's words, bounded, printable, without secrets
	After    time.Duration // when the server wants to be asked again; 0: it did not say
	Skew     time.Duration // how far its clock is ahead of ours, where that is too much
	ClientID string
	Scopes   []string // that were asked for

	temporary bool
}

// Error implements error.
func (e *Error) Error() string {
	text := "token server " + e.Server
	if e.Status != 0 {
		text += " answered " + strconv.Itoa(e.Status)
	}
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	if e.Skew != 0 {
		text += fmt.Sprintf(" (its clock and that of this machine are %s apart)", e.Skew.Abs().Round(time.Second))
	}
	return text
}

// Is matches the sentinels.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrTemporary:
		return e.temporary
	case ErrRefused:
		return !e.temporary
	}
	return false
}

// tolerance is how far two clocks may be apart before it is worth a word. An
// assertion is good from ten seconds before it was made.
const tolerance = 2 * time.Minute

// bare is an Error of this conversation.
func (t *Tokens) bare(l *line) *Error {
	e := &Error{Kind: t.grant.Kind, Server: "unknown", ClientID: printable(t.grant.ClientID, 100), Scopes: t.grant.Scopes}
	if u, err := url.Parse(t.grant.TokenURL); err == nil {
		e.Server = printable(u.Host, 100)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.skew.Abs() > tolerance {
		e.Skew = l.skew
	}
	return e
}

// complaint is an answer that makes no sense, as those of a proxy in between.
func (t *Tokens) complaint(l *line, text string) error {
	e := t.bare(l)
	e.Text, e.temporary = text, true
	return e
}

// failed says what an error of the library means. That error itself is not
// wrapped: it holds the server's whole answer.
func (t *Tokens) failed(ctx context.Context, l *line, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return t.answer(l, answer)
	}
	l.mu.Lock()
	lost := l.err
	l.mu.Unlock()
	switch _, untrusted := errors.AsType[*tls.CertificateVerificationError](lost); {
	case errors.Is(lost, errTooLarge):
		return t.complaint(l, lost.Error())
	case untrusted:
		return fmt.Errorf("%w: token server %s: %w", ErrRefused, t.bare(l).Server, lost)
	case lost != nil:
		return fmt.Errorf("%w: token server %s: %w", ErrTemporary, t.bare(l).Server, lost)
	}
	return t.complaint(l, "the answer makes no sense")
}

// answer reads a refusal (RFC 6749, section 5.2; RFC 8628, section 3.5).
func (t *Tokens) answer(l *line, r *oauth2.RetrieveError) error {
	e := t.bare(l)
	e.Status = r.Response.StatusCode
	code, text := r.ErrorCode, r.ErrorDescription
	if code == "" {
		// The library does not read the refusals of an assertion.
		var doc struct {
			Code string `json:"error"`
			Text string `json:"error_description"`
		}
		if json.Unmarshal(r.Body, &doc) == nil {
			code, text = doc.Code, doc.Text
		}
	}
	e.Code, e.Text = l.clean(code, 60), l.clean(text, 300)
	if e.Code == "" && e.Status/100 == 3 {
		e.Text = "it leads elsewhere, which is not followed"
	}
	switch {
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusRequestTimeout, e.Status >= 500,
		e.Code == "temporarily_unavailable", e.Code == "server_error", e.Code == "slow_down":
		e.temporary = true
	}
	if seconds, err := strconv.Atoi(r.Response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.After = time.Duration(min(seconds, 86400)) * time.Second
	}
	return e
}

const masked = "***"

// clean takes secrets out of what a server says, and makes it printable.
func (l *line) clean(text string, limit int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, secret := range l.secrets {
		text = strings.ReplaceAll(text, secret, masked)
	}
	return printable(text, limit)
}

// printable bounds outside text, keeps it on one line, and replaces what a
// terminal would obey.
func printable(text string, limit int) string {
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
