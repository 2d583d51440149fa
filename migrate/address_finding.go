package migrate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/inventory"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// longEnough is how much of the log has to be read before silence is a hint.
const longEnough = 28 * 24 * time.Hour

// addressFindings tells how the three sets differ.
func addressFindings(f AddressFacts) []finding.Finding {
	var found []finding.Finding
	if f.Old == nil {
		found = append(found, finding.Finding{
			Severity: finding.Note, Code: finding.AddressesUnlisted, Subject: f.Domains[0],
			Text:     "nobody has listed the addresses that the old server accepts, so a forgotten one bounces after the switch",
			Evidence: []string{}, Fix: "add inventory: {postfix: /etc/postfix} or copies of it",
		})
	}
	found = append(found, measuredFindings(f)...)
	if f.Old == nil {
		return found
	}
	for _, u := range f.Old.Unlisted {
		found = append(found, finding.Finding{
			Severity: finding.Warn, Code: finding.TableNotListed, Subject: u.What,
			Text: "its addresses are not known: " + u.Why, Evidence: []string{u.What}, Fix: u.Fix,
		})
	}
	for _, domain := range f.Domains {
		found = append(found, domainFindings(f, domain)...)
	}
	return append(found, staying(f)...)
}

// measuredFindings turns the gate's results into findings of the plan. Before
// anybody was asked there is only a note.
func measuredFindings(f AddressFacts) []finding.Finding {
	var found []finding.Finding
	if f.Soundings == nil {
		if f.Apply() {
			found = append(found, finding.Finding{
				Severity: finding.Note, Code: finding.AddressNotMeasured, Subject: f.Domains[0],
				Text:     "the new MX was not asked for " + addresses(len(f.wanted())) + " yet; cutover asks it before the switch",
				Evidence: []string{}, Fix: "create accounts and aliases at the provider before; mxmove handout admin lists them",
			})
		}
		return found
	}
	for _, r := range addressGate(f) {
		if r.Code != finding.AddressRefused && r.Code != finding.AddressNotMeasured {
			continue // the inventory's own findings say it
		}
		severity := finding.Block
		if r.Outcome == step.NotMeasured {
			severity = finding.Warn
		}
		subject := r.Subject
		if subject == "" {
			subject = f.Domains[0]
		}
		found = append(found, finding.Finding{Severity: severity, Code: r.Code, Subject: subject, Text: r.Text, Evidence: r.Evidence, Fix: r.Fix})
	}
	return found
}

// domainFindings compares the sets of one domain.
func domainFindings(f AddressFacts, domain string) []finding.Finding {
	var found []finding.Finding
	add := func(s finding.Severity, code finding.Code, text, fix string, evidence []string) {
		if len(evidence) > 0 {
			found = append(found, finding.Finding{Severity: s, Code: code, Subject: domain, Text: text, Evidence: evidence, Fix: fix})
		}
	}
	found = accountFindings(f, domain)
	names, evidence := f.unnamed(domain)
	add(finding.Warn, finding.AddressNotListed,
		"the old server accepts "+addresses(len(names))+" that accounts.csv does not name: "+some(names),
		"add a row for an account, or write it under aliases in the row of whoever reads it", evidence)
	add(finding.Warn, finding.CatchAll, "the old server accepts every address of "+domain,
		"write those in use as aliases, or ask the provider for a catch-all", f.wild(domain))
	names, evidence = f.programs(domain)
	add(finding.Warn, finding.NotCarried, "mail is handed to a program or a file, which a provider does not do: "+some(names),
		"let the program fetch the mail by IMAP, or forward to an address of its own", evidence)
	evidence = f.extended(domain)
	add(finding.Warn, finding.DelimiterDiffers, fmt.Sprintf("the old server takes extensions behind %q, which may not work at the target", f.Old.Delimiter),
		"write those in use as aliases", evidence)
	names = f.rolesMissing(domain)
	add(finding.Warn, finding.RoleMissing, "nobody gets the mail of "+strings.Join(names, " and "),
		"write it under aliases in the row of whoever reads it, and create it at the provider", names)
	names, evidence = f.unused(domain)
	add(finding.Note, finding.AddressUnused,
		addresses(len(names))+" without mail since "+f.Old.Since.Format(time.DateOnly)+": "+some(names),
		"drop those that nobody needs", evidence)
	return found
}

