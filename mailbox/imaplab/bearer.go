package imaplab

import (
	"bytes"
	"errors"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-sasl"
)

// xoauth2 is the mechanism that Google has made up and Microsoft speaks too.
const xoauth2 = "XOAUTH2"

// AuthenticateMechanisms implements imapserver.SessionSASL. What is announced
// the front decides.
func (s *session) AuthenticateMechanisms() []string { return []string{sasl.Plain} }

// Authenticate implements imapserver.SessionSASL.
func (s *session) Authenticate(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user {
				return no(imap.ResponseCodeAuthorizationFailed, "No acting for others")
			}
			return s.Login(user, password)
		}), nil
	case sasl.OAuthBearer:
		return &refusal{Server: sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			if s.bearer(o.Username, o.Token) != nil {
				return &sasl.OAuthBearerError{Status: "invalid_token", Schemes: "bearer", Scope: "mail"}
			}
			return nil
		})}, nil
	case xoauth2:
		return &xoauth2Server{check: s.bearer}, nil
	}
	return nil, no("", "Mechanism not offered")
}

// bearer opens the account of a user whose token is good.
func (s *session) bearer(user, token string) error {
	s.srv.mu.Lock()
	s.srv.logins++
	a := s.srv.accounts[user]
	s.srv.mu.Unlock()
	until, err := s.srv.opts.Bearer(user, token)
	if err != nil || a == nil {
		return imapserver.ErrAuthFailed
	}
	s.acct, s.until = a, until
	return nil
}

// over reports whether the session has outlived its token.
func (s *session) over() bool { return !s.until.IsZero() && !time.Now().Before(s.until) }

// refusal answers NO where the library's error would count as the server's own
// failure.
type refusal struct{ sasl.Server }

func (r *refusal) Next(response []byte) ([]byte, bool, error) {
	if response != nil && len(response) == 0 { // the library would look at its first octet
		return nil, false, &imap.Error{Type: imap.StatusResponseTypeBad, Text: "An octet of 1 was due"}
	}
	challenge, done, err := r.Server.Next(response)
	if err != nil {
		err = imapserver.ErrAuthFailed
	}
	return challenge, done, err
}

// xoauth2Server is the server's part of XOAUTH2: a token that is not good is
// answered with JSON, and the refusal follows the client's empty line.
type xoauth2Server struct {
	check  func(user, token string) error
	failed bool
}

var errNoXOAUTH2 = errors.New("imaplab: not as XOAUTH2 is written")

// Next implements sasl.Server.
func (x *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case x.failed && len(response) > 0:
		return nil, false, &imap.Error{Type: imap.StatusResponseTypeBad, Text: "An empty line was due"}
	case x.failed:
		return nil, false, imapserver.ErrAuthFailed
	case response == nil:
		return []byte{}, false, nil
	}
	user, token, err := parseXOAUTH2(response)
	if err != nil {
		return nil, false, &imap.Error{Type: imap.StatusResponseTypeBad, Text: err.Error()}
	}
	if x.check(user, token) != nil {
		x.failed = true
		return []byte(`{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}`), false, nil
	}
	return nil, true, nil
}

// parseXOAUTH2 takes "user=" U ^A "auth=Bearer " T ^A ^A apart.
func parseXOAUTH2(response []byte) (user, token string, err error) {
	parts := bytes.Split(response, []byte{1})
	if len(parts) != 4 || len(parts[2]) > 0 || len(parts[3]) > 0 {
		return "", "", errNoXOAUTH2
	}
	u, isUser := bytes.CutPrefix(parts[0], []byte("user="))
	t, isToken := bytes.CutPrefix(parts[1], []byte("auth=Bearer "))
	if !isUser || !isToken {
		return "", "", errNoXOAUTH2
	}
	return string(u), string(t), nil
}
