package probe

import (
	"context"
	"fmt"
	"strings"

	"blitiri.com.ar/go/spf"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	grammar "github.com/mxmove/mxmove/dnsplan/spf"
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
	case j.env.Inner != "" && j.env.MailFrom == NullSender:
		s.Domain, s.Text = "", j.env.unsure() // HELO is that of the inner host
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
	reading := &strictly{asker: j.ask}
	result, err := spf.CheckHostWithSender(j.env.IP.Unmap().AsSlice(), j.env.Helo, sender,
		spf.WithContext(ctx), spf.WithResolver(reading))
	if reading.broken != nil {
		result, err = spf.PermError, reading.broken
	}
	s.Result = string(result)
	switch {
	case j.env.Inner != "" && (result == spf.Fail || result == spf.SoftFail || result == spf.Neutral):
		s.Result, s.Text = notMeasured, j.env.unsure()
	case result != spf.Pass && err != nil:
		s.Text = errorText(err)
	}
}

// unsure says why the connecting address proves nothing.
func (e Envelope) unsure() string {
	return printable(e.Inner, 64) + " may be a host of the receiver's own, and the header does not tell who came to it"
}

// strictly holds the records that an evaluation reads to the grammar. A syntax
// error anywhere in one is a permerror, whatever matches before it (RFC 7208,
// section 4.6), and the library stops at what matches.
type strictly struct {
	*asker
	broken error // of the first record that breaks the grammar
}

// LookupTXT is that of the asker.
func (s *strictly) LookupTXT(ctx context.Context, name string) ([]string, error) {
	txts, err := s.asker.LookupTXT(ctx, name)
	for _, txt := range txts {
		if s.broken != nil || !grammar.Is(txt) {
			continue
		}
		if _, bad := grammar.Parse(txt); bad != nil {
			s.broken = fmt.Errorf("record of %s: %w", strings.TrimSuffix(name, "."), bad)
		}
	}
	return txts, err
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