// unnamed lists what the old server accepts, accounts.csv does not name, and
// the new MX is not known to accept.
func (f AddressFacts) unnamed(domain string) (names, evidence []string) {
	behind := f.behind()
	for _, w := range f.wanted() {
		if _, listed := f.Listed[w.address]; listed || mailDomain(w.address) != domain {
			continue
		}
		base, extended := inventory.Base(w.address, f.Old.Delimiter)
		if _, listed := f.Listed[base]; extended && listed {
			continue
		}
		if answer, _ := f.answer(w.address); answer == probe.Taken {
			continue
		}
		if slices.ContainsFunc(behind, func(a inventory.Address) bool { return a.Address == w.address }) {
			continue // told by itself: it is more than an address
		}
		names = append(names, w.address)
		evidence = append(evidence, w.address+": "+strings.Join(w.because, ", "))
	}
	return names, evidence
}

// programs lists addresses whose mail goes to a program or a file.
func (f AddressFacts) programs(domain string) (names, evidence []string) {
	for _, a := range f.Old.Configured {
		if a.Kind == inventory.Program && !a.System && mailDomain(a.Address) == domain {
			names = append(names, a.Address)
			evidence = append(evidence, a.Address+": "+strings.Join(a.Sources, ", "))
		}
	}
	return names, evidence
}

// extended is the evidence that extensions may be lost: a delimiter that
// providers do not know, or a sample that the new MX refuses.
func (f AddressFacts) extended(domain string) []string {
	var evidence []string
	for _, sample := range f.samples(domain) {
		if answer, text := f.answer(sample); answer == probe.Turned {
			evidence = append(evidence, text)
		}
	}
	if len(evidence) == 0 && strings.Trim(f.Old.Delimiter, "+") == "" {
		return nil
	}
	for _, o := range f.Old.Observed {
		base, ok := inventory.Base(o.Address, f.Old.Delimiter)
		_, listed := f.Listed[o.Address]
		if ok && !listed && mailDomain(base) == domain {
			evidence = append(evidence, o.Address+": "+seen(o))
		}
	}
	if len(evidence) == 0 {
		evidence = []string{"recipient_delimiter = " + f.Old.Delimiter}
	}
	return evidence
}

// rolesMissing lists the addresses that every domain should have and that
// nobody has.
func (f AddressFacts) rolesMissing(domain string) []string {
	var missing []string
	if f.wild(domain) != nil {
		return nil
	}
	for _, role := range roles(domain) {
		_, listed := f.Listed[role]
		known := slices.ContainsFunc(f.Old.Configured, func(a inventory.Address) bool { return a.Address == role })
		if answer, _ := f.answer(role); !listed && !known && answer != probe.Taken {
			missing = append(missing, role)
		}
	}
	return missing
}

// unused lists what is configured and was never used, if enough of the log was
// read.
func (f AddressFacts) unused(domain string) (names, evidence []string) {
	if !f.Old.Logged || f.Old.Last.Sub(f.Old.Since) < longEnough {
		return nil, nil
	}
	used := make(map[string]bool)
	for _, o := range f.Old.Observed {
		base, _ := inventory.Base(o.Address, f.Old.Delimiter)
		used[o.Address], used[base] = true, true
	}
	for _, a := range f.Old.Configured {
		if !used[a.Address] && !a.System && mailDomain(a.Address) == domain && !slices.Contains(roles(domain), a.Address) {
			names = append(names, a.Address)
			evidence = append(evidence, a.Address+": "+strings.Join(a.Sources, ", "))
		}
	}
	return names, evidence
}

// staying tells of domains that the old server goes on taking mail for.
func staying(f AddressFacts) []finding.Finding {
	var stay []string
	for _, domain := range f.Old.Domains {
		if !slices.Contains(f.Domains, domain) {
			stay = append(stay, domain)
		}
	}
	if len(stay) == 0 {
		return nil
	}
	return []finding.Finding{{
		Severity: finding.Note, Code: finding.NotCarried, Subject: f.Domains[0],
		Text:     "the old server takes mail for domains that do not move: " + some(stay),
		Evidence: stay, Fix: "add them to alias_domains, move them on their own, or keep the old server",
	}}
}

func unlistedEvidence(s *inventory.Set) []string {
	var all []string
	for _, u := range s.Unlisted {
		all = append(all, u.What+": "+u.Why)
	}
	return all
}

// some names a few of many.
func some(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// addresses prints a count of addresses.
func addresses(n int) string {
	if n == 1 {
		return "1 address"
	}
	return fmt.Sprintf("%d addresses", n)
}
