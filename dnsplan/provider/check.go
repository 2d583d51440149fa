package provider

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// forms of what a file may contain. They keep out of the zone, and off the
// terminal, what does not belong there.
var (
	nameForm     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	varForm      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	varUse       = regexp.MustCompile(`%([^%]*)%`)
	terminalForm = regexp.MustCompile(`^[-~?]all$`)
	ruleForm     = regexp.MustCompile(`^(?i)(?:include:|a:|mx:|exists:|ip4:|ip6:)[A-Za-z0-9._:/-]+$`)
	attrForm     = regexp.MustCompile(`^\\[A-Z][A-Za-z]+$`)
)

// builtin are the variables that every file has.
var builtin = []string{"domain", "domain_dashed"}

// recordTypes are the types of a record that a plan can publish.
var recordTypes = []string{"TXT", "CNAME", "SRV"}

// check refuses a file that could not be planned with.
func (s source) check(p *Provider) error {
	if !nameForm.MatchString(p.Name) {
		return s.at("name", "name is one word of a-z, 0-9 and -")
	}
	if p.Title == "" {
		return s.at("title", "a title is missing")
	}
	if p.Refuse != "" {
		return s.checkFacts(p)
	}
	for _, check := range []func(*Provider) error{s.checkVars, s.checkMX, s.checkSPF, s.checkRecords, s.checkOffers, s.checkHosts, s.checkMailboxes, s.checkFacts} {
		if err := check(p); err != nil {
			return err
		}
	}
	return nil
}

