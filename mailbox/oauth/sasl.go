package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The mechanisms that take a token.
const (
	bearer  = "OAUTHBEARER"
	xoauth2 = "XOAUTH2"
)

// An Attempt is one login with a token. It implements sasl.Client.
type Attempt struct {
	token     *Token
	mechanism string
	host      string
	port      int
	answered  bool
	failure   challenge
}

// challenge is what a server says of a token that it refuses (RFC 7628,
// section 3.2.2). Google writes the status as a number of HTTP, others in
// words such as invalid_token.
type challenge struct {
	Status string `json:"status"`
	Scope  string `json:"scope"`
}

// Start implements sasl.Client.
func (a *Attempt) Start() (mechanism string, initial []byte, err error) {
	user := a.token.account.user
	if a.mechanism == xoauth2 {
		return xoauth2, []byte("user=" + user + "\x01auth=Bearer " + a.token.access + "\x01\x01"), nil
	}
	// The name stands in a list, so that two characters have to be written
	// otherwise (RFC 5801, section 4).
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	text := "n,a=" + name + ",\x01host=" + a.host + "\x01port=" + strconv.Itoa(a.port) +
		"\x01auth=Bearer " + a.token.access + "\x01\x01"
	return bearer, []byte(text), nil
}

// errTwice ends a dialogue that goes on where it should have ended.
var errTwice = errors.New("oauth: a second challenge")

// Next implements sasl.Client. A server that refuses a token says why in a
// challenge, and then waits for an answer without meaning before it says NO:
// an octet of 1 for OAUTHBEARER (RFC 7628, section 3.2.3), an empty line for
// XOAUTH2.
func (a *Attempt) Next(text []byte) ([]byte, error) {
	if a.answered {
		return nil, errTwice
	}
	a.answered = true
	var c challenge
	if len(text) <= 4096 && json.Unmarshal(text, &c) == nil {
		a.failure = c
	}
	if a.mechanism == bearer {
		return []byte{1}, nil
	}
	return []byte{}, nil
}

// Hide takes the token, and what it was sent as, out of what a server says.
func (a *Attempt) Hide(text string) string {
	if _, initial, err := a.Start(); err == nil {
		text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString(initial), masked)
	}
	return strings.ReplaceAll(text, a.token.access, masked)
}

// Refused tells that the server did not take the token: it is not given out
// again. The error joins the server's answer with what is known of the token.
func (a *Attempt) Refused(answer error) error {
	t := a.token
	t.account.tokens.drop(t.account.user, t.access)
	e := &BearerError{Mechanism: a.mechanism, Host: a.host, User: printable(t.account.user, 100), Err: answer}
	e.Kind = t.account.tokens.grant.Kind
	e.ClientID = printable(t.account.tokens.grant.ClientID, 100)
	e.Status, e.Scope = printable(a.Hide(a.failure.Status), 60), printable(a.Hide(a.failure.Scope), 200)
	if claims, ok := parseClaims(t.access); ok {
		e.Claims = &claims
	}
	return e
}

// A BearerError says that a mail server did not take a token.
type BearerError struct {
	Mechanism, Host, User string
	Kind                  Kind
	ClientID              string
	Status, Scope         string  // of the challenge, printable; often empty
	Claims                *Claims // of a token that can be read
	Err                   error   // the server's answer
}

// Error implements error.
func (e *BearerError) Error() string {
	text := "access token refused (" + e.Mechanism
	if e.Status != "" {
		text += ", status " + e.Status
	}
	return fmt.Sprintf("%s): %v", text, e.Err)
}

// Unwrap returns the server's answer.
func (e *BearerError) Unwrap() error { return e.Err }
