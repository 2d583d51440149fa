package mailbox_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestRepairKilledAtAnyCommand ends the process at the nth command of the
// target, done or not, while it finds out what the target takes.
func TestRepairKilledAtAnyCommand(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		habit.RefuseAppend = strict
		for _, action := range []imaplab.Action{imaplab.Cut, imaplab.Mute} {
			t.Run(name+" "+string(action), func(t *testing.T) {
				t.Parallel()
				begin := func(t *testing.T) (*lab, []imaplab.Message) {
					l := start(t, imaplab.Options{}, habit)
					as, want := faulty()
					deliver(t, l.from, "INBOX", append(as, letters(0, 3)...)...)
					return l, append(want, letters(0, 3)...)
				}
				l, _ := begin(t)
				l.copy()
				for _, n := range tortured(len(l.target.Commands()), 3, name) {
					t.Run(strconv.Itoa(n), func(t *testing.T) { // its servers end with it
						l, want := begin(t)
						l.killAt(l.target, n, action)
						l.copy()
						wanted(t, l.to, want)
						as, _ := faulty()
						originals(t, l, as[:repaired])
						again(t, l, 0)
					})
				}
			})
		}
	}
}

// TestRepairCutAtAnyOctet cuts the line at its nth octet, while it is found out
// what the target takes. The run goes on by itself.
func TestRepairCutAtAnyOctet(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"multiappend", "synchronising", "without uidplus"} {
		habit := habits[name]
		habit.RefuseAppend = strict
		for _, c := range lines() {
			if c.side == "source" {
				continue
			}
			t.Run(name+" "+c.String(), func(t *testing.T) {
				t.Parallel()
				as, want := faulty()
				begin := func(t *testing.T) *lab {
					l := start(t, imaplab.Options{}, habit)
					deliver(t, l.from, "INBOX", append(as, letters(0, 3)...)...)
					return l
				}
				for _, n := range tortured(measure(begin(t))[c.side+" "+c.way], 2, t.Name()) {
					t.Run(strconv.Itoa(n), func(t *testing.T) { // its servers end with it
						l := begin(t)
						c.cut(l, int64(n))
						l.copy()
						wanted(t, l.to, append(slices.Clone(want), letters(0, 3)...))
						originals(t, l, as[:repaired])
						again(t, l, 0)
					})
				}
			})
		}
	}
}
