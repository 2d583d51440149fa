package report

import (
	"fmt"
	"strings"

	"github.com/mxmove/mxmove/mailbox"
)

// A Total is the sum of a balance. Unread counts what could not be read:
// mailboxes, and accounts of which not even the mailboxes are known.
type Total struct {
	mailbox.Tally
	Extra     int `json:"extra"`
	Repaired  int `json:"repaired"`
	Differs   int `json:"differs"`
	Unread    int `json:"unread"`
	Mailboxes int `json:"mailboxes"`
}

// sum adds up the mailboxes of an account.
func sum(a mailbox.AccountBalance) Total {
	var t Total
	if a.Unread != "" {
		t.Unread++
	}
	for _, mb := range a.Mailboxes {
		one := Total{Tally: mb.Tally, Extra: mb.Extra, Repaired: mb.Repaired, Differs: mb.Differs, Mailboxes: 1}
		if mb.Unread != "" {
			one.Unread = 1
		}
		t = t.add(one)
	}
	return t
}

func (t Total) add(u Total) Total {
	t.Tally = t.Tally.Add(u.Tally)
	t.Extra += u.Extra
	t.Repaired += u.Repaired
	t.Differs += u.Differs
	t.Unread += u.Unread
	t.Mailboxes += u.Mailboxes
	return t
}

// A count is one state of messages with its number.
type count struct {
	Class string // of the bar and the legend
	Word  string
	N     int
}

// counts returns the states of a tally in their order; they add up to
// Messages.
func counts(t mailbox.Tally) []count {
	return []count{
		{"copied", "copied", t.Copied},
		{"present", "present", t.Present},
		{"merged", "merged", t.Merged},
		{"skipped", "skipped", t.Skipped},
		{"refused", "refused", t.Refused},
		{"gone", "gone", t.Gone},
		{"new", "new", t.New},
		{"doubt", "in doubt", t.Doubt},
		{"missing", "missing", t.Missing},
	}
}

// some leaves out the states that no message is in.
func some(t mailbox.Tally) []count {
	var cs []count
	for _, c := range counts(t) {
		if c.N != 0 {
			cs = append(cs, c)
		}
	}
	return cs
}

// equation writes a tally as the sum that it is, and says so where it is not:
// the numbers come from a file that somebody may have edited.
func equation(t mailbox.Tally) string {
	var parts []string
	for _, c := range some(t) {
		parts = append(parts, number(c.N)+" "+c.Word)
	}
	if len(parts) == 0 {
		parts = []string{"0"}
	}
	relation := "="
	if !adds(t) {
		relation = "≠"
	}
	return fmt.Sprintf("%s %s %s", number(t.Messages), relation, strings.Join(parts, " + "))
}

// adds reports whether every message is in exactly one state.
func adds(t mailbox.Tally) bool {
	n := 0
	for _, c := range counts(t) {
		n += c.N
	}
	return n == t.Messages
}

// full is the length of a bar, in units of its own.
const full = 1000

// A segment is a part of a bar.
type segment struct {
	Class    string
	X, Width int
}

// bar draws a tally as segments that fill it. One message of a million is
// still seen: a state that is there at all has a width.
func bar(t mailbox.Tally) []segment {
	const least = 8
	states := some(t)
	total := 0
	for _, c := range states {
		total += max(c.N, 0)
	}
	if total == 0 {
		return nil
	}
	room := full - least*len(states)
	var segments []segment
	x := 0
	for i, c := range states {
		width := least + int(float64(room)*float64(max(c.N, 0))/float64(total))
		if i == len(states)-1 {
			width = full - x
		}
		segments = append(segments, segment{c.Class, x, width})
		x += width
	}
	return segments
}

// number prints a count with its thousands apart.
func number(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u00a0" + s[i:]
	}
	return s
}
