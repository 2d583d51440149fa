package imaplab

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// An ownFetch is a UID FETCH of which imapserver knows nothing: with
// CHANGEDSINCE, or with items of an extension. It brings no bodies.
type ownFetch struct {
	set   imap.UIDSet
	items []string
	since uint64 // only what has changed after it; 0: everything
}

var ownFetchLine = regexp.MustCompile(`(?i)^\S+ UID FETCH (\S+) (?:\(([^()]*)\)|(\S+))(?: \(CHANGEDSINCE (\d{1,19})\))?\r?\n?$`)

// parseOwnFetch reads a command line; ok is false for what imapserver does.
func parseOwnFetch(line string) (f ownFetch, ok bool) {
	m := ownFetchLine.FindStringSubmatch(line)
	if m == nil {
		return f, false
	}
	f.items = strings.Fields(strings.ToUpper(m[2] + m[3]))
	f.since, _ = strconv.ParseUint(m[4], 10, 64) // empty: 0
	for _, item := range f.items {
		ok = ok || item == "MODSEQ" || strings.HasPrefix(item, "X-GM-")
	}
	for part := range strings.SplitSeq(m[1], ",") {
		first, last, pair := strings.Cut(part, ":")
		if !pair {
			last = first
		}
		f.set = append(f.set, imap.UIDRange{Start: setNumber(first), Stop: setNumber(last)})
	}
	return f, ok || m[4] != ""
}

// setNumber reads a number of a set; "*" is 0, as go-imap has it.
func setNumber(text string) imap.UID {
	n, _ := strconv.ParseUint(text, 10, 32)
	return imap.UID(n)
}

// ownFetch answers it. What is not announced is not spoken.
func (c *conn) ownFetch(tag string, f ownFetch, action Action) error {
	if err := c.sess.sync(false); err != nil {
		return err
	}
	if f.since > 0 && !c.speaks(imap.CapCondStore) {
		return c.reply("%s BAD unknown modifier", tag)
	}
	var lines []string
	for _, h := range c.sess.view.hits(f.set) {
		if h.mod <= f.since {
			continue
		}
		line := fmt.Sprintf("* %d FETCH (UID %d", h.seq, h.uid)
		for _, item := range f.items {
			data, ok := c.item(h, item)
			if !ok {
				return c.reply("%s BAD unknown item %s", tag, item)
			}
			line += data
		}
		if f.since > 0 {
			line += fmt.Sprintf(" MODSEQ (%d)", h.mod)
		}
		lines = append(lines, line+")")
	}
	if err := c.writeLines(lines); err != nil {
		return err
	}
	if action == Mute {
		c.cut()
		return errCut
	}
	return c.reply("%s OK done", tag)
}

// item writes an item of a message with a blank before it; ok is false where
// it is not spoken.
func (c *conn) item(h hit, name string) (data string, ok bool) {
	switch name {
	case "UID":
		return "", true // it comes first
	case "FLAGS":
		return " FLAGS (" + joinFlags(h.flags) + ")", true
	case "INTERNALDATE":
		return ` INTERNALDATE "` + h.date.Format(dateLayout) + `"`, true
	case "RFC822.SIZE":
		return fmt.Sprintf(" RFC822.SIZE %d", len(h.body)), true
	case "MODSEQ":
		return fmt.Sprintf(" MODSEQ (%d)", h.mod), c.speaks(imap.CapCondStore)
	case "X-GM-MSGID":
		return fmt.Sprintf(" X-GM-MSGID %d", h.gmailID()), c.srv.opts.Gmail
	case "X-GM-LABELS":
		return " X-GM-LABELS (" + c.sess.acct.labels(c.sess.view.box, h.stored) + ")", c.srv.opts.Gmail
	}
	return "", false
}
