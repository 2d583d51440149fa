package mailbox_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// twoHundred is a move of two hundred messages in several mailboxes, some of
// which are at the target already.
func (l *lab) twoHundred(t *testing.T) {
	t.Helper()
	for _, name := range []string{"INBOX.A", "INBOX.B", "INBOX.B.C"} {
		l.from.Create(name, "")
	}
	deliver(t, l.from, "INBOX", letters(0, 100, imap.FlagSeen)...)
	deliver(t, l.from, "INBOX.A", append(letters(100, 140), awkward()...)...)
	deliver(t, l.from, "INBOX.B", append(awkward(), letters(140, 164)...)...)
	deliver(t, l.from, "INBOX.B.C", awkward()...)
	deliver(t, l.to, "INBOX", letters(3, 6, imap.FlagSeen)...)
	l.to.Create("B", "")
	deliver(t, l.to, "B", awkward()[:2]...)
}

// A death is a way in which a process ends and the next one begins.
type death struct {
	when  moment
	lost  bool // the state is lost with it
	twice bool // the next one dies too, somewhere
}

func (d death) String() string {
	return fmt.Sprintf("%s lost=%t twice=%t", d.when, d.lost, d.twice)
}

var deaths = []death{{when: before}, {when: amid}, {when: after}, {when: after, twice: true}, {when: amid, lost: true}}

// TestKilledAtAnyOperation ends the process before, amid and after each write
// to the network and to the state, and begins again with what it has left.
func TestKilledAtAnyOperation(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		for _, d := range deaths {
			t.Run(name+" "+d.String(), func(t *testing.T) {
				t.Parallel()
				// Several pairs of connections go where sizes are not known.
				l := start(t, imaplab.Options{Hide: []imap.Cap{imap.CapListStatus}}, habit)
				l.options.Connections = 2
				l.twoHundred(t)
				ops, done := l.live(t, 0, before)
				if !done {
					t.Fatal("an undisturbed run does not end well")
				}
				t.Logf("%d operations", ops)
				for _, n := range tortured(ops, 2, t.Name()) {
					if !t.Run(fmt.Sprint(n), func(t *testing.T) {
						l.t = t
						l.begin(t)
						l.die(t, d, n, ops)
						exact(t, l)
					}) {
						return
					}
				}
			})
		}
	}
}

// TestKilledOnTheWayBack does the same to a run that brings back what is new at
// the target, as undo does.
func TestKilledOnTheWayBack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"multiappend", "without uidplus"} {
		for _, d := range deaths {
			t.Run(name+" "+d.String(), func(t *testing.T) {
				t.Parallel()
				l := start(t, habits[name], imaplab.Options{})
				l.comeBack(t)
				ops, done := l.live(t, 0, before)
				if !done {
					t.Fatal("an undisturbed run does not end well")
				}
				t.Logf("%d operations", ops)
				for _, n := range tortured(ops, 1, t.Name()) {
					if !t.Run(fmt.Sprint(n), func(t *testing.T) {
						l.t = t
						l.begin(t)
						l.comeBack(t)
						l.die(t, d, n, ops)
						exact(t, l)
					}) {
						return
					}
				}
			})
		}
	}
}

// comeBack copies everything forth, lets new mail arrive at the target, and
// turns the account round.
func (l *lab) comeBack(t *testing.T) {
	t.Helper()
	if l.options.Reverse {
		l.account = l.back()
	}
	l.options.Additions, l.options.Reverse = false, false
	l.from.Create("INBOX.A", "")
	deliver(t, l.from, "INBOX", append(letters(600, 620), awkward()...)...)
	l.copy()
	deliver(t, l.to, "INBOX", append(letters(700, 720), awkward()...)...)
	deliver(t, l.to, "A", append(awkward(), letters(720, 740)...)...)
	l.account = l.back()
	l.options.Additions, l.options.Reverse = true, true
}

// begin gives both servers accounts as they were at first, and a new state.
func (l *lab) begin(t *testing.T) {
	t.Helper()
	l.from, l.to = l.source.Account("anna", "a"), l.target.Account("anna", "b")
	l.state = t.TempDir() + "/state.db"
	l.twoHundred(t)
}

// die lets the process die at its nth operation.
func (l *lab) die(t *testing.T, d death, n, ops int) {
	t.Helper()
	l.run(t, n, d.when)
	if d.lost {
		l.state = t.TempDir() + "/state.db"
	}
	if d.twice {
		l.run(t, 1+rand.New(rand.NewPCG(uint64(n), 5)).IntN(ops), []moment{before, amid, after}[n%3])
	}
}

// run runs a process that dies at its nth operation, and does not believe a
// process that says it has done what it has not.
func (l *lab) run(t *testing.T, n int, when moment) {
	t.Helper()
	if _, done := l.live(t, n, when); done {
		samePairs(t, l)
	}
}