func (s source) checkMX(p *Provider) error {
	if len(p.MX.Records) == 0 {
		return s.at("mx", "mx has no records: without them there is nowhere to move to")
	}
	if len(p.MX.Records) > maxEntries || len(p.MX.Also) > maxEntries {
		return s.at("mx", "too many entries")
	}
	for i, r := range p.MX.Records {
		if err := s.host(p, fmt.Sprintf("mx.records[%d].host", i), r.Host); err != nil {
			return err
		}
	}
	for i, set := range p.MX.Also {
		for j, r := range set {
			if err := s.host(p, fmt.Sprintf("mx.also[%d][%d].host", i, j), r.Host); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s source) checkSPF(p *Provider) error {
	if len(p.SPF.Rules) > maxEntries {
		return s.at("spf.rules", "too many entries")
	}
	for i, rule := range p.SPF.Rules {
		at := fmt.Sprintf("spf.rules[%d]", i)
		if err := s.text(p, at, rule); err != nil {
			return err
		}
		if !ruleForm.MatchString(varUse.ReplaceAllString(rule, "x")) {
			return s.at(at, fmt.Sprintf("%q is not a mechanism such as ip4:192.0.2.0/24", printable(rule)))
		}
	}
	if p.SPF.Include == "" {
		return nil
	}
	if p.SPF.Terminal != "" && !terminalForm.MatchString(p.SPF.Terminal) {
		return s.at("spf.terminal", "terminal is one of ?all, ~all, -all")
	}
	return s.host(p, "spf.include", p.SPF.Include)
}

// sections are the lists of records that are published, by name.
func (p *Provider) sections() map[string]Section {
	return map[string]Section{"dkim": p.DKIM, "verify": p.Verify, "sending": p.Sending, "discovery": p.Discovery}
}

func (s source) checkRecords(p *Provider) error {
	sections := p.sections()
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		records := sections[name].Records
		if len(records) > maxEntries {
			return s.at(name, "too many entries")
		}
		for i, r := range records {
			if err := s.checkRecord(p, fmt.Sprintf("%s.records[%d]", name, i), r, recordTypes); err != nil {
				return err
			}
		}
	}
	for i, m := range p.MTASTS.MX {
		if err := s.host(p, fmt.Sprintf("mta_sts.mx[%d]", i), strings.TrimPrefix(m, "*.")); err != nil {
			return err
		}
	}
	return nil
}

func (s source) checkRecord(p *Provider, at string, r Record, types []string) error {
	if !slices.Contains(types, r.Type) {
		return s.at(at+".type", "type is one of "+strings.Join(types, ", "))
	}
	if err := s.text(p, at+".value", r.Value); err != nil {
		return err
	}
	if r.Name != "@" {
		if err := s.host(p, at+".name", r.Name); err != nil {
			return err
		}
	}
	if r.Type == "CNAME" {
		return s.host(p, at+".value", r.Value)
	}
	return nil
}

// checkOffers lets names begin with a star, and types stand that no plan
// publishes: an offer is shown, not applied.
func (s source) checkOffers(p *Provider) error {
	if len(p.Offers) > maxEntries {
		return s.at("offers", "too many entries")
	}
	for i, o := range p.Offers {
		at := fmt.Sprintf("offers[%d]", i)
		switch {
		case !nameForm.MatchString(o.Name):
			return s.at(at+".name", "name is one word of a-z, 0-9 and -")
		case o.Text == "":
			return s.at(at, "an offer says what it is good for")
		case o.Advise != "" && o.Advise != "against":
			return s.at(at+".advise", "advise is against, or left out")
		case len(o.Records) > maxEntries:
			return s.at(at, "too many entries")
		}
		for j, r := range o.Records {
			switch {
			case r.Name == "*":
				r.Name = "@"
			default:
				r.Name = strings.TrimPrefix(r.Name, "*.")
			}
			types := slices.Concat(recordTypes, []string{"MX", "NS", "A", "AAAA"})
			if err := s.checkRecord(p, fmt.Sprintf("%s.records[%d]", at, j), r, types); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s source) checkHosts(p *Provider) error {
	for name, e := range map[string]Endpoint{"imap": p.IMAP, "smtp": p.SMTP} {
		if e.Host == "" {
			continue
		}
		if err := s.host(p, name+".host", e.Host); err != nil && net.ParseIP(e.Host) == nil {
			return err
		}
		if e.Port < 1 || e.Port > 65535 {
			return s.at(name, "port is a number from 1 to 65535")
		}
		if e.TLS != "implicit" && e.TLS != "starttls" {
			return s.at(name, "tls is one of implicit, starttls")
		}
		for _, l := range e.Login {
			if !slices.Contains([]string{"password", "app-password", "oauth"}, l) {
				return s.at(name+".login", "login lists password, app-password, oauth")
			}
		}
	}
	if p.Limits.Connections < 0 || p.Limits.MessageSize < 0 || p.Limits.DailyBytes < 0 {
		return s.at("limits", "a limit is a number above 0, or 0 when it is not known")
	}
	return nil
}

func (s source) checkMailboxes(p *Provider) error {
	for attr, name := range p.Mailboxes.Names {
		if !attrForm.MatchString(attr) || name == "" {
			return s.at("mailboxes.names", fmt.Sprintf("%q is not a special-use attribute such as \\Sent", attr))
		}
	}
	return nil
}

// host refuses what is no host name once its variables are taken as labels.
func (s source) host(p *Provider, at, host string) error {
	if err := s.text(p, at, host); err != nil {
		return err
	}
	if !hostName(varUse.ReplaceAllString(host, "x")) {
		return s.at(at, fmt.Sprintf("%q is not a host name", printable(host)))
	}
	return nil
}

// text refuses a use of a variable that is not declared.
func (s source) text(p *Provider, at, text string) error {
	if text == "" {
		return s.at(at, "a value is missing")
	}
	for _, m := range varUse.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(builtin, m[1]) && p.variable(m[1]) == nil && !p.chosen(m[1]) {
			return s.at(at, fmt.Sprintf("variable %%%s%% is not declared", printable(m[1])))
		}
	}
	return nil
}

// chosen reports whether the choice of another variable sets this one.
func (p *Provider) chosen(name string) bool {
	for _, v := range p.Variables {
		for _, set := range v.Choices {
			if _, ok := set[name]; ok {
				return true
			}
		}
	}
	return false
}

// variable returns a declared variable, or nil.
func (p *Provider) variable(name string) *Var {
	for i := range p.Variables {
		if p.Variables[i].Name == name {
			return &p.Variables[i]
		}
	}
	return nil
}

// hostName reports whether s can stand in a zone: labels of letters, digits,
// dashes and underscores.
func hostName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if _, ok := dns.IsDomainName(s); !ok || s == "" {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}
