package mailbox

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/finding"
)

// skipped counts a mailbox that is left out, by what STATUS says of it.
func (c *carrier) skipped(ctx context.Context, e *ends, p Pair, res *MailboxResult) {
	if n, ok := c.status(ctx, e, p); ok {
		res.Tally = Tally{Messages: n, Skipped: n}
	}
}

// unread counts a mailbox that was not copied to its end, unless it has been
// counted already: what STATUS says of it is in doubt.
func (c *carrier) unread(ctx context.Context, e *ends, p Pair, res *MailboxResult, tried bool) {
	if res.Tally.Messages > 0 {
		return
	}
	if n, ok := c.status(ctx, e, p); ok {
		res.Tally = Tally{Messages: n, Doubt: n}
	}
	switch imapconn.Class(res.Err) {
	case imapconn.ClassRefused, imapconn.ClassMissing, imapconn.ClassPermission:
	default:
		return
	}
	if tried {
		c.note(finding.Finding{
			Severity: finding.Warn, Code: finding.MailboxUnreadable, Subject: c.account.Name + " " + p.Source,
			Text: "the mailbox cannot be opened; the others are copied", Evidence: []string{res.Err.Error()},
			Fix: "repair it at the server that refuses it, then run mxmove sync again",
		})
	}
}

// status asks how many messages a source mailbox has, if there is a way to
// ask.
func (c *carrier) status(ctx context.Context, e *ends, p Pair) (int, bool) {
	if ctx.Err() != nil || e.openSource(ctx) != nil {
		return 0, false
	}
	st, err := e.source.Status(ctx, p.SourceWire)
	if err != nil || st.Messages == nil {
		return 0, false
	}
	return int(*st.Messages), true
}

// appendLimit is the size above which the target takes no message, 0 for
// none that is known (RFC 7889).
func (d *delta) appendLimit() int64 {
	limit := d.o.AppendLimit
	for name := range d.ends.target.Caps() {
		if text, ok := strings.CutPrefix(name, "APPENDLIMIT="); ok {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && (limit == 0 || n < limit) {
				limit = n
			}
		}
	}
	return limit
}

func compareFindings(a, b finding.Finding) int {
	return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Text, b.Text))
}
