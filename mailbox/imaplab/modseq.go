package imaplab

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// This file speaks CONDSTORE (RFC 7162), of which imapserver knows nothing, as
// far as a client needs it that only reads: HIGHESTMODSEQ with STATUS, LIST
// and SELECT, and FETCH with CHANGEDSINCE. UNCHANGEDSINCE and QRESYNC are not
// spoken.

// highestItem finds the item in a STATUS command or in the options of a LIST.
var highestItem = regexp.MustCompile(`(?i) ?\bHIGHESTMODSEQ\b`)

// withoutHighest takes the item out of a command that imapserver is to answer,
// and remembers that it was asked for.
func (c *conn) withoutHighest(verb string, line []byte) []byte {
	if verb != "STATUS" && verb != "LIST" || !c.speaks(imap.CapCondStore) || !highestItem.Match(line) {
		return line
	}
	c.highest = true
	line = highestItem.ReplaceAllLiteral(line, nil)
	return bytes.ReplaceAll(line, []byte("( "), []byte("("))
}

// withHighest puts the item into imapserver's answer. The caller holds mu.
func (c *conn) withHighest(response []byte) []byte {
	if !c.highest {
		return response
	}
	rest, ok := bytes.CutPrefix(response, []byte("* STATUS "))
	open := bytes.LastIndexByte(rest, '(')
	if !ok || open < 0 {
		if !bytes.HasPrefix(response, []byte("* ")) {
			c.highest = false // the tagged answer
		}
		return response
	}
	name := strings.TrimSpace(string(rest[:open]))
	if strings.HasPrefix(name, `"`) {
		name = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(strings.Trim(name, `"`))
	}
	name, _ = decodeUTF7(name)
	item := fmt.Sprintf("HIGHESTMODSEQ %d", c.sess.acct.highest(name))
	if rest[open+1] != ')' {
		item += " "
	}
	return fmt.Appendf(nil, "* STATUS %s%s%s", rest[:open+1], item, rest[open+1:])
}

// highest is the highest mod-sequence of a mailbox, 0 where there is none.
func (a *Account) highest(name string) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return 0
	}
	return b.version
}
