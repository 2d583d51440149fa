package lab

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// ExchangerOptions describe the receiving end of SMTP.
type ExchangerOptions struct {
	Host string      // the name in its greeting and in the Received header
	TLS  *tls.Config // offered by STARTTLS; nil: not offered

	// Peer returns the address that a sender is said to connect from, by the
	// name in its EHLO: on loopback all addresses are the same, and SPF is
	// judged by that one. The zero Addr leaves out what is not known.
	Peer func(helo string) netip.Addr

	// Account returns the account that an address delivers to; nil refuses
	// the recipient. It must be safe for concurrent use.
	Account func(address string) *imaplab.Account
}

// An Exchanger is what an MX record points to: it takes mail for its own
// addresses from anybody and delivers it to INBOX, with the trace headers of a
// receiving server on top.
type Exchanger struct {
	*smtpServer
	o        ExchangerOptions
	received atomic.Int64
}

// StartExchanger opens a mail exchanger on loopback. The caller closes it.
func StartExchanger(o ExchangerOptions) (*Exchanger, error) {
	x := &Exchanger{o: o}
	s, err := startSMTP(o.Host, o.TLS, false, smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &exchange{x: x, conn: c}, nil
	}))
	if err != nil {
		return nil, err
	}
	x.smtpServer = s
	return x, nil
}

// Received counts the messages accepted so far.
func (x *Exchanger) Received() int { return int(x.received.Load()) }

// An exchange is one SMTP session at an Exchanger.
type exchange struct {
	x      *Exchanger
	conn   *smtp.Conn
	letter letter
	boxes  []*imaplab.Account
}

func (e *exchange) Reset()        { e.letter, e.boxes = letter{}, nil }
func (e *exchange) Logout() error { return nil }

func (e *exchange) Mail(from string, _ *smtp.MailOptions) error {
	e.letter.from = from
	return nil
}

// Rcpt refuses unknown users at once, as it should be: a bounce afterwards
// would go to whoever was named as the sender.
func (e *exchange) Rcpt(to string, _ *smtp.RcptOptions) error {
	a := e.x.o.Account(to)
	if a == nil {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user here"}
	}
	e.letter.to = append(e.letter.to, to)
	e.boxes = append(e.boxes, a)
	return nil
}

// Data delivers to each recipient on its own, since the trace names one.
func (e *exchange) Data(r io.Reader) error {
	if err := e.letter.read(r); err != nil {
		return err
	}
	now := time.Now()
	for i, a := range e.boxes {
		body := append(e.trace(e.letter.to[i], now), e.letter.body...)
		if _, err := a.Deliver("INBOX", imaplab.Message{Body: body, Date: now}); err != nil {
			return err
		}
	}
	e.x.received.Add(1)
	return nil
}

// trace returns the headers that a receiving server puts on top (RFC 5321,
// section 4.4).
func (e *exchange) trace(to string, now time.Time) []byte {
	var b bytes.Buffer
	helo := e.conn.Hostname()
	peer := helo
	if e.x.o.Peer != nil {
		if ip := e.x.o.Peer(helo); ip.IsValid() {
			peer = fmt.Sprintf("%s [%s]", helo, literal(ip))
		}
	}
	with := "ESMTP"
	if _, ok := e.conn.TLSConnectionState(); ok {
		with = "ESMTPS"
	}
	fmt.Fprintf(&b, "Return-Path: <%s>\r\n", e.letter.from)
	fmt.Fprintf(&b, "Received: from %s (%s)\r\n\tby %s with %s\r\n\tfor <%s>; %s\r\n",
		helo, peer, e.x.o.Host, with, to, now.Format(time.RFC1123Z))
	return b.Bytes()
}

// literal writes an address as it stands in brackets (RFC 5321, section 4.1.3).
func literal(ip netip.Addr) string {
	if ip.Is6() {
		return "IPv6:" + ip.String()
	}
	return ip.String()
}

// domainOf returns the part behind the last @, in lower case.
func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}
