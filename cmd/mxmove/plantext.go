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
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprint(a.term.out, a.term.tint(line)); err != nil {
			return err
		}
	}
	return nil
}

// tint colours the sign or severity that a line of a plan begins with. The
// first nine columns hold the stage or the severity.
func (t *terminal) tint(line string) string {
	const column = 9
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
