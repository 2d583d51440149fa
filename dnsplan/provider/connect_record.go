package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// names that a template may want for itself although they are the owner's or
// the old server's: they are told, not taken.
var ownNames = []string{
	"www", "mail", "webmail", "imap", "imaps", "smtp", "smtps", "pop", "pop3", "pop3s", "mx", "ftp",
	"calendar", "contacts", "_domainconnect",
}

// mailServices are the services whose SRV records belong to mail.
var mailServices = []string{
	"autodiscover", "imap", "imaps", "pop3", "pop3s", "submission", "submissions", "sieve", "jmap",
	"caldav", "caldavs", "carddav", "carddavs",
}

// provider puts the records of some groups, or of all, where a provider's
// file would have them.
func (t *template) provider(groups []string) (*Provider, error) {
	p := &Provider{Name: t.name, Title: t.title, Notes: slices.Clone(t.notes), template: t}
	for _, r := range t.records {
		if len(groups) > 0 && !slices.Contains(groups, r.group) {
			continue
		}
		if err := t.add(p, r); err != nil {
			return nil, err
		}
	}
	if len(p.MX.Records) == 0 {
		return nil, t.offset(0, "the template has no MX record for the domain: there is nowhere to move to")
	}
	for _, s := range p.sections() {
		if len(s.Records) > maxEntries {
			return nil, t.offset(0, "too many records of one kind")
		}
	}
	if len(p.MX.Records) > maxEntries || len(p.SPF.Rules) > maxEntries || len(p.Offers) > maxEntries {
		return nil, t.offset(0, "too many records of one kind")
	}
	for _, x := range p.MX.Records {
		p.MTASTS.MX = append(p.MTASTS.MX, x.Host)
	}
	if t.declare(p); len(p.Variables) > maxEntries {
		return nil, t.offset(0, "too many variables")
	}
	p.Raw = slices.Clone(t.data)
	return p, nil
}

func (t *template) add(p *Provider, r templateRecord) error {
	switch r.kind {
	case "MX":
		return t.addMX(p, r)
	case "TXT":
		return t.addTXT(p, r)
	case "CNAME":
		return t.addCNAME(p, r)
	case "SRV":
		return t.addSRV(p, r)
	case "SPFM":
		return t.addSPFM(p, r)
	}
	t.note(p, r, "not mail, and not applied")
	return nil
}

// note tells what of the template is not applied, and why.
func (t *template) note(p *Provider, r templateRecord, why string) {
	value := ""
	for _, name := range []string{"pointsTo", "data", "target", "spfRules"} {
		if m := r.get(name); m != nil && m.kind == jsonString && value == "" {
			value = " " + printable(m.text)
		}
	}
	if len(p.Notes) < maxEntries {
		p.Notes = append(p.Notes, fmt.Sprintf("%s %s%s: %s", printable(r.kind), r.host, value, why))
	}
}

// target returns where a record points to. An @ stands for the domain.
func (t *template) target(r templateRecord, member string) (string, error) {
	to, err := t.text(r.jsonValue, member)
	if err != nil {
		return "", err
	}
	if to == "@" {
		to = "%domain%"
	}
	if plain := varUse.ReplaceAllString(to, "x"); !hostName(plain) && (r.kind != "SRV" || to != ".") {
		at := r.at
		if m := r.get(member); m != nil {
			at = m.at
		}
		return "", t.offset(at, fmt.Sprintf("%s record without a host name in %s", r.kind, member))
	}
	return to, nil
}

func (t *template) addMX(p *Provider, r templateRecord) error {
	preference, err := t.number(r, "priority")
	if err != nil {
		return err
	}
	host, err := t.target(r, "pointsTo")
	if err != nil {
		return err
	}
	switch r.host {
	case "@":
		p.MX.Records = append(p.MX.Records, Exchange{Preference: preference, Host: host})
	case "*":
		p.offer(r, "wildcard", "the same exchange for every name below the domain", fmt.Sprintf("%d %s", preference, host))
	default:
		t.note(p, r, "mail of another name than the domain's")
	}
	return nil
}

// addTXT adds a TXT record by what it is for. The template's conflict mode
// says which records of others it would take away; none are.
func (t *template) addTXT(p *Provider, r templateRecord) error {
	data, err := t.text(r.jsonValue, "data")
	if err != nil {
		return err
	}
	data = joined(data)
	if data == "" {
		return t.offset(r.at, "TXT record without data")
	}
	mode, err := t.text(r.jsonValue, "txtConflictMatchingMode")
	if err != nil {
		return err
	}
	switch {
	case r.host == "_dmarc":
		p.DMARC.Hint = t.title + " suggests " + data
		p.offer(r, "dmarc", "the template's policy in place of one's own"+wouldTake(mode), data)
		return nil
	case slices.Contains([]string{"_mta-sts", "_smtp._tls", "default._bimi"}, r.host):
		name := map[string]string{"_mta-sts": "mta-sts", "_smtp._tls": "tls-rpt", "default._bimi": "bimi"}[r.host]
		p.offer(r, name, "a record that belongs to the owner"+wouldTake(mode), data)
		return nil
	}
	if strings.EqualFold(mode, "all") {
		t.note(p, r, "its conflict mode All is not followed: records of others stay")
	}
	record := Record{Name: r.host, Type: "TXT", Value: data}
	spf := strings.HasPrefix(strings.ToLower(data), "v=spf1")
	switch {
	case strings.Contains(r.host, "*"):
		t.note(p, r, "a wildcard would answer for names that nobody thought of")
	case spf && r.host == "@":
		return t.addRules(p, r, "data", data[len("v=spf1"):])
	case spf, strings.HasPrefix(data, "v=DMARC1"), r.host == "_domainkey":
		t.note(p, r, "not a record that a mail domain needs in this place")
	case strings.HasSuffix(r.host, "._domainkey"):
		p.DKIM.Records = append(p.DKIM.Records, record)
	default:
		p.Verify.Records = append(p.Verify.Records, record)
	}
	return nil
}

