package migrate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/migrate/probe"
)

// Bounds of asking who signed. A report may come from a domain whose servers
// never answer, by accident or on purpose.
const (
	askSigners = 10 * time.Second   // one message
	maxSilent  = 5                  // messages of one run that took all of that
	waitSigner = 3 * 24 * time.Hour // after its period a report is not judged again
)

// A voucher is what is known of who sent the message that a report came in.
// The zero value vouches for nothing.
type voucher struct {
	probe.Signers
	unasked bool // nobody knows who signed, since there was no answer in time
}

// signs returns the organizational domain that vouches for a report: that of
// the message's author, which has signed it, and which the report gives as
// its own. Anybody can write a report; this at least is whose it is. Later
// says that the DNS kept the answer back.
func (v voucher) signs(r dmarc.Report) (org string, later bool) {
	if v.unasked {
		return "", true
	}
	author := dmarc.SuffixOrg(v.From)
	if author == "" || author != reporterOrg(r) {
		return "", false
	}
	same := func(domain string) bool { return dmarc.SuffixOrg(domain) == author }
	if slices.ContainsFunc(v.Passed, same) {
		return author, false
	}
	return "", slices.ContainsFunc(v.Unanswered, same)
}

// reporterOrg is whom a report says it comes from: the domain of its address,
// or without one the name of the organization, which many give as a domain.
func reporterOrg(r dmarc.Report) string {
	email := strings.TrimRight(strings.TrimSpace(r.Email), ">")
	if at := strings.LastIndexByte(email, '@'); at >= 0 {
		if org := dmarc.SuffixOrg(email[at+1:]); org != "" {
			return org
		}
	}
	if name := strings.TrimSpace(r.Org); strings.Contains(name, ".") {
		return dmarc.SuffixOrg(name)
	}
	return ""
}

// vouch asks who signed the message around a document, once for all documents
// of one message. What does not look like a report is not worth a question.
func (g *reportReading) vouch(ctx context.Context, doc *dmarc.Document) (voucher, error) {
	if doc.Message == nil || doc.JSON {
		return voucher{}, nil
	}
	body := bufio.NewReaderSize(doc.Body, 4096)
	doc.Body = body
	head, err := body.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return voucher{}, nil // it comes again to whoever reads
	}
	if !bytes.Contains(bytes.ReplaceAll(head, []byte{0}, nil), []byte("feedback")) { // in two octets a letter as well
		return voucher{}, nil
	}
	if g.around != nil && &g.around[0] == &doc.Message[0] {
		return g.voucher, nil
	}
	v, err := g.ask(ctx, doc.Message)
	if err == nil {
		g.around, g.voucher = doc.Message, v
	}
	return v, err
}

// ask verifies the signatures of one message.
func (g *reportReading) ask(ctx context.Context, msg []byte) (voucher, error) {
	if g.silent >= maxSilent {
		return voucher{unasked: true}, nil
	}
	client, err := g.r.client()
	if err != nil {
		return voucher{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, askSigners)
	defer cancel()
	s, err := probe.SignersOf(bounded, msg, resolver.Stub{Client: client})
	switch {
	case ctx.Err() != nil:
		return voucher{}, context.Cause(ctx)
	case errors.Is(err, probe.ErrMessage):
		return voucher{}, nil
	case err != nil:
		g.silent++
		return voucher{unasked: true}, nil
	}
	return voucher{Signers: s}, nil
}

// worthWaiting reports whether a report that nobody vouches for yet is judged
// again later. A domain that never answers must not hold up the others.
func worthWaiting(end, now time.Time) bool {
	return end.Before(now.Add(24*time.Hour)) && end.After(now.Add(-waitSigner))
}

// A ReportSigner is an organization that signed reports.
type ReportSigner struct {
	Domain  string `json:"domain"`
	Reports int    `json:"reports"`
}

// signersOf counts who signed reports, the most first, and those that nobody
// did.
func signersOf(ps []period) (signers []ReportSigner, unsigned int) {
	count := make(map[string]int)
	for _, p := range ps {
		if p.SignedBy == "" {
			unsigned++
		} else {
			count[p.SignedBy]++
		}
	}
	signers = make([]ReportSigner, 0, len(count))
	for domain, n := range count {
		signers = append(signers, ReportSigner{domain, n})
	}
	slices.SortFunc(signers, func(a, b ReportSigner) int {
		if a.Reports != b.Reports {
			return b.Reports - a.Reports
		}
		return strings.Compare(a.Domain, b.Domain)
	})
	return signers, unsigned
}

// shownSigners are the signers that one line names.
const shownSigners = 5

// SignerNames names who signed reports, fit for a line: the first few, and
// how many more there are.
func SignerNames(signers []ReportSigner) string {
	var names []string
	for _, s := range signers[:min(len(signers), shownSigners)] {
		names = append(names, s.Domain)
	}
	text := strings.Join(names, ", ")
	if n := len(signers) - shownSigners; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
