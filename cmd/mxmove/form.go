package main

import (
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/migrate"
)

// words joins the names of a kind, as a usage line lists them.
func words[T ~string](all []T) string {
	var names []string
	for _, w := range all {
		names = append(names, string(w))
	}
	return strings.Join(names, ", ")
}

// checkForm refuses what makes no sense before anybody is asked.
func (a *app) checkForm(format, stage string) error {
	switch {
	case format == "" && stage != "":
		return usagef("--stage goes with --format, which is one of %s", words(export.Formats))
	case format != "" && a.json:
		return usagef("--format and --json are two forms of one answer; choose one")
	case format != "" && !slices.Contains(export.Formats, export.Format(format)):
		return usagef("--format is one of %s, not %q", words(export.Formats), format)
	case stage != "" && !slices.Contains(dnsplan.Stages, dnsplan.Stage(stage)):
		return usagef("--stage is one of %s, not %q", words(dnsplan.Stages), stage)
	}
	return nil
}

// printForm writes one stage in a language that DNS is kept in; "" is the next.
func (a *app) printForm(doc migrate.Document, f export.Format, stage dnsplan.Stage) error {
	plan, err := doc.Plan()
	if err != nil {
		return err
	}
	if stage == "" {
		stage = plan.Next()
	}
	switch {
	case stage == "":
		a.term.say("nothing to change in DNS")
		return nil
	case len(plan.Stage(stage)) == 0:
		a.term.say("nothing to change in DNS in the stage %s", stage)
		return nil
	}
	return export.Write(a.term.out, f, plan, stage, doc.Zones)
}
