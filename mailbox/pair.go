package mailbox

import (
	"cmp"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A Pair is a source mailbox and where its messages go.
type Pair struct {
	Source     string           `json:"source"` // as people see it
	SourceWire string           `json:"-"`      // as the server writes it
	Target     string           `json:"target"` // as people see it
	TargetWire string           `json:"-"`      // as the server writes it, or will
	Use        imap.MailboxAttr `json:"use,omitempty"`
	Rule       Rule             `json:"rule"`
	Create     bool             `json:"create"`         // does not exist at the target yet
	Subscribe  bool             `json:"subscribe"`      // subscribed at the source and not yet at the target
	Skip       string           `json:"skip,omitempty"` // why the mailbox is left out; empty when it is copied

	delim                      string        // the target's, empty where its names are flat
	alike                      string        // a target mailbox whose name differs only in case, by its wire name
	exchange                   bool          // the target is one
	sourceStatus, targetStatus wire.Status   // what was told along with the list
	alikeStatus                wire.Status   // the same of alike
	rest                       *journal.Rest // how the pair was left, nil when there was more to do
	followValidity             uint32        // of the source, when it was glanced at
	elsewhere                  labels        // those of messages that are copied from other mailboxes; nil: all are copied
	behind                     bool          // copies may still have to follow, in another run
}

// A Rule says what decided where a mailbox goes.
type Rule string

// The rules, the strongest first.
const (
	RuleInbox    Rule = "inbox"
	RuleExplicit Rule = "explicit"    // the user said so
	RuleSpecial  Rule = "special-use" // both servers say what the mailbox is for
	RuleNamed    Rule = "name"        // the name says what the mailbox is for
	RuleRenamed  Rule = "renamed"     // it was copied under another name, and its copies stay where they are
	RuleArchived Rule = "archived"    // it shows every message of a Gmail; what lies in no other mailbox is copied
	RuleParent   Rule = "parent"      // a mailbox above it was paired by one of the others
	RuleSame     Rule = "same"        // it keeps its name
)

// PairOptions say how names are translated.
type PairOptions struct {
	Source, Target imapconn.Namespaces
	Exchange       bool                        // the source is one: some of its mailboxes hold no mail
	Gmail          bool                        // the source is one: what is archived there lies in no mailbox but the one of all messages
	FromGmail      bool                        // on the way back, the new server is one; Gmail is then the old one's
	Into           string                      // parent of everything at the target
	Exclude        []string                    // special uses or names
	Mailboxes      map[string]string           // explicit pairs, as people see the names
	Names          map[imap.MailboxAttr]string // the provider's names of special mailboxes
	Reserved       []string                    // names that cannot be created at the target
}

// Pairs decides for every source mailbox where its messages go, INBOX first
// and then in the order of the names. It asks nobody: collisions and names
// that will not fit are found before anything is copied. A mailbox that is
// left out has Skip set.
func Pairs(source, target []Mailbox, o PairOptions) ([]Pair, []finding.Finding) {
	p := pairer{
		o:      o,
		source: newTree(source, o.Source),
		target: newTree(target, o.Target),
	}
	p.findRoles()
	var pairs []Pair
	for _, m := range source {
		if selectable(m) {
			pairs = append(pairs, p.pair(m))
		} else if m.Subscribed && has(m, imap.MailboxAttrNonExistent) {
			p.note(finding.MailboxLeftOut, finding.Note, m.Name, "the mailbox is subscribed, and the source has none of that name",
				"nothing is to be done")
		}
	}
	p.archived(pairs)
	slices.SortStableFunc(pairs, func(a, b Pair) int {
		return cmp.Or(-compareBool(isInbox(a.Source), isInbox(b.Source)), cmp.Compare(a.Source, b.Source))
	})
	return pairs, append(p.findings, collisions(pairs)...)
}

// A pairer translates the names of one account.
type pairer struct {
	o              PairOptions
	source, target tree
	role           map[string]imap.MailboxAttr // of source mailboxes, by wire name
	named          map[string]bool             // whose role was only guessed by name
	place          map[imap.MailboxAttr]string // of each role at the target, where it has one
	findings       []finding.Finding
}

// findRoles decides which mailbox has which role, on both sides.
func (p *pairer) findRoles() {
	p.role = make(map[string]imap.MailboxAttr)
	p.named = make(map[string]bool)
	p.place = make(map[imap.MailboxAttr]string)
	for _, role := range roles {
		if m, ok := p.source.special(role, ""); ok && p.role[m.Wire] == "" {
			p.role[m.Wire] = role
			p.named[m.Wire] = !has(m, role)
		}
		p.place[role] = p.o.Names[role]
		if m, ok := p.target.special(role, p.o.Names[role]); ok {
			p.place[role] = m.Name
		}
	}
}

// pair decides about one mailbox.
func (p *pairer) pair(m Mailbox) Pair {
	pair := Pair{Source: m.Name, SourceWire: m.Wire, Use: p.role[m.Wire]}
	if pair.Skip = p.skip(m); pair.Skip != "" {
		pair.Rule = RuleSame
		p.note(finding.MailboxLeftOut, finding.Note, m.Name, "the mailbox is left out: "+pair.Skip,
			"name it under sync.mailboxes if it is to be copied")
		return pair
	}
	pair.Target, pair.Rule = p.translate(m)
	box, ok := p.target.find(pair.Target)
	pair.Create = !ok || !selectable(box)
	pair.Subscribe = m.Subscribed && !(ok && box.Subscribed)
	pair.TargetWire, pair.delim = wire.EncodeName(pair.Target), p.target.delim
	if ok {
		pair.TargetWire = box.Wire
	} else if i := slices.IndexFunc(p.target.boxes, func(m Mailbox) bool { return selectable(m) && fold(m.Name) == fold(pair.Target) }); i >= 0 {
		pair.alike = p.target.boxes[i].Wire
	}
	return pair
}

// skip says why a mailbox is left out.
func (p *pairer) skip(m Mailbox) string {
	if _, ok := p.explicit(m); ok {
		return ""
	}
	if p.virtual(m) && !p.archive(m) {
		return "it shows messages that lie in other mailboxes"
	}
	if p.source.isForeign(m) {
		return "it is somebody else's, shared or virtual"
	}
	if levels := p.source.path(m); p.o.Exchange && p.role[m.Wire] == "" && slices.Contains(noMail, fold(levels[0])) {
		return "it holds no mail (the source is an Exchange)"
	}
	for _, name := range p.o.Exclude {
		role := p.role[m.Wire]
		if name == m.Name || role != "" && strings.EqualFold(name, string(role)) || has(m, imap.MailboxAttr(name)) {
			return "it is excluded"
		}
	}
	return ""
}

// explicit returns what the user said about a mailbox. The name may be given
// with or without the server's prefix.
func (p *pairer) explicit(m Mailbox) (string, bool) {
	if to, ok := p.o.Mailboxes[m.Name]; ok {
		return to, true
	}
	to, ok := p.o.Mailboxes[strings.Join(p.source.path(m), "/")]
	return to, ok
}

// translate finds the target's name for a mailbox.
func (p *pairer) translate(m Mailbox) (string, Rule) {
	if to, ok := p.explicit(m); ok {
		return to, RuleExplicit
	}
	if p.archive(m) {
		return p.archivePlace(), RuleArchived
	}
	levels := p.source.path(m)
	if p.o.Into != "" {
		return p.target.name(append([]string{p.o.Into}, p.fit(m, levels)...)), RuleSame
	}
	if len(levels) == 1 && isInbox(levels[0]) {
		return inbox, RuleInbox
	}
	for n := len(levels); n > 0; n-- {
		to, rule, ok := p.above(m, levels[:n])
		if !ok {
			continue
		}
		if n == len(levels) {
			return to, rule
		}
		return to + p.delim() + strings.Join(p.fit(m, levels[n:]), p.delim()), RuleParent
	}
	return p.target.name(p.fit(m, p.plain(levels))), RuleSame
}

// above finds the target of a special or explicitly paired mailbox that is m
// itself or lies above it.
func (p *pairer) above(m Mailbox, levels []string) (string, Rule, bool) {
	parent, ok := p.source.at(levels)
	if !ok {
		return "", "", false
	}
	if to, ok := p.explicit(parent); ok {
		return to, RuleExplicit, true
	}
	role := p.role[parent.Wire]
	if role == "" {
		return "", "", false
	}
	rule := RuleSpecial
	if p.named[parent.Wire] {
		rule = RuleNamed
	}
	if to := p.place[role]; to != "" {
		return to, rule, true
	}
	return p.target.name(p.fit(m, p.plain(levels))), rule, true
}

func (p *pairer) delim() string {
	if p.target.delim == "" {
		return "_"
	}
	return p.target.delim
}

// note adds a finding.
func (p *pairer) note(code finding.Code, severity finding.Severity, subject, text, fix string, evidence ...string) {
	p.findings = append(p.findings, finding.Finding{
		Severity: severity, Code: code, Subject: clean(subject), Text: text,
		Evidence: append([]string{}, evidence...), Fix: fix,
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
