package provider

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A SectionFact is the fact behind one section of a provider.
type SectionFact struct {
	Section string // its key in the file
	Fact
}

// Facts returns the facts of the sections that say something, in the order of
// the file.
func (p *Provider) Facts() []SectionFact {
	var fs []SectionFact
	add := func(section string, used bool, f Fact) {
		if used {
			fs = append(fs, SectionFact{section, f})
		}
	}
	add("refuse", p.Refuse != "", p.Fact)
	add("no_imap", p.NoIMAP != "" && p.Refuse == "", p.Fact)
	add("mx", len(p.MX.Records) > 0, p.MX.Fact)
	add("spf", p.SPF.Include != "" || len(p.SPF.Rules) > 0, p.SPF.Fact)
	add("dkim", len(p.DKIM.Records) > 0, p.DKIM.Fact)
	add("verify", len(p.Verify.Records) > 0, p.Verify.Fact)
	add("sending", len(p.Sending.Records) > 0, p.Sending.Fact)
	add("discovery", len(p.Discovery.Records) > 0, p.Discovery.Fact)
	add("mta_sts", len(p.MTASTS.MX) > 0, p.MTASTS.Fact)
	add("dmarc", p.DMARC.Hint != "", p.DMARC.Fact)
	for _, o := range p.Offers {
		add("offers "+o.Name, true, o.Fact)
	}
	add("imap", p.IMAP.Host != "", p.IMAP.Fact)
	add("smtp", p.SMTP.Host != "", p.SMTP.Fact)
	add("limits", p.Limits != Limits{Fact: p.Limits.Fact}, p.Limits.Fact)
	add("mailboxes", len(p.Mailboxes.Names)+len(p.Mailboxes.Reserved) > 0, p.Mailboxes.Fact)
	return fs
}

// Low reports whether the fact was seen once or told by memory only.
func (f Fact) Low() bool { return f.Confidence == "low" }

// planned are the sections that a plan publishes.
var planned = map[string]bool{"mx": true, "spf": true, "dkim": true, "verify": true, "sending": true, "discovery": true}

// Weak tells which sections that a plan publishes rest on weak facts, each as
// "section: source". Who plans with them compares them with the console.
func (p *Provider) Weak() []string {
	var weak []string
	for _, f := range p.Facts() {
		if f.Low() && planned[f.Section] {
			weak = append(weak, f.Section+": "+cmp.Or(f.Source, "no source"))
		}
	}
	return weak
}

// checkFacts refuses dates and words that are none. A file of the user's own
// is his word, and may leave source and date out.
func (s source) checkFacts(p *Provider) error {
	facts := slices.DeleteFunc(p.Facts(), func(f SectionFact) bool { return strings.HasPrefix(f.Section, "offers ") })
	for i, o := range p.Offers {
		facts = append(facts, SectionFact{fmt.Sprintf("offers[%d]", i), o.Fact})
	}
	for _, f := range facts {
		at := f.Section + "."
		if f.Section == "refuse" || f.Section == "no_imap" {
			at = "" // beside the reason
		}
		if f.Confidence != "" && !f.Low() {
			return s.at(at+"confidence", "confidence is low, or left out")
		}
		if f.Checked == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, f.Checked); err != nil {
			return s.at(at+"checked", "checked is a date such as 2026-11-24")
		}
	}
	return nil
}
