package imapconn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// maxChallenges bounds how long a server may go on asking.
const maxChallenges = 8

// login authenticates, once: a wrong password is never tried a second time in
// another form. Capabilities are taken anew with it, since they change with the
// login and proxies garble the earlier ones; where the server does not tell
// them by itself it is asked.
func (s *session) login(l Login, token *oauth.Token) error {
	if s.preauth {
		return s.capability()
	}
	if s.caps == nil {
		if err := s.capability(); err != nil {
			return err
		}
	}
	s.secrets, s.announced = []string{l.Password}, ""
	began := time.Now()
	if err := s.prove(l, token); err != nil {
		return err
	}
	s.conn.gauge.trip.Store(int64(time.Since(began)))
	// The server has nothing of them to repeat from here on.
	s.secrets = nil
	if caps := parseCaps(s.announced); caps.Has("IMAP4REV1") || caps.Has("IMAP4REV2") {
		s.caps = caps // told with the login
		return nil
	}
	if err := s.capability(); err != nil {
		return s.unusable(err)
	}
	return nil
}

// prove sends the password or the token. What is refused is an ErrLogin.
func (s *session) prove(l Login, token *oauth.Token) error {
	if token != nil {
		return s.bearer(token)
	}
	mechanism, err := s.mechanism(l)
	if err != nil {
		return err
	}
	if mechanism != nil {
		err = s.authenticate(mechanism)
	} else {
		err = s.simple(nil, text("LOGIN "), str(l.User), text(" "), str(l.Password))
	}
	return loginRefused(err)
}

// loginRefused marks a NO or BAD as one to a login.
func loginRefused(err error) error {
	var refusal *ResponseError
	if errors.As(err, &refusal) && refusal.Status != "BYE" {
		return fmt.Errorf("%w: %w", ErrLogin, err)
	}
	return err
}

// bearer logs in with an access token. It goes to the host that was configured
// and to no other: a referral (RFC 2221) is a refusal like any.
func (s *session) bearer(token *oauth.Token) error {
	s.secrets = append(s.secrets, token.Secret())
	host, text, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	attempt, err := token.Attempt(host, port, func(mechanism string) bool { return s.caps.Has("AUTH=" + mechanism) })
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLogin, err)
	}
	err = loginRefused(s.authenticate(attempt))
	if errors.Is(err, ErrLogin) && Class(err) == ClassLogin {
		return attempt.Refused(err)
	}
	return err // such as a server that is busy: the token may well be good
}

// unusable: Exchange Online answers OK to a login and BAD to all that follows
// where the mailbox has no licence or is still being moved.
func (s *session) unusable(err error) error {
	var refusal *ResponseError
	if errors.As(err, &refusal) && refusal.Status != "BYE" {
		return fmt.Errorf("%w: %s", ErrUnusable, refusal)
	}
	return err
}

// mechanism is how to log in; nil means the LOGIN command.
func (s *session) mechanism(l Login) (sasl.Client, error) {
	switch {
	case l.SASL != nil:
		return l.SASL, nil
	case l.User == "":
		return nil, fmt.Errorf("%w: no user name", ErrLogin)
	case strings.ContainsRune(l.User+l.Password+l.AuthzID, 0):
		return nil, fmt.Errorf("%w: user name or password contains NUL", ErrLogin)
	case s.caps.Has("AUTH=PLAIN"):
		return sasl.NewPlainClient(l.AuthzID, l.User, l.Password), nil
	case l.AuthzID != "":
		return nil, fmt.Errorf("%w: acting for another user needs AUTH=PLAIN, which the server does not offer", ErrLogin)
	case s.caps.Has("LOGINDISABLED"):
		return nil, fmt.Errorf("%w: the server takes no password here (LOGINDISABLED)", ErrLogin)
	}
	return nil, nil
}

// simple is run without a context of its own: the login's caller watches.
func (s *session) simple(h handler, parts ...part) error {
	tag, err := s.send(h, parts...)
	if err != nil {
		return s.broken(err)
	}
	if err := s.flush(); err != nil {
		return s.broken(err)
	}
	_, err = s.finish(tag, h)
	return err
}

func (s *session) capability() error {
	caps := Caps(nil)
	err := s.simple(func(p *wire.Response) error {
		if p.Name == "CAPABILITY" {
			caps = parseCaps(p.Rest())
		}
		return nil
	}, text("CAPABILITY"))
	if err != nil {
		return err
	}
	if caps == nil {
		return s.broken(fmt.Errorf("%w: no capabilities", ErrProtocol))
	}
	s.caps = caps
	return nil
}

// authenticate speaks SASL (RFC 9051, section 6.2.2).
func (s *session) authenticate(m sasl.Client) error {
	name, initial, err := m.Start()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLogin, err)
	}
	command := "AUTHENTICATE " + name
	if initial != nil && s.caps.Has("SASL-IR") {
		command += " " + s.encode(initial, true)
		initial = nil
	}
	tag, err := s.send(nil, text(command))
	if err != nil {
		return err
	}
	for range maxChallenges {
		if err := s.flush(); err != nil {
			return s.broken(err)
		}
		done, err := s.challenge(tag, m, &initial)
		if done || err != nil {
			return err
		}
	}
	return s.broken(fmt.Errorf("%w: more than %d SASL challenges", ErrProtocol, maxChallenges))
}

// challenge answers one request of the server. The initial response, where it
// has not gone yet, answers the first, which is then empty.
func (s *session) challenge(tag string, m sasl.Client, initial *[]byte) (done bool, err error) {
	var p *wire.Response
	for p == nil || p.Kind == wire.Untagged || (p.Kind == wire.Tagged && p.Tag != tag) {
		if p, err = s.next(); err != nil {
			return false, s.broken(err)
		}
	}
	if p.Kind == wire.Tagged {
		return true, s.answer(p)
	}
	reply := *initial
	if *initial = nil; reply == nil {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(p.Text))
		if err == nil {
			reply, err = m.Next(raw)
		}
		if err != nil {
			// The server is told, and its answer is the error that counts.
			_, err = s.w.WriteString("*\r\n")
			return false, err
		}
	}
	_, err = s.w.WriteString(s.encode(reply, false) + "\r\n")
	return false, err
}

// encode is base64, with "=" for an empty initial response (RFC 4959). What it
// makes is a secret too.
func (s *session) encode(b []byte, initial bool) string {
	if len(b) == 0 && initial {
		return "="
	}
	text := base64.StdEncoding.EncodeToString(b)
	s.secrets = append(s.secrets, text)
	return text
}
