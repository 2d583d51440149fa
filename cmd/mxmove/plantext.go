package main

import (
	"fmt"
	"strings"

	"github.com/mxmove/mxmove/dnsplan"
)

// printChanges writes a plan for people. On a terminal the signs of changes
// and the severities of findings have colours; the words are the same.
func (a *app) printChanges(plan dnsplan.Plan, o dnsplan.TextOptions) error {
	var text strings.Builder
	if err := dnsplan.Text(&text, plan, o); err != nil {
		return err
	}
	width := columns(a.term.outTTY)
	for line := range strings.Lines(text.String()) {
		line = strings.TrimSuffix(line, "\n")
		if prose(line) {
			line = wrapped(line, width, 0, column)
		}
		if _, err := fmt.Fprintln(a.term.out, a.term.tint(line)); err != nil {
			return err
		}
	}
	return nil
}

// column is where the text of a line begins: before it stands the stage or the
// severity.
const column = 9

// prose reports whether a line tells something and holds no record.
func prose(line string) bool {
	if len(line) <= column {
		return false
	}
	switch strings.TrimSpace(line[:column]) {
	case "block", "warn", "note":
		return true
	}
	return strings.HasPrefix(line[column:], "wait ")
}

// tint colours the sign or severity that a line of a plan begins with.
func (t *terminal) tint(line string) string {
	if !t.colour || len(line) <= column {
		return line
	}
	head, rest := line[:column], line[column:]
	switch strings.TrimSpace(head) {
	case "block":
		return t.paint(red, head) + rest
	case "warn":
		return t.paint(yellow, head) + rest
	}
	for sign, colour := range map[string]string{"+ ": green, "~ ": yellow, "- ": red} {
		if after, ok := strings.CutPrefix(rest, sign); ok {
			return head + t.paint(colour, sign[:1]) + " " + after
		}
	}
	return line
}
