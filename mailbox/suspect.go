package mailbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/finding"
)

// strikes is how often a connection may be lost over a message that travels
// alone before the message is given up.
const strikes = 2

// A suspicion is what is held against a message that was on its way when a
// connection was lost.
type suspicion struct {
	lost          int    // connections lost while it was on its way, with others or alone
	read, written int    // of them, those while it was alone
	excused       int    // connections that ended meanwhile for a reason of their own
	answer        string // what the target said, where it did not close the connection
}

// suspects returns what is held against the messages of a mailbox.
func (c *carrier) suspects(p Pair) map[imap.UID]suspicion {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.suspected == nil {
		c.suspected = make(map[string]map[imap.UID]suspicion)
	}
	if c.suspected[p.SourceWire] == nil {
		c.suspected[p.SourceWire] = make(map[imap.UID]suspicion)
	}
	return c.suspected[p.SourceWire]
}

// narrow is from how many lost connections on a message travels alone. Before
// that it travels with those that were beside it, and nothing else.
const narrow = 2

// manyStruck is how many strikes count as progress. Where more messages than
// that end connections, the server has another trouble.
const manyStruck = 10

// excuses is how often a message may be on its way when a connection ends for
// a reason of its own. After that others go first: a server that gives the
// same reason for a message that it does not bear must not keep the rest.
const excuses = 2

// suspect notes messages over which the source's or the target's connection
// was lost; sole says that nothing else was on its way. The next attempt sends
// them after all others. A server that says goodbye for a reason of its own,
// since a token has expired or it shuts down, says nothing against them.
func (d *delta) suspect(ctx context.Context, err error, ms []Message, reading, sole bool) {
	if ctx.Err() != nil {
		return // it was we who ended it
	}
	excused := imapconn.Excused(err)
	sole = sole && !excused
	for _, m := range ms {
		s, known := d.suspected[m.UID]
		if excused {
			s.excused++
		}
		if excused && s.excused <= excuses {
			d.suspected[m.UID] = s
			continue
		}
		s.lost++
		if sole {
			s.lost = max(s.lost, narrow)
		}
		if sole && len(ms) == 1 && (known || len(d.sending) == 1) {
			if reading {
				s.read++
			} else {
				s.written++
			}
		}
		d.suspected[m.UID] = s
	}
}

// strikes is how often its connection was lost over the message alone.
func (s suspicion) strikes() int { return s.read + s.written }

// struck counts the strikes against the messages of a mailbox, as far as they
// count as progress.
func (c *carrier) struck(p Pair) int {
	n := 0
	for _, s := range c.suspects(p) {
		n += min(s.strikes(), strikes)
	}
	return min(n, manyStruck)
}

// limited suspects messages that the target answers with a LIMIT that does not
// speak of their size. That may be the account's, which passes with time, or
// the message's own, which does not: others have to go before it.
func (d *delta) limited(ctx context.Context, l *load) {
	for n, i := range l.refused {
		var answer *imapconn.ResponseError
		if !errors.As(l.reasons[n], &answer) || answer.Code != "LIMIT" {
			continue
		}
		d.suspect(ctx, nil, []Message{l.messages[i]}, false, true)
		s := d.suspected[l.messages[i].UID]
		s.answer = clean(answer.Error())
		d.suspected[l.messages[i].UID] = s
	}
}

// sorted parts what is to be sent: what goes in batches, what goes with nothing
// else on its way, and what is given up. A message is to blame only where others
// of the account got through: a server that takes nothing at all has another
// trouble.
func (d *delta) sorted(todo []imap.UID) (plain []imap.UID, apart [][]imap.UID) {
	if len(d.suspected) == 0 {
		return todo, nil
	}
	var beside, alone []imap.UID
	for _, uid := range todo {
		s, suspected := d.suspected[uid]
		switch {
		case s.read >= strikes && d.passed.Load():
			m, _ := d.list.find(uid)
			d.gone, d.silent = append(d.gone, m.UID), append(d.silent, m.UID)
			d.name(m, "the source closes the connection whenever it is fetched", "the message is in doubt; repair it at the old server, then run mxmove sync again")
		case s.written >= strikes && d.passed.Load():
			m, _ := d.list.find(uid)
			why := "the target closes the connection whenever it is sent"
			if s.answer != "" {
				why = "the target takes it neither with others nor alone: " + s.answer
			}
			d.unkept = append(d.unkept, refusal{m, why, nil})
			d.name(m, why, "hand the file to its owner, or run mxmove sync --recopy-missing later")
		case suspected && s.lost > 0 && s.lost < narrow && d.ends.target.Caps().Has("MULTIAPPEND"):
			beside = append(beside, uid)
		case suspected && s.lost > 0:
			alone = append(alone, uid)
		default:
			plain = append(plain, uid)
		}
	}
	for _, uids := range d.batches(beside) {
		apart = slices.AppendSeq(apart, slices.Chunk(uids, commandMessages))
	}
	// The worst last: what others do is known before it ends the connection.
	slices.SortStableFunc(alone, func(a, b imap.UID) int {
		return cmp.Compare(d.suspected[a].strikes(), d.suspected[b].strikes())
	})
	return plain, slices.AppendSeq(apart, slices.Chunk(alone, 1))
}

// name tells which message it is that ends connections.
func (d *delta) name(m Message, what, fix string) {
	d.note(finding.Finding{
		Severity: finding.Warn, Code: finding.MessageIsolated, Subject: d.account.Name + " " + d.pair.Source,
		Text:     fmt.Sprintf("the message with UID %d (%d octets) is left out of the copy: %s", m.UID, m.Size, what),
		Evidence: []string{fmt.Sprintf("tried %d times alone, after all others", strikes)},
		Fix:      fix,
	})
}
