package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A template is a Domain Connect template: what a provider hands to DNS hosts
// so that they can set up a domain. It knows neither time nor phases, and its
// own rules let it take away what is somebody else's; of it are read the
// records and the variables, and the plan decides when and beside what they
// stand. The mail domain is the template's domain, with no host below it.
type template struct {
	source
	name, title string
	where       string // the template's words on its variables
	records     []templateRecord
	notes       []string // about the template as a whole
}

// A templateRecord is one record of the template.
type templateRecord struct {
	jsonValue
	kind  string // MX, TXT, SPFM ...
	group string
	host  string // relative to the domain, "@" for the domain itself
}

// groupsVar is the variable that chooses groups of a template's records.
const groupsVar = "groups"

// understood are the members that may be called critical.
var understood = []string{
	"providerId", "providerName", "serviceId", "serviceName", "version", "logoUrl", "description", "variableDescription",
	"syncBlock", "shared", "sharedProviderName", "sharedServiceName", "syncPubKeyDomain", "syncRedirectDomain",
	"multiInstance", "warnPhishing", "hostRequired", "crit", "records", "templateSpecVersion",
	"type", "groupId", "essential", "host", "name", "pointsTo", "ttl", "data", "txtConflictMatchingMode",
	"txtConflictMatchingPrefix", "priority", "weight", "port", "protocol", "service", "target", "spfRules",
}

// connect reads a Domain Connect template as a provider.
func (s source) connect() (*Provider, error) {
	doc, err := s.json()
	if err != nil {
		return nil, err
	}
	t := &template{source: s}
	if err := t.read(doc); err != nil {
		return nil, err
	}
	return t.provider(nil)
}

// read takes what the template says of itself, and its records.
func (t *template) read(doc jsonValue) error {
	var texts [3]string
	for i, name := range []string{"providerId", "serviceId", "providerName"} {
		v := doc.get(name)
		if v == nil {
			return t.offset(doc.at, fmt.Sprintf("not a Domain Connect template: it has no %s", name))
		}
		if v.kind != jsonString || v.text == "" || len(v.text) > 256 {
			return t.offset(v.at, name+" is a short text")
		}
		texts[i] = v.text
	}
	t.name = identifier(texts[0] + "-" + texts[1])
	t.title = legible(texts[2])
	if !nameForm.MatchString(t.name) || t.title == "" {
		return t.offset(doc.at, "the template has no name that can be shown")
	}
	if v := doc.get("templateSpecVersion"); v != nil && v.text != "1" {
		return t.offset(v.at, "a template of a newer specification than this program knows")
	}
	if v := doc.get("variableDescription"); v != nil && v.kind == jsonString {
		t.where = legible(v.text)
	}
	if v := doc.get("hostRequired"); v != nil && v.text == "true" {
		t.notes = append(t.notes, "the template is meant for a name below a domain, not for a domain itself")
	}
	if err := t.critical(doc); err != nil {
		return err
	}
	return t.readRecords(doc)
}

func (t *template) readRecords(doc jsonValue) error {
	list := doc.get("records")
	if list == nil || list.kind != jsonArray {
		return t.offset(doc.at, "not a Domain Connect template: it has no list of records")
	}
	if len(list.items) > 2*maxEntries {
		return t.offset(list.at, "too many records")
	}
	for _, v := range list.items {
		if v.kind != jsonObject {
			return t.offset(v.at, string(v.kind)+" where a record belongs")
		}
		if err := t.critical(v); err != nil {
			return err
		}
		r := templateRecord{jsonValue: v}
		for member, to := range map[string]*string{"type": &r.kind, "groupId": &r.group} {
			text, err := t.text(v, member)
			if err != nil {
				return err
			}
			*to = text
		}
		r.kind = strings.ToUpper(r.kind)
		if r.kind == "" || r.kind == "NS" {
			return t.offset(v.at, map[string]string{
				"":   "a record without a type",
				"NS": "an NS record hands part of the zone to somebody else and hides what stands below; ask the provider for the records themselves",
			}[r.kind])
		}
		if r.group != "" && !groupForm.MatchString(r.group) {
			return t.offset(v.get("groupId").at, "groupId is one word")
		}
		if err := t.place(&r); err != nil {
			return err
		}
		t.records = append(t.records, r)
	}
	return nil
}

var groupForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// critical refuses a template that lists something of itself as critical
// which this program does not know.
func (t *template) critical(v jsonValue) error {
	crit := v.get("crit")
	if crit == nil {
		return nil
	}
	for _, c := range crit.items {
		if v.get(c.text) != nil && !slices.Contains(understood, c.text) {
			return t.offset(c.at, fmt.Sprintf("the template depends on %q, which this program does not know", printable(c.text)))
		}
	}
	return nil
}

// place finds out where a record stands. An absolute name has to lie in the
// domain.
func (t *template) place(r *templateRecord) error {
	member := "host"
	if r.kind == "SRV" && r.get("name") != nil {
		member = "name"
	}
	host, err := t.text(r.jsonValue, member)
	if err != nil {
		return err
	}
	if inner, absolute := strings.CutSuffix(host, "."); absolute {
		inside := inner == "%domain%" || strings.HasSuffix(inner, ".%domain%")
		if !inside {
			return t.offset(r.get(member).at, "a name outside of the domain")
		}
		host = strings.TrimSuffix(strings.TrimSuffix(inner, "%domain%"), ".")
	}
	if host == "" {
		host = "@"
	}
	plain := strings.TrimPrefix(varUse.ReplaceAllString(host, "x"), "*.")
	if host != "@" && host != "*" && !hostName(plain) {
		return t.offset(r.get(member).at, fmt.Sprintf("%q is not a name", printable(host)))
	}
	r.host = host
	return nil
}

// text returns a member that holds text, or a number as it was written. The
// names that the specification sets are put into ours: no host stands below
// the domain, so that fqdn is the domain.
func (t *template) text(v jsonValue, name string) (string, error) {
	m := v.get(name)
	switch {
	case m == nil || m.kind == jsonNull:
		return "", nil
	case m.kind != jsonString && m.kind != jsonNumber:
		return "", t.offset(m.at, fmt.Sprintf("%s where text belongs", m.kind))
	case len(m.text) > 4096:
		return "", t.offset(m.at, "longer than 4096 octets")
	case strings.ContainsFunc(m.text, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", t.offset(m.at, "has characters other than printable ASCII")
	}
	text := strings.NewReplacer("%fqdn%", "%domain%", "%host%.", "", ".%host%", "", "%host%", "").Replace(m.text)
	for _, use := range varUse.FindAllStringSubmatch(text, -1) {
		if reserved := use[1] == groupsVar || use[1] == "domain_dashed"; reserved || !templateVar.MatchString(use[1]) {
			return "", t.offset(m.at, fmt.Sprintf("%%%s%% cannot be the name of a variable", printable(use[1])))
		}
	}
	return text, nil
}

var templateVar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// number returns a member from 0 to 65535.
func (t *template) number(r templateRecord, name string) (uint16, error) {
	m := r.get(name)
	if m == nil {
		return 0, t.offset(r.at, fmt.Sprintf("%s record without %s", r.kind, name))
	}
	n, err := strconv.ParseUint(m.text, 10, 16)
	if err != nil {
		return 0, t.offset(m.at, fmt.Sprintf("%s is a number from 0 to 65535", name))
	}
	return uint16(n), nil
}

// groups returns the groups of the records, in the order of the template.
func (t *template) groups() []string {
	var groups []string
	for _, r := range t.records {
		if r.group != "" && !slices.Contains(groups, r.group) {
			groups = append(groups, r.group)
		}
	}
	return groups
}

// selected returns the provider with the records of some groups only; without
// groups, or without a template, all of them.
func (p *Provider) selected(groups []string) (*Provider, error) {
	if p.template == nil || len(groups) == 0 {
		return p, nil
	}
	q, err := p.template.provider(groups)
	if err != nil {
		v := p.variable(groupsVar)
		if v == nil {
			v = &Var{Name: groupsVar}
		}
		return nil, &VariableError{Provider: p.Name, Vars: []MissingVar{{Var: *v, Reason: "these groups alone are not enough to receive mail"}}}
	}
	q.Raw = p.Raw
	return q, nil
}

// identifier makes one word of a name.
func identifier(s string) string {
	s = strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(s))
	s = strings.Trim(s, "-")
	return strings.TrimRight(s[:min(len(s), 32)], "-")
}

// legible keeps of a text what can be shown on any terminal without turning
// it round or over.
func legible(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	runes := []rune(strings.Join(strings.Fields(s), " "))
	return string(runes[:min(len(runes), 160)])
}
