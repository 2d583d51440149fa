package imapconn

import (
	"strings"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// exchange reports whether the server has called itself an Exchange.
func (s *session) exchange() bool {
	return strings.Contains(s.product, "Microsoft Exchange") || strings.Contains(s.product, "Microsoft.Exchange")
}

// id asks a server for its name (RFC 2971) that may be an Exchange behind a
// proxy with a greeting of its own: nobody else announces the bare IMAP4. It
// goes along with other commands and costs no round trip.
func (s *session) id() *step {
	if s.exchange() || !s.caps.Has("ID") || !s.caps.Has("IMAP4") {
		return nil
	}
	return &step{parts: []part{text("ID NIL")}, take: func(p *wire.Response) error {
		if p.Name == "ID" {
			s.product += " " + p.Rest()
		}
		return nil
	}}
}
