package provider

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// forms of what a file may contain. They keep out of the zone, and off the
// terminal, what does not belong there.
var (
	nameForm     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	varForm      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	varUse       = regexp.MustCompile(`%([^%]*)%`)
	terminalForm = regexp.MustCompile(`^[-~?]all$`)
	attrForm     = regexp.MustCompile(`^\\[A-Z][A-Za-z]+$`)
)

// builtin are the variables that every file has.
var builtin = []string{"domain", "domain_dashed"}

// check refuses a file that could not be planned with.
func (s source) check(p *Provider) error {
	if !nameForm.MatchString(p.Name) {
		return s.at("name", "name is one word of a-z, 0-9 and -")
	}
	if p.Title == "" {
		return s.at("title", "a title is missing")
	}
	if p.Refuse != "" {
		return nil
	}
	for _, check := range []func(*Provider) error{s.checkVars, s.checkMX, s.checkSPF, s.checkRecords, s.checkHosts, s.checkMailboxes, s.checkFacts} {
		if err := check(p); err != nil {
			return err
		}
	}
	return nil
}

func (s source) checkVars(p *Provider) error {
	if len(p.Variables) > maxEntries {
		return s.at("variables", "too many entries")
	}
	seen := make(map[string]bool)
	for i, v := range p.Variables {
		at := fmt.Sprintf("variables[%d]", i)
		switch {
		case !varForm.MatchString(v.Name) || slices.Contains(builtin, v.Name):
			return s.at(at, fmt.Sprintf("%q cannot be the name of a variable", v.Name))
		case seen[v.Name]:
			return s.at(at, fmt.Sprintf("variable %s is declared twice", v.Name))
		case v.Where == "":
			return s.at(at, fmt.Sprintf("variable %s does not say where its value is found", v.Name))
		}
		if _, err := regexp.Compile(v.Pattern); err != nil {
			return s.at(at+".pattern", "not a regular expression")
		}
		if v.Default != "" && wrong(v, v.Default) != "" {
			return s.at(at+".default", "the default does not fit the pattern")
		}
		seen[v.Name] = true
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
	if p.SPF.Include == "" {
		return nil
	}
	if p.SPF.Terminal != "" && !terminalForm.MatchString(p.SPF.Terminal) {
		return s.at("spf.terminal", "terminal is one of ?all, ~all, -all")
	}
	return s.host(p, "spf.include", p.SPF.Include)
}

func (s source) checkRecords(p *Provider) error {
	for name, section := range map[string]Section{"dkim": p.DKIM, "verify": p.Verify, "discovery": p.Discovery} {
		if len(section.Records) > maxEntries {
			return s.at(name, "too many entries")
		}
		for i, r := range section.Records {
			at := fmt.Sprintf("%s.records[%d]", name, i)
			if !slices.Contains([]string{"TXT", "CNAME", "SRV"}, r.Type) {
				return s.at(at+".type", "type is one of TXT, CNAME, SRV")
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
				if err := s.host(p, at+".value", r.Value); err != nil {
					return err
				}
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

// checkFacts wants a date of every section that says something. A file of
// the user's own is his word, and may leave the source out.
func (s source) checkFacts(p *Provider) error {
	for name, f := range p.facts() {
		if f.Checked == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, f.Checked); err != nil {
			return s.at(name+".checked", "checked is a date such as 2026-11-24")
		}
	}
	return nil
}

// facts returns the facts of every section that is not empty.
func (p *Provider) facts() map[string]Fact {
	f := map[string]Fact{"mx": p.MX.Fact}
	add := func(name string, used bool, fact Fact) {
		if used {
			f[name] = fact
		}
	}
	add("spf", p.SPF.Include != "", p.SPF.Fact)
	add("dkim", len(p.DKIM.Records) > 0, p.DKIM.Fact)
	add("verify", len(p.Verify.Records) > 0, p.Verify.Fact)
	add("discovery", len(p.Discovery.Records) > 0, p.Discovery.Fact)
	add("mta_sts", len(p.MTASTS.MX) > 0, p.MTASTS.Fact)
	add("dmarc", p.DMARC.Hint != "", p.DMARC.Fact)
	add("imap", p.IMAP.Host != "", p.IMAP.Fact)
	add("smtp", p.SMTP.Host != "", p.SMTP.Fact)
	add("limits", p.Limits != Limits{} && p.Limits != Limits{Fact: p.Limits.Fact}, p.Limits.Fact)
	add("mailboxes", len(p.Mailboxes.Names) > 0, p.Mailboxes.Fact)
	return f
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
		if !slices.Contains(builtin, m[1]) && p.variable(m[1]) == nil {
			return s.at(at, fmt.Sprintf("variable %%%s%% is not declared", printable(m[1])))
		}
	}
	return nil
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
