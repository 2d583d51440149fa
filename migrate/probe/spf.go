package probe

import (
	"context"
	"strings"

	"blitiri.com.ar/go/spf"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// envelope judges SPF for the envelope, as far as it is known.
func (j *judge) envelope(ctx context.Context) SPF {
	s := SPF{Result: notMeasured, Domain: j.env.domain()}
	if j.env.IP.IsValid() {
		s.IP = j.env.IP.Unmap().WithZone("").String()
	}
	switch {
	case j.env.MailFrom == "":
		s.Text = "MAIL FROM is not known"
	case s.IP == "":
		s.Text = "the connecting address is not known"
	case s.Domain == "":
		s.Result, s.Text = "none", "the envelope names no domain" // RFC 7208, section 4.3
	default:
		j.checkHost(ctx, &s)
	}
	return s
}

func (j *judge) checkHost(ctx context.Context, s *SPF) {
	sender := j.env.MailFrom
	if sender == NullSender {
		sender = "postmaster@" + s.Domain // RFC 7208, section 2.4
	}
	result, err := spf.CheckHostWithSender(j.env.IP.Unmap().AsSlice(), j.env.Helo, sender,
		spf.WithContext(ctx), spf.WithResolver(j.ask))
	s.Result = string(result)
	if result != spf.Pass && err != nil {
		s.Text = errorText(err)
	}
}

// domain is the one that SPF authenticates: that of MAIL FROM, or HELO for a
// bounce. It is empty where there is none that the DNS could hold.
func (e Envelope) domain() string {
	name := e.Helo
	if e.MailFrom != NullSender {
		name = ""
		if at := strings.LastIndexByte(e.MailFrom, '@'); at >= 0 {
			name = e.MailFrom[at+1:]
		}
	}
	if name = dmarc.Canonical(name); !dmarc.ValidName(name) {
		return ""
	}
	return name
}
