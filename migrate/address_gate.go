package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/inventory"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// Bounds of what is asked and told.
const (
	maxQuestions = 2000 // recipients of one domain
	maxSingly    = 20   // refused addresses that are told one by one
)

// AddressFacts are the three sets of addresses that a move has to bring
// together. Gates and findings are pure functions of them.
type AddressFacts struct {
	Domains   []string
	Listed    map[string]string  // addresses and aliases of accounts.csv, to file:line
	Rows      []config.Account   // of accounts.csv
	Users     map[string]bool    // the logins at the old server that are copied, as addresses
	Aliases   bool               // accounts.csv names aliases
	Old       *inventory.Set     // what the old server accepts; nil: nobody has looked
	Soundings map[string]Sounded // what the new MX says, by domain; nil: not asked
}

// A Sounded is what the new exchangers of a domain say, or why they do not.
type Sounded struct {
	probe.Sounding
	Reason string // why not every recipient was asked; empty: all were
}

// Apply reports whether anybody has named addresses beside the accounts. Only
// then the new MX is asked.
func (f AddressFacts) Apply() bool { return f.Old != nil || f.Aliases }

// A want is an address that has to work after the switch, and why.
type want struct {
	address string
	because []string
}

// wanted lists every address that the old server accepts, as far as anybody
// knows. Accounts and aliases that systems come with count only when the log
// has seen mail to them.
func (f AddressFacts) wanted() []want {
	because := make(map[string][]string)
	for address, place := range f.Listed {
		because[address] = append(because[address], place)
	}
	if f.Old != nil {
		for _, a := range f.Old.Configured {
			if !a.System {
				because[a.Address] = append(because[a.Address], a.Sources...)
			}
		}
		for _, o := range f.Old.Observed {
			because[o.Address] = append(because[o.Address], seen(o))
		}
	}
	var ws []want
	for _, address := range slices.Sorted(maps.Keys(because)) {
		if slices.Contains(f.Domains, mailDomain(address)) {
			ws = append(ws, want{address, because[address]})
		}
	}
	return ws
}

// seen is an observation as evidence.
func seen(o inventory.Observation) string {
	last := ""
	if !o.Last.IsZero() {
		last = ", last on " + o.Last.Format(time.DateOnly)
	}
	return fmt.Sprintf("%s: mail seen %d times%s", o.Source, o.Count, last)
}

// questions are the recipients to be asked for at each domain: the wanted
// ones, those that every domain should have, and a sample with an extension.
func (f AddressFacts) questions() map[string][]string {
	qs := make(map[string][]string)
	for _, domain := range f.Domains {
		qs[domain] = slices.Concat(roles(domain), f.samples(domain))
	}
	for _, w := range f.wanted() {
		domain := mailDomain(w.address)
		if q := qs[domain]; len(q) < maxQuestions && !slices.Contains(q[:min(len(q), 8)], w.address) {
			qs[domain] = append(q, w.address)
		}
	}
	return qs
}

// roles are the addresses that every domain should have (RFC 2142).
func roles(domain string) []string { return []string{"postmaster@" + domain, "abuse@" + domain} }

// samples are addresses with an extension, one for each delimiter that the old
// server knows.
func (f AddressFacts) samples(domain string) []string {
	if f.Old == nil {
		return nil
	}
	for _, address := range slices.Sorted(maps.Keys(f.Listed)) {
		if mailDomain(address) != domain {
			continue
		}
		var all []string
		for _, c := range f.Old.Delimiter {
			if strings.ContainsRune("+-._=", c) && len(all) < 4 {
				all = append(all, strings.TrimSuffix(address, "@"+domain)+string(c)+"mxmove@"+domain)
			}
		}
		return all
	}
	return nil
}

// answer is what is known of an address at the new MX, and the evidence.
func (f AddressFacts) answer(address string) (probe.Answer, string) {
	s, ok := f.Soundings[mailDomain(address)]
	if !ok {
		return probe.NotAsked, address + ": not asked"
	}
	for _, r := range s.Replies {
		if r.Recipient != address {
			continue
		}
		if r.Answer == probe.Taken && s.Control.Answer != probe.Turned {
			return probe.Inconclusive, r.String() + " (" + controlText(s) + ")"
		}
		return r.Answer, r.String()
	}
	return probe.NotAsked, address + ": not asked"
}

// controlText says what became of the control address.
func controlText(s Sounded) string {
	if s.Control.Answer == probe.Taken {
		return "so is an address that cannot exist"
	}
	return "an address that cannot exist is not clearly refused"
}

