package inventory

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A postfix is one Postfix being read.
type postfix struct {
	files    Files
	conf     *mainCF
	shown    string // main.cf, for evidence
	b        *builder
	left     int // lines of tables that may still be kept
	includes int
	tables   map[string]table
}

// readPostfix adds what a Postfix accepts.
func readPostfix(files Files, b *builder) error {
	f, shown, err := files.open(path.Join(PostfixDir, "main.cf"))
	if missing(err) {
		return fmt.Errorf("%w: main.cf", ErrMissing)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", shown, unwrapped(err))
	}
	defer f.Close()
	conf, err := parseMainCF(f)
	if err != nil {
		return fmt.Errorf("%s: %w", shown, err)
	}
	p := &postfix{files: files, conf: conf, shown: shown, b: b, left: maxEntries, includes: 1000, tables: make(map[string]table)}
	p.system()
	b.delimiter = conf.get("recipient_delimiter")
	p.read()
	return nil
}

// system fills in what Postfix asks the system for.
func (p *postfix) system() {
	if name := p.first("/etc/hostname"); name != "" {
		p.conf.system["myhostname"] = name
	}
	if _, domain, ok := strings.Cut(p.conf.get("myhostname"), "."); ok {
		p.conf.system["mydomain"] = domain
	}
	// Debian writes "myorigin = /etc/mailname".
	if origin := p.conf.get("myorigin"); strings.HasPrefix(origin, "/") {
		p.conf.parameters["myorigin"] = parameter{p.first(origin), p.conf.line("myorigin")}
	}
}

// first returns the first line of a small file, or nothing.
func (p *postfix) first(name string) string {
	f, _, err := p.files.open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	text := ""
	_ = lines(f, func(_ int, line string) error { // what cannot be read is not known
		if text == "" {
			text = strings.TrimSpace(line)
		}
		return nil
	})
	if !hostName(text) {
		return ""
	}
	return strings.ToLower(text)
}

// place is the evidence for a parameter.
func (p *postfix) place(parameter string) string {
	if n := p.conf.line(parameter); n > 0 {
		return place(p.shown, n)
	}
	return p.shown + " (" + parameter + ")"
}

// A class is what Postfix does with a domain (ADDRESS_CLASS_README).
type class string

const (
	local   class = "mydestination"
	mailbox class = "virtual_mailbox_domains"
	alias   class = "virtual_alias_domains"
	relayed class = "relay_domains"
)

func (p *postfix) read() {
	classes := make(map[string][]class)
	open := false // a list of domains could not be read whole
	for _, c := range []class{local, mailbox, alias, relayed} {
		names, whole := p.domains(string(c))
		open = open || !whole
		for _, name := range names {
			if !p.itself(name) {
				p.b.domain(name, string(c))
			}
			classes[name] = append(classes[name], c)
		}
	}
	for _, domain := range p.b.moved {
		cs := classes[domain]
		if !slices.Contains(cs, relayed) && p.relayedBy(domain, classes) {
			cs = append(slices.Clone(cs), relayed)
		}
		certain := len(cs) > 0
		if !certain {
			if !open {
				p.b.unlisted("domain "+domain, "no list of domains in "+p.shown+" names it, so mail for it is not accepted by this Postfix",
					"make sure that the copies come from the server that the MX points to")
			}
			cs = []class{mailbox} // whatever its tables name counts all the same
		}
		p.rewritten(domain, cs)
		for _, c := range cs {
			p.accepted(domain, c, certain)
		}
	}
}

// itself reports whether a name is the machine's own and not a domain that
// anybody has an address in.
func (p *postfix) itself(name string) bool {
	label, _, _ := strings.Cut(name, ".")
	return label == "localhost" || strings.EqualFold(name, p.conf.get("myhostname")) && !p.b.moves(name)
}

// relayedBy reports whether a parent of a domain is in relay_domains, which
// then covers it too.
func (p *postfix) relayedBy(domain string, classes map[string][]class) bool {
	for {
		_, parent, ok := strings.Cut(domain, ".")
		if !ok {
			return false
		}
		if slices.Contains(classes[parent], relayed) || slices.Contains(classes["."+parent], relayed) {
			return true
		}
		domain = parent
	}
}

// domains lists a parameter that names domains: by name, by a file of
// patterns, or as the keys of a table.
func (p *postfix) domains(parameter string) (names []string, whole bool) {
	whole = true
	owner := parameter
	if parameter == string(alias) && p.conf.line(parameter) == 0 {
		owner = "virtual_alias_maps" // whose keys name the domains by default
	}
	add := func(name string) {
		name = strings.TrimSuffix(strings.ToLower(name), ".")
		if hostName(strings.TrimPrefix(name, ".")) && len(names) < maxDomains {
			names = append(names, name)
		}
	}
	for _, item := range list(p.conf.get(parameter)) {
		switch {
		case strings.HasPrefix(item, "!"):
		case strings.Contains(item, ":"), strings.HasPrefix(item, "/"):
			t := p.once(item, owner, readTable)
			whole = whole && t.why == ""
			for _, e := range t.pairs {
				if !strings.Contains(e.key, "@") && strings.Contains(e.key, ".") {
					add(e.key)
				}
			}
		default:
			add(item)
		}
	}
	return names, whole
}

