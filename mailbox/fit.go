package mailbox

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/mxmove/mxmove/migrate/finding"
)

// migrated is put behind a name that the target keeps for itself.
const migrated = "_migrated"

// fit makes levels of a name fit for the target, and says so when that
// changed anything.
func (p *pairer) fit(m Mailbox, levels []string) []string {
	fitted := make([]string, len(levels))
	for i, level := range levels {
		fitted[i] = p.fitLevel(level)
		if i == 0 && p.o.Into == "" && p.reserved(fitted[i]) {
			fitted[i] += migrated
		}
	}
	if !slices.Equal(fitted, levels) {
		p.note(finding.MailboxRenamed, finding.Note, m.Name,
			fmt.Sprintf("the target does not take this name; the mailbox becomes %q", clean(strings.Join(fitted, p.delim()))),
			"name another one under sync.mailboxes if you like")
	}
	return fitted
}

// fitLevel replaces what a level cannot hold: the target's delimiter, control
// characters, and white space that servers trim or refuse (Gmail: "Folder
// contains excess whitespace"). The wildcards of LIST stay: servers that have
// them in a name take them in a name.
func (p *pairer) fitLevel(level string) string {
	level = strings.Map(func(r rune) rune {
		switch {
		case p.target.delim != "" && string(r) == p.target.delim, r == unicode.ReplacementChar, unicode.IsControl(r):
			return '_'
		}
		return r
	}, level)
	level = strings.Join(strings.Fields(level), " ")
	if level == "" {
		return "_"
	}
	return level
}

// reserved reports whether the target keeps a name for something that is not
// mail.
func (p *pairer) reserved(name string) bool {
	return slices.ContainsFunc(p.o.Reserved, func(r string) bool { return fold(r) == fold(name) })
}

// collisions finds mailboxes that lead into the same target, and targets whose
// names differ in nothing that every server tells apart.
func collisions(pairs []Pair) []finding.Finding {
	var found []finding.Finding
	byFold := make(map[string][]Pair)
	var order []string
	for _, p := range pairs {
		if p.Skip != "" {
			continue
		}
		key := fold(p.Target)
		if byFold[key] == nil {
			order = append(order, key)
		}
		byFold[key] = append(byFold[key], p)
	}
	for _, key := range order {
		group := byFold[key]
		if len(group) == 1 {
			continue
		}
		f := finding.Finding{
			Severity: finding.Warn, Code: finding.MailboxesMerged, Subject: clean(group[0].Target), Evidence: []string{},
			Text: fmt.Sprintf("%d mailboxes lead into one; their messages are put together and none is lost", len(group)),
			Fix:  "give each a target of its own under sync.mailboxes if they are to stay apart",
		}
		for _, p := range group {
			f.Evidence = append(f.Evidence, clean(p.Source+" -> "+p.Target))
			if p.Target != group[0].Target {
				f.Code = finding.MailboxNamesAlike
				f.Text = "targets differ only in case or in the form of their letters; many servers take them for one"
			}
		}
		found = append(found, f)
	}
	return found
}

// clean makes text from outside fit for a terminal: control characters and
// what reorders text are replaced, and its length is bounded.
func clean(s string) string {
	const limit = 300
	n := 0
	return strings.Map(func(r rune) rune {
		if n++; n > limit {
			return -1
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '?'
		}
		return r
	}, s)
}
