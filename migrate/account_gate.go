package migrate

import (
	"slices"
	"strings"

	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/inventory"
	"github.com/mxmove/mxmove/migrate/step"
)

// accountGate decides whether every account of the old server is copied, or
// left behind with a reason.
func accountGate(f AddressFacts) []step.Result {
	if f.Old == nil {
		return nil
	}
	behind := f.behind()
	if len(behind) == 0 {
		return []step.Result{pass("accounts", "every account of the old server that is known is in accounts.csv")}
	}
	const fix = "add a row to accounts.csv, or skip it with a reason: --accept MX034:ADDRESS=\"...\""
	var results []step.Result
	var rest []string
	for _, a := range behind {
		if len(results) == maxSingly {
			rest = append(rest, located(a))
			continue
		}
		r := refuse("accounts", finding.AddressNotListed,
			"the old server has an account "+a.Address+" that accounts.csv does not name", fix, a.Sources...)
		r.Subject = a.Address
		results = append(results, r)
	}
	if len(rest) > 0 {
		results = append(results, refuse("accounts", finding.AddressNotListed,
			"the old server has "+Plural(len(rest), "account")+" more that accounts.csv does not name", fix, rest...))
	}
	return results
}

// accountFindings tells which accounts only one of the two lists names.
func accountFindings(f AddressFacts, domain string) []finding.Finding {
	var found []finding.Finding
	var names, evidence []string
	for _, a := range f.behind() {
		if mailDomain(a.Address) == domain {
			names, evidence = append(names, a.Address), append(evidence, located(a))
		}
	}
	if len(names) > 0 {
		found = append(found, finding.Finding{
			Severity: finding.Warn, Code: finding.AddressNotListed, Subject: domain,
			Text:     "cutover will refuse, since the old server has " + Plural(len(names), "account") + " that accounts.csv does not name: " + some(names),
			Evidence: evidence, Fix: "add a row for each, or skip it with a reason: --accept MX034:ADDRESS=\"...\"",
		})
	}
	names, evidence = f.strangers(domain)
	if len(names) > 0 {
		found = append(found, finding.Finding{
			Severity: finding.Warn, Code: finding.AccountUnknown, Subject: domain,
			Text:     "accounts.csv names " + Plural(len(names), "account") + " that the old server does not have: " + some(names),
			Evidence: evidence, Fix: "correct the row, or take it out; if the copies of the old server's files are old, copy them anew",
		})
	}
	return found
}

// behind lists the accounts of the old server that nobody copies. Those that
// systems come with count only when the log has seen mail to them.
func (f AddressFacts) behind() []inventory.Address {
	if f.Old == nil {
		return nil
	}
	var behind []inventory.Address
	for _, a := range f.Old.Configured {
		seen := slices.ContainsFunc(f.Old.Observed, func(o inventory.Observation) bool { return o.Address == a.Address })
		if a.Stored && (!a.System || seen) && slices.Contains(f.Domains, mailDomain(a.Address)) && !f.copied(a.Address) {
			behind = append(behind, a)
		}
	}
	return behind
}

// copied reports whether a row of accounts.csv copies the account of an
// address. The domains of a move share their mailboxes, so that one of them is
// enough.
func (f AddressFacts) copied(address string) bool {
	local := strings.TrimSuffix(address, "@"+mailDomain(address))
	return slices.ContainsFunc(f.Domains, func(domain string) bool {
		_, listed := f.Listed[local+"@"+domain]
		return listed || f.Users[local+"@"+domain]
	})
}

// strangers lists the rows of accounts.csv that the old server does not know.
// A server whose accounts cannot all be listed knows more than it says.
func (f AddressFacts) strangers(domain string) (names, evidence []string) {
	known := make(map[string]bool)
	accounts := false
	for _, a := range f.Old.Configured {
		known[a.Address] = true
		accounts = accounts || a.Stored && mailDomain(a.Address) == domain
	}
	if !accounts || len(f.Old.Unlisted) > 0 || f.wild(domain) != nil {
		return nil, nil
	}
	for _, row := range f.Rows {
		if mailDomain(row.Address) != domain || known[strings.ToLower(row.Address)] {
			continue
		}
		if slices.ContainsFunc(asAddresses(row, f.Domains), func(user string) bool { return known[user] }) {
			continue
		}
		names = append(names, row.Address)
		evidence = append(evidence, f.Listed[strings.ToLower(row.Address)]+": source_user "+row.SourceUser)
	}
	return names, evidence
}

// asAddresses returns the addresses that the login of a row may have at the
// old server.
func asAddresses(row config.Account, domains []string) []string {
	user := strings.ToLower(row.SourceUser)
	if strings.Contains(user, "@") {
		return []string{user}
	}
	var all []string
	for _, domain := range domains {
		all = append(all, user+"@"+domain)
	}
	return all
}

// located is an address with the lines that name it.
func located(a inventory.Address) string { return a.Address + ": " + strings.Join(a.Sources, ", ") }