// takesAll reports whether the new MX accepts every address of a domain.
func (f AddressFacts) takesAll(domain string) bool {
	return f.Soundings[domain].Control.Answer == probe.Taken
}

// wild returns the evidence that the old server accepts every address of a
// domain.
func (f AddressFacts) wild(domain string) []string {
	if f.Old == nil {
		return nil
	}
	for _, w := range f.Old.CatchAll {
		if w.Domain == domain {
			return w.Sources
		}
	}
	return nil
}

// addressGate decides whether every address that the old server accepts is
// accepted by the new MX.
func addressGate(f AddressFacts) []step.Result {
	if !f.Apply() {
		return nil
	}
	results := refusedAddresses(f)
	for _, domain := range f.Domains {
		results = append(results, unknownAddresses(f, domain)...)
	}
	if f.Old != nil && len(f.Old.Unlisted) > 0 {
		results = append(results, unmeasured("addresses", finding.TableNotListed,
			fmt.Sprintf("%d tables or files of addresses could not be listed, first %s", len(f.Old.Unlisted), f.Old.Unlisted[0].What),
			f.Old.Unlisted[0].Fix, unlistedEvidence(f.Old)...))
	}
	if len(results) == 0 {
		return []step.Result{pass("addresses", "the new MX accepts "+addresses(len(f.wanted()))+" of the old server")}
	}
	return results
}

// refusedAddresses tells what the new MX refuses: one by one, so that each can
// be accepted for itself, and the rest of many together.
func refusedAddresses(f AddressFacts) []step.Result {
	var singly []step.Result
	var rest []string
	for _, w := range f.wanted() {
		answer, evidence := f.answer(w.address)
		if answer != probe.Turned {
			continue
		}
		if len(singly) == maxSingly {
			rest = append(rest, evidence)
			continue
		}
		r := refuse("addresses", finding.AddressRefused, "the new MX refuses "+w.address, createFix, append([]string{evidence}, w.because...)...)
		r.Subject = w.address
		singly = append(singly, r)
	}
	if len(rest) > 0 {
		singly = append(singly, refuse("addresses", finding.AddressRefused,
			"the new MX refuses "+addresses(len(rest))+" more", createFix, rest...))
	}
	return singly
}

const createFix = "create it at the provider; mxmove handout admin prints what is needed"

// unknownAddresses tells what is not known of a domain: addresses that could
// not be asked for, and the many that a catch-all stands for.
func unknownAddresses(f AddressFacts, domain string) []step.Result {
	var results []step.Result
	wild := f.wild(domain)
	if wild != nil && f.takesAll(domain) {
		return nil // both take everything, so nothing bounces
	}
	var evidence []string
	n := 0
	for _, w := range f.wanted() {
		if mailDomain(w.address) != domain {
			continue
		}
		if answer, text := f.answer(w.address); answer == probe.Inconclusive || answer == probe.NotAsked {
			if n++; n <= maxQuestions {
				evidence = append(evidence, text)
			}
		}
	}
	if n > 0 {
		r := unmeasured("addresses", finding.AddressNotMeasured,
			addresses(n)+" of "+domain+" could not be measured at the new MX: "+f.why(domain),
			"run it where port 25 is open, or check the addresses in the provider's console and accept MX032 with that reason", evidence...)
		r.Subject = domain
		results = append(results, r)
	}
	if wild != nil {
		r := refuse("addresses", finding.CatchAll, "the old server accepts every address of "+domain+", the new MX does not",
			"ask the provider for a catch-all, or write the addresses in use as aliases and accept MX035 with a reason", wild...)
		if f.Soundings[domain].Control.Answer != probe.Turned {
			r.Outcome = step.NotMeasured
		}
		r.Subject = domain
		results = append(results, r)
	}
	return results
}

// why says in one clause why addresses of a domain are not measured.
func (f AddressFacts) why(domain string) string {
	s, ok := f.Soundings[domain]
	switch {
	case !ok:
		return "it was not asked"
	case s.Reason != "":
		return s.Reason
	case s.Control.Answer == probe.Taken:
		return "it accepts even an address that cannot exist"
	case s.Control.Answer == probe.Inconclusive:
		return "it says to an address that cannot exist: " + s.Control.String()
	}
	return "its answers are not about the addresses"
}

// mailDomain returns what follows the last "@".
func mailDomain(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}