// wouldTake says what the conflict mode would have done to others' records.
func wouldTake(mode string) string {
	if strings.EqualFold(mode, "all") || strings.EqualFold(mode, "prefix") {
		return "; its conflict mode " + mode + " would take yours away"
	}
	return "; beside yours it would make both invalid"
}

func (t *template) addCNAME(p *Provider, r templateRecord) error {
	to, err := t.target(r, "pointsTo")
	if err != nil {
		return err
	}
	record := Record{Name: r.host, Type: "CNAME", Value: to}
	switch {
	case r.host == "@" || strings.Contains(r.host, "*"):
		t.note(p, r, "it would hide the mail records of the domain or of names below it")
	case r.host == "_dmarc":
		p.offer(r, "dmarc", "the provider's policy in place of one's own; the reports go where it says", to)
	case r.host == "mta-sts" || r.host == "_mta-sts":
		p.offer(r, "mta-sts", "the provider's MTA-STS policy; only after the switch, and not beside records of one's own", to)
	case r.host == "_domainkey" || slices.Contains(ownNames, r.host):
		t.note(p, r, "the name may be in use, and mail does not need it")
	case strings.HasSuffix(r.host, "._domainkey"):
		p.DKIM.Records = append(p.DKIM.Records, record)
	case r.host == "autodiscover" || r.host == "autoconfig":
		p.Discovery.Records = append(p.Discovery.Records, record)
	default:
		p.Sending.Records = append(p.Sending.Records, record)
	}
	return nil
}

func (t *template) addSRV(p *Provider, r templateRecord) error {
	var parts [2]string
	for i, member := range []string{"service", "protocol"} {
		text, err := t.text(r.jsonValue, member)
		if err != nil {
			return err
		}
		parts[i] = strings.ToLower(strings.TrimPrefix(text, "_"))
	}
	to, err := t.target(r, "target")
	if err != nil {
		return err
	}
	var numbers [3]uint16
	for i, member := range []string{"priority", "weight", "port"} {
		if numbers[i], err = t.number(r, member); err != nil {
			return err
		}
	}
	if r.host != "@" || parts[1] != "tcp" || !slices.Contains(mailServices, parts[0]) {
		t.note(p, r, "not a service by which mail clients find their server")
		return nil
	}
	p.Discovery.Records = append(p.Discovery.Records, Record{
		Name: "_" + parts[0] + "._tcp", Type: "SRV",
		Value: fmt.Sprintf("%d %d %d %s.", numbers[0], numbers[1], numbers[2], strings.TrimSuffix(to, ".")),
	})
	return nil
}

// offer adds a record to the offer of that name.
func (p *Provider) offer(r templateRecord, name, text, value string) {
	record := Record{Name: r.host, Type: r.kind, Value: value}
	for i := range p.Offers {
		if p.Offers[i].Name == name {
			p.Offers[i].Records = append(p.Offers[i].Records, record)
			return
		}
	}
	p.Offers = append(p.Offers, Offer{Name: name, Text: text, Records: []Record{record}})
}

var quoted = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// joined returns the text of TXT data that may be written as quoted strings.
func joined(data string) string {
	data = strings.TrimSpace(data)
	if !strings.HasPrefix(data, `"`) || !strings.HasSuffix(data, `"`) {
		return data
	}
	var b strings.Builder
	for _, m := range quoted.FindAllStringSubmatch(data, -1) {
		b.WriteString(strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(m[1]))
	}
	return b.String()
}

// declare adds the variables that the records use, and the choice of groups.
// A key is often shown only after verification, so that its absence is
// something to do and no error.
func (t *template) declare(p *Provider) {
	where := t.where
	if where == "" {
		where = "the provider's console, where it shows the domain's DNS records"
	}
	add := func(required, late bool, texts ...string) {
		for _, text := range texts {
			for _, m := range varUse.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(builtin, m[1]) && p.variable(m[1]) == nil && len(p.Variables) <= maxEntries {
					p.Variables = append(p.Variables, Var{Name: m[1], Title: "%" + m[1] + "% of the template", Where: where, Required: required, AfterVerification: late})
				}
			}
		}
	}
	for _, x := range p.MX.Records {
		add(true, false, x.Host)
	}
	add(true, false, p.SPF.Include)
	add(true, false, p.SPF.Rules...)
	for _, s := range []Section{p.Verify, p.Sending, p.Discovery} {
		for _, r := range s.Records {
			add(true, false, r.Name, r.Value)
		}
	}
	for _, r := range p.DKIM.Records {
		add(false, true, r.Name, r.Value)
	}
	for _, o := range p.Offers {
		for _, r := range o.Records {
			add(false, false, r.Name, r.Value)
		}
	}
	if groups := t.groups(); len(groups) > 0 {
		var forms []string
		for _, g := range groups {
			forms = append(forms, regexp.QuoteMeta(g))
		}
		p.Variables = append(p.Variables, Var{
			Name: groupsVar, Title: "groups of records to take; all of them without it", List: true,
			Where: "the template: " + strings.Join(groups, ", "), Pattern: strings.Join(forms, "|"), Example: groups[0],
		})
	}
}
