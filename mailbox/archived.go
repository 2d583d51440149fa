package mailbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/finding"
)

// labels are labels of a Gmail, as the server writes them. Those that stand
// for mailboxes of a special use are in lower case.
type labels map[string]bool

// useLabels are the labels of mailboxes of a special use.
var useLabels = map[imap.MailboxAttr][]string{
	imap.MailboxAttrSent: {`\sent`}, imap.MailboxAttrDrafts: {`\draft`, `\drafts`},
	imap.MailboxAttrTrash: {`\trash`}, imap.MailboxAttrJunk: {`\spam`, `\junk`},
}

// virtual reports whether a mailbox shows messages of others.
func (p *pairer) virtual(m Mailbox) bool {
	return slices.ContainsFunc(virtual, func(attr imap.MailboxAttr) bool { return has(m, attr) })
}

// archive reports whether a mailbox is the one of all messages at a Gmail, of
// which what is archived has to be copied: it lies nowhere else.
func (p *pairer) archive(m Mailbox) bool { return p.o.Gmail && has(m, imap.MailboxAttrAll) }

// archivePlace is where that goes: where the target keeps all messages too, or
// its archive.
func (p *pairer) archivePlace() string {
	if p.o.Into != "" {
		return p.target.name([]string{p.o.Into, "Archive"})
	}
	for _, m := range p.target.boxes {
		if has(m, imap.MailboxAttrAll) && selectable(m) && !p.target.isForeign(m) {
			return m.Name
		}
	}
	if to := p.place[imap.MailboxAttrArchive]; to != "" {
		return to
	}
	return p.target.name([]string{"Archive"})
}

// plain are the levels of a name without the parent of a Gmail's own mailboxes.
func (p *pairer) plain(levels []string) []string {
	if p.o.Gmail && len(levels) > 1 && (levels[0] == "[Gmail]" || levels[0] == "[Google Mail]") {
		return levels[1:]
	}
	return levels
}

// archived gives the pair of archived messages the labels of all others. A
// mailbox that is left out by rule counts: its messages are not to come in by
// the back door.
func (p *pairer) archived(pairs []Pair) {
	at := slices.IndexFunc(pairs, func(q Pair) bool { return q.Rule == RuleArchived && q.Skip == "" })
	if at < 0 {
		return
	}
	found := make(labels)
	for _, m := range p.source.boxes {
		if !selectable(m) || p.virtual(m) {
			continue
		}
		found[m.Wire] = true
		if isInbox(m.Wire) {
			found[`\inbox`] = true
		}
		for _, label := range useLabels[p.role[m.Wire]] {
			found[label] = true
		}
	}
	pairs[at].elsewhere = found
	p.note(finding.ArchivedCopied, finding.Note, pairs[at].Source,
		fmt.Sprintf("what lies in no other mailbox, since it was archived, is copied into %q", clean(pairs[at].Target)),
		`nothing is to be done; \All under sync.exclude leaves it out`)
}

// hold reports whether any of a message's labels stands for a mailbox from
// which it is copied.
func (l labels) hold(of []string) bool {
	return slices.ContainsFunc(of, func(label string) bool {
		return l[label] || strings.HasPrefix(label, `\`) && l[strings.ToLower(label)]
	})
}

// apart tells what of the pair's source mailbox, which is open, is copied from
// other mailboxes.
func (p *Pair) apart(ctx context.Context, s *imapconn.Source) (apart uidSet, err error) {
	if p.elsewhere == nil {
		return apart, nil
	}
	err = s.Labels(ctx, func(uid imap.UID, of []string) error {
		if p.elsewhere.hold(of) && apart.len() < maxMessages {
			apart.add(uid)
		}
		return nil
	})
	return apart, err
}

// label finds out what of the list is copied from other mailboxes.
func (d *delta) label(ctx context.Context) error {
	if d.pair.elsewhere == nil {
		return nil
	}
	source, err := d.atSource(ctx)
	if err == nil {
		d.apart, err = d.pair.apart(ctx, source)
	}
	return err
}

// archived leaves of a glance at the archived messages only those: a message
// that loses its last label arrives there, and one that gets a label leaves.
func (f *follower) archived(ctx context.Context, seen *glance) error {
	if seen.pair.elsewhere == nil {
		return nil
	}
	if _, err := f.ends.source.Examine(ctx, seen.pair.SourceWire); err != nil {
		return err
	}
	apart, err := seen.pair.apart(ctx, f.ends.source)
	seen.uids = slices.DeleteFunc(seen.uids, apart.has)
	return err
}
