package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/arc"
	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/finding"
)

// An Opinion is what the receiver of a message wrote into it about SPF, DKIM
// and DMARC: a second opinion, which decides nothing.
type Opinion struct {
	ID    string   `json:"id"`    // whose it is; empty where the receiver does not say
	SPF   string   `json:"spf"`   // RFC 8601 words, empty where it says nothing
	DMARC string   `json:"dmarc"` // "bestguesspass" and the like are kept
	DKIM  []Signed `json:"dkim"`  // never nil
	Text  string   `json:"text"`  // the field as it came
}

// A Signed is what the receiver says of one signature.
type Signed struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	Result   string `json:"result"`
}

// opinion finds the Authentication-Results field of the receiver. Anybody can
// write one, so it has to stand above the first Received that a stranger
// wrote, and to carry the receiver's own name: the one that wrote the topmost
// Received, or one that the caller vouches for (RFC 8601, section 5).
func (m message) opinion(receivers []string) *Opinion {
	own, names := m.ownFields()
	names = append(names, receivers...)
	for _, f := range own {
		if !strings.EqualFold(f.name, "Authentication-Results") {
			continue
		}
		a := ParseAuthResults(f.value)
		if a.ID != "" && slices.ContainsFunc(names, func(n string) bool { return sameReceiver(a.ID, n) }) ||
			a.ID == "" && slices.ContainsFunc(names, namesNobody) {
			return a.opinion(f.value)
		}
	}
	return nil
}

// ownFields returns the fields that can be the receiver's: those above the
// first Received below the one that tells of a connection from outside. From
// there on all is the sender's to invent. Names are who wrote the traces among
// them.
func (m message) ownFields() (own []field, names []string) {
	border := false
	for i, f := range m.fields {
		if !strings.EqualFold(f.name, "Received") {
			continue
		}
		if border {
			return m.fields[:i], names
		}
		h := readHop(unfold(f.value))
		if h.writer != "" {
			names = append(names, h.writer)
		}
		border = h.border()
	}
	return m.fields, names
}

// sameReceiver reports whether a name in Authentication-Results is of the same
// organization as a host.
func sameReceiver(id, host string) bool {
	id, host = dmarc.Canonical(id), dmarc.Canonical(host)
	org := dmarc.SuffixOrg(host)
	return id == host || org != "" && org == dmarc.SuffixOrg(id)
}

// namesNobody reports whether a receiver is one that leaves its name out.
func namesNobody(host string) bool {
	host = dmarc.Canonical(host)
	return slices.ContainsFunc([]string{".outlook.com", ".outlook.office365.com", ".outlook.office365.us"}, func(suffix string) bool {
		return strings.HasSuffix(host, suffix)
	})
}

func (a AuthResults) opinion(text string) *Opinion {
	o := &Opinion{ID: printable(a.ID, 64), DKIM: []Signed{}, Text: printable(strings.TrimSpace(unfold(text)), 1024)}
	for _, r := range a.Results {
		switch r.Method {
		case "spf":
			o.SPF = printable(r.Result, 16)
		case "dmarc":
			o.DMARC = printable(r.Result, 16)
		case "dkim":
			if len(o.DKIM) < maxSignatures {
				o.DKIM = append(o.DKIM, Signed{printable(dmarc.Canonical(r.Domain()), 64), printable(r.Property("header.s"), 64), printable(r.Result, 16)})
			}
		}
	}
	return o
}

// compare says where the receiver and the verdict differ. Both may be right:
// the receiver saw the envelope, and the DNS at that time.
func (j *judge) compare() {
	o := j.v.Receiver
	if o == nil || o.DMARC == "" || j.v.DMARC != Pass && j.v.DMARC != Fail {
		return
	}
	if theirs := o.DMARC == string(Pass); theirs != (j.v.DMARC == Pass) && (theirs || o.DMARC == string(Fail)) {
		j.say(finding.Warn, finding.ReceiverDisagrees, fmt.Sprintf("the receiver %s says dmarc=%s, and the message itself says %s", orUnknown(o.ID), o.DMARC, j.v.DMARC),
			"compare what it says of SPF and DKIM with the results here; old keys and a forwarder between explain most")
	}
}

// chain verifies the ARC chain. It is information: it explains what a forwarder
// saw, and never decides.
func (j *judge) chain(ctx context.Context) ARC {
	c, err := arc.Verify(j.m.octets, arc.Lookup(j.ask.txt(ctx)))
	if err != nil {
		return ARC{Result: notMeasured, Text: errorText(err)}
	}
	a := ARC{Result: string(c.Result), Sets: max(len(c.Sets), len(j.m.all("ARC-Seal"))), Text: printable(c.Reason, 300)}
	if c.Result == arc.TempError {
		a.Result = notMeasured
	}
	if c.Result == arc.Pass {
		a.First = printable(c.Sets[0].Results, 512)
	}
	return a
}
