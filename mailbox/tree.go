package mailbox

import (
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// inbox is the one name that is spelled in any case (RFC 9051, section 5.1).
const inbox = "INBOX"

// A tree is how one server arranges its mailboxes: where the account's own
// begin, and what separates the levels.
type tree struct {
	prefix  string // as on the wire, with its delimiter; often empty
	delim   string // empty: flat
	foreign []string
	boxes   []Mailbox
	byName  map[string]int // places in boxes, by name as people see it
	byPath  map[string]int // the same by the levels, joined with NUL
}

// newTree reads the arrangement out of NAMESPACE and, where a server does not
// speak it, out of the list.
func newTree(boxes []Mailbox, ns imapconn.Namespaces) tree {
	t := tree{boxes: boxes}
	for _, m := range boxes {
		if m.Delim != 0 {
			t.delim = string(m.Delim)
			break
		}
	}
	for i, n := range ns.Personal {
		switch {
		case i == 0:
			t.prefix = n.Prefix
			if n.Delim != 0 {
				t.delim = string(n.Delim)
			}
		case strings.EqualFold(strings.TrimRight(n.Prefix, string(n.Delim)), "virtual"):
			// Dovecot's virtual mailboxes live in a namespace of their own.
			t.foreign = append(t.foreign, n.Prefix)
		}
	}
	for _, n := range append(append([]imapconn.Namespace{}, ns.Other...), ns.Shared...) {
		if n.Prefix != "" {
			t.foreign = append(t.foreign, n.Prefix)
		}
	}
	if len(ns.Personal) == 0 {
		t.prefix = t.guessPrefix()
	}
	t.byName, t.byPath = make(map[string]int), make(map[string]int)
	for i, m := range boxes {
		if isInbox(m.Wire) {
			t.byName[inbox] = i
		} else if _, ok := t.byName[m.Name]; !ok {
			t.byName[m.Name] = i
		}
		t.byPath[pathKey(t.path(m))] = i
	}
	return t
}

func pathKey(levels []string) string { return strings.Join(levels, "\x00") }

// guessPrefix finds the prefix of a server without NAMESPACE: Courier keeps
// everything below INBOX, and the bridge of Proton what is the user's own below
// Folders.
func (t tree) guessPrefix() string {
	if t.delim == "" {
		return ""
	}
	roots := 0
	for _, m := range t.boxes {
		if !selectable(m) && (m.Wire == "Folders" || m.Wire == "Labels") {
			roots++
		}
	}
	if roots == 2 {
		return "Folders" + t.delim
	}
	prefix, below := inbox+t.delim, false
	for _, m := range t.boxes {
		switch {
		case isInbox(m.Wire):
		case hasPrefixFold(m.Wire, prefix):
			below = true
		default:
			return ""
		}
	}
	if !below {
		return ""
	}
	return prefix
}

// isForeign reports whether a mailbox belongs to somebody else, or shows
// messages that lie elsewhere.
func (t tree) isForeign(m Mailbox) bool {
	for _, prefix := range t.foreign {
		if strings.HasPrefix(m.Wire, prefix) || m.Wire+t.delim == prefix {
			return true
		}
	}
	return false
}

// path cuts a mailbox name into its levels, decoded, without the prefix. The
// cut is made on the wire, where no level can hold the delimiter.
func (t tree) path(m Mailbox) []string {
	name := m.Wire
	if isInbox(name) {
		return []string{inbox}
	}
	if len(name) > len(t.prefix) && hasPrefixFold(name, t.prefix) {
		name = name[len(t.prefix):]
	}
	levels := []string{name}
	if m.Delim != 0 {
		levels = strings.Split(name, string(m.Delim))
	}
	for i, level := range levels {
		levels[i] = wire.DecodeName(level)
	}
	if len(levels) > 1 && isInbox(levels[0]) {
		levels[0] = inbox
	}
	return levels
}

// name puts levels together to a name of this server, as people see it.
func (t tree) name(levels []string) string {
	if len(levels) == 1 && isInbox(levels[0]) {
		return inbox
	}
	prefix := wire.DecodeName(t.prefix)
	if t.delim != "" && strings.EqualFold(prefix, inbox+t.delim) && isInbox(levels[0]) {
		levels = levels[1:] // INBOX.INBOX.x is what nobody wants
	}
	delim := t.delim
	if delim == "" {
		delim = "_"
	}
	return prefix + strings.Join(levels, delim)
}

// find returns the mailbox with a name as people see it.
func (t tree) find(name string) (Mailbox, bool) {
	if isInbox(name) {
		name = inbox
	}
	i, ok := t.byName[name]
	if !ok {
		return Mailbox{}, false
	}
	return t.boxes[i], true
}

// at returns the mailbox with the given levels.
func (t tree) at(levels []string) (Mailbox, bool) {
	i, ok := t.byPath[pathKey(levels)]
	if !ok {
		return Mailbox{}, false
	}
	return t.boxes[i], true
}

// special returns the mailbox of a role: by attribute, by the provider's name
// for it, by the table of names.
func (t tree) special(role imap.MailboxAttr, provider string) (Mailbox, bool) {
	best, rank := Mailbox{}, -1
	for _, m := range t.boxes {
		if !selectable(m) || t.isForeign(m) {
			continue
		}
		if has(m, role) {
			return m, true
		}
		path := t.path(m)
		r := nameRank(role, path[len(path)-1])
		switch {
		case provider != "" && m.Name == provider:
			best, rank = m, 0
		case len(path) == 1 && r >= 0 && (rank < 0 || r+1 < rank):
			best, rank = m, r+1
		}
	}
	return best, rank >= 0
}

func isInbox(name string) bool { return strings.EqualFold(name, inbox) }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
