package lab

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// A Signature is one DKIM signature that a server puts on what it sends.
type Signature struct {
	Domain   string // empty: the sender's
	Selector string
	Key      crypto.Signer // RSA or Ed25519
}

// SubmissionOptions describe the server that users send through.
type SubmissionOptions struct {
	Host     string      // the name in its greeting and in the Received header
	Outgoing string      // the name in its EHLO when it hands mail on
	TLS      *tls.Config // required
	StartTLS bool        // clear text until STARTTLS, no login before it; otherwise TLS from the first octet

	// Login reports whether a password is right. It must be safe for
	// concurrent use.
	Login func(user, password string) bool

	// Alias reports whether a user may send from an address that is not its
	// login; nil: from none.
	Alias func(user, from string) bool

	Sign []Signature // put on in this order, the last on top

	// Exchanger returns where mail for a domain goes, "host:port". nil
	// refuses every recipient.
	Exchanger func(ctx context.Context, domain string) (string, error)
}

// A Submission server takes mail from its users, signs it and hands it to the
// exchanger of the recipient before it answers: what it accepted has arrived.
type Submission struct {
	*smtpServer
	o SubmissionOptions
}

// StartSubmission opens a submission server on loopback. The caller closes it.
func StartSubmission(o SubmissionOptions) (*Submission, error) {
	if o.TLS == nil {
		return nil, errors.New("lab: submission without TLS")
	}
	s := &Submission{o: o}
	srv, err := startSMTP(o.Host, o.TLS, !o.StartTLS, smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &submission{s: s}, nil
	}))
	if err != nil {
		return nil, err
	}
	s.smtpServer = srv
	return s, nil
}

// A submission is one session of a user.
type submission struct {
	s      *Submission
	user   string // empty before the login
	letter letter
}

func (u *submission) AuthMechanisms() []string { return []string{sasl.Plain} }

func (u *submission) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(identity, user, password string) error {
		if identity != "" && identity != user || !u.s.o.Login(user, password) {
			return smtp.ErrAuthFailed
		}
		u.user = user
		return nil
	}), nil
}

func (u *submission) Reset()        { u.letter = letter{} }
func (u *submission) Logout() error { return nil }

// Mail lets users send as themselves alone, and from their aliases. Without
// that, alignment would say nothing about who sent.
func (u *submission) Mail(from string, _ *smtp.MailOptions) error {
	switch {
	case u.user == "":
		return smtp.ErrAuthRequired
	case !strings.EqualFold(from, u.user) && (u.s.o.Alias == nil || !u.s.o.Alias(u.user, from)):
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "not an address of this user"}
	}
	u.letter.from = from
	return nil
}

func (u *submission) Rcpt(to string, _ *smtp.RcptOptions) error {
	if u.s.o.Exchanger == nil {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 2}, Message: "no way to there"}
	}
	u.letter.to = append(u.letter.to, to)
	return nil
}

// relayTime bounds the hand-over while the user waits for the answer.
const relayTime = 20 * time.Second

// Data answers with a temporary error where the hand-over fails: the lab has
// no queue, and the sender is the one to know.
func (u *submission) Data(r io.Reader) error {
	if err := u.letter.read(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), relayTime)
	defer cancel()
	if err := u.s.relay(ctx, u.user, u.letter); err != nil {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 0}, Message: err.Error()}
	}
	return nil
}

// relay signs a letter and hands it on, one recipient after the other.
func (s *Submission) relay(ctx context.Context, user string, l letter) error {
	trace := fmt.Sprintf("Received: from [127.0.0.1] (authenticated as %s)\r\n\tby %s with ESMTPSA; %s\r\n",
		user, s.o.Host, time.Now().Format(time.RFC1123Z))
	body := append([]byte(trace), l.body...)
	for _, sig := range s.o.Sign {
		var err error
		if sig.Domain == "" {
			sig.Domain = domainOf(l.from)
		}
		if body, err = sig.sign(body); err != nil {
			return fmt.Errorf("signature %s: %w", sig.Selector, err)
		}
	}
	for _, to := range l.to {
		addr, err := s.o.Exchanger(ctx, domainOf(to))
		if err != nil {
			return err
		}
		if err := hand(ctx, addr, s.o.Outgoing, letter{l.from, []string{to}, body}); err != nil {
			return err
		}
	}
	return nil
}

// signed are the header fields that a provider's signature covers.
var signed = []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}

// sign puts the signature on top of the message.
func (g Signature) sign(body []byte) ([]byte, error) {
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(body), &dkim.SignOptions{
		Domain: g.Domain, Selector: g.Selector, Signer: g.Key, HeaderKeys: signed,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	return out.Bytes(), err
}