// once reads a table one time and names it when it cannot be listed.
func (p *postfix) once(spec, parameter string, read grammar) table {
	if t, ok := p.tables[parameter+" "+spec]; ok {
		return t
	}
	t := p.table(spec, parameter, read)
	p.tables[parameter+" "+spec] = t
	if t.why != "" {
		shown, _, _ := strings.Cut(spec, "{")
		p.b.unlisted(parameter+" = "+shown, t.why, t.fix)
	}
	return t
}

// lookup reads every table of a parameter.
func (p *postfix) lookup(parameter string) []table {
	var ts []table
	for _, spec := range list(p.conf.get(parameter)) {
		read := grammar(readTable)
		aliases := parameter == "alias_maps" || parameter == "local_recipient_maps" && slices.Contains(list(p.conf.get("alias_maps")), spec)
		if aliases {
			read = readAliases
		}
		t := p.once(spec, parameter, read)
		t.aliases = aliases
		ts = append(ts, t)
	}
	return ts
}

// rewritten adds the addresses that Postfix rewrites, which it accepts
// whatever the class of the domain.
func (p *postfix) rewritten(domain string, cs []class) {
	bare := slices.Contains(cs, local) || strings.EqualFold(domain, p.conf.get("myorigin"))
	for _, parameter := range []string{"virtual_alias_maps", "recipient_canonical_maps", "canonical_maps"} {
		for _, t := range p.lookup(parameter) {
			if t.always {
				p.b.catchAll(domain, t.source)
			}
			for _, e := range t.pairs {
				p.key(e, domain, bare, Alias)
			}
		}
	}
}

// key adds the address that the key of a table means for a domain. A key
// without a domain holds for those that Postfix takes for its own.
func (p *postfix) key(e pair, domain string, bare bool, kind Kind) {
	name, of, whole := cutLast(e.key)
	var l lead
	if kind == Alias {
		l = p.follow(e.value)
		if l.program {
			kind = Program
		}
	}
	switch {
	case whole && of != domain:
	case whole && name == "":
		p.b.catchAll(domain, e.source)
	case whole:
		p.b.add(e.key, kind, l.to, e.source, false)
	case bare && e.key != domain: // a domain's own name marks it as an alias domain
		p.b.add(e.key+"@"+domain, kind, l.to, e.source, systemNames[e.key])
	}
}

// accepted adds what a class of domains accepts. Certain says that the domain
// is in the class; an empty list of recipients then means everybody.
func (p *postfix) accepted(domain string, c class, certain bool) {
	switch c {
	case local:
		p.localUsers(domain)
	case mailbox, relayed:
		parameter, kind := "virtual_mailbox_maps", Mailbox
		if c == relayed {
			parameter, kind = "relay_recipient_maps", Relayed
		}
		ts := p.lookup(parameter)
		if len(ts) == 0 && certain && !p.asks() {
			p.b.catchAll(domain, p.place(parameter)+": empty, so every recipient is taken")
		}
		p.recipients(domain, ts, kind, certain)
	}
}

func (p *postfix) recipients(domain string, ts []table, kind Kind, certain bool) {
	for _, t := range ts {
		if t.always && certain {
			p.b.catchAll(domain, t.source)
		}
		for _, e := range t.pairs {
			p.key(e, domain, false, kind)
		}
	}
}

// localUsers adds the accounts and aliases of the system.
func (p *postfix) localUsers(domain string) {
	if relay := p.conf.get("luser_relay"); relay != "" {
		p.b.catchAll(domain, p.place("luser_relay"))
	}
	ts := p.lookup("local_recipient_maps")
	if len(ts) == 0 && !p.asks() {
		p.b.catchAll(domain, p.place("local_recipient_maps")+": empty, so every recipient is taken")
	}
	for _, t := range ts {
		if t.always {
			p.b.catchAll(domain, t.source)
		}
		for _, e := range t.pairs {
			kind := Mailbox
			if t.aliases {
				kind = Alias
			}
			p.key(e, domain, true, kind)
		}
	}
	// Where local_recipient_maps leaves the aliases out they lead nowhere from
	// outside, but where it is empty they are the only names to be had.
	if len(ts) == 0 {
		for _, t := range p.lookup("alias_maps") {
			for _, e := range t.pairs {
				p.key(e, domain, true, Alias)
			}
		}
	}
}

// asks reports whether Postfix asks the server behind it before it accepts a
// recipient. Empty tables then accept nobody by themselves.
func (p *postfix) asks() bool {
	for _, parameter := range []string{"smtpd_recipient_restrictions", "smtpd_relay_restrictions", "smtpd_client_restrictions"} {
		if strings.Contains(p.conf.get(parameter), "reject_unverified_recipient") {
			return true
		}
	}
	return false
}

// cutLast cuts an address at its last "@".
func cutLast(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address, "", false
	}
	return address[:at], address[at+1:], true
}
