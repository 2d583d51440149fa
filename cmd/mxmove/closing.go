package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
)

// closing writes the last lines of a screen: is it safe, what is left, what is
// yours to do, which command is next.
func (a *app) closing(cmd *cobra.Command, m *migrate.Move) error {
	if a.json {
		return nil
	}
	s, err := m.Status(cmd.Context())
	if err != nil {
		return err
	}
	a.printStatus(s)
	return nil
}

func (a *app) printStatus(s migrate.Status) {
	t, safe := a.term, "yes"
	colour := green
	if !s.Safe.Value {
		safe, colour = "not yet", yellow
	}
	width := columns(t.outTTY)
	fmt.Fprintf(t.out, "\nsafe   %s: %s\n", t.paint(colour, safe), wrapped(s.Safe.Because, width, labelled+len(safe)+2, labelled))
	fmt.Fprintf(t.out, "left   %s\n", listed(s.Left, width))
	var yours []string
	for _, y := range s.Yours {
		yours = append(yours, fmt.Sprintf("%s (%s)", y.Text, y.Code))
	}
	fmt.Fprintf(t.out, "yours  %s\n", listed(yours, width))
	next := s.Next.Command
	if at := s.Next.NotBefore; at != nil && at.After(time.Now()) {
		next += ", not before " + at.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	fmt.Fprintf(t.out, "next   %s\n", t.paint(bold, next))
}

// labelled is the column after the word that a line of the status begins with.
const labelled = 7

func listed(items []string, width int) string {
	if len(items) == 0 {
		return "nothing"
	}
	var lines []string
	for _, item := range items {
		lines = append(lines, wrapped(item, width, labelled, labelled))
	}
	return clean(strings.Join(lines, "\n       "))
}
