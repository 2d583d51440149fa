package report

import (
	"time"

	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// An entry is one step on the timeline.
type entry struct {
	step.Step
	Tone  tone
	Word  string
	Gates []gate
}

// A gate is one gate as it was found, with its tone.
type gate struct {
	step.Result
	Tone tone
	Word string
}

// Length is how long the step took.
func (e entry) Length() time.Duration { return e.Ended.Sub(e.Began) }

func timeline(d Document) []entry {
	var all []entry
	for i, s := range d.Steps {
		e := entry{Step: s, Tone: good, Word: "done"}
		switch {
		case s.Ended.IsZero() && i == len(d.Steps)-1:
			e.Tone, e.Word = care, "begun, not ended"
		case s.Ended.IsZero():
			e.Tone, e.Word = care, "did not end"
		case s.Outcome != state.Done:
			e.Tone, e.Word = bad, "ended early"
		}
		for _, g := range s.Gates {
			e.Gates = append(e.Gates, gateOf(g))
			if g.Outcome != step.Passed && e.Tone == good {
				e.Tone = care
			}
		}
		all = append(all, e)
	}
	return all
}

func gateOf(r step.Result) gate {
	g := gate{Result: r, Tone: unknown, Word: "not measured"}
	switch r.Outcome {
	case step.Passed:
		g.Tone, g.Word = good, "passed"
	case step.Refused:
		g.Tone, g.Word = bad, "refused"
	case step.Accepted:
		g.Tone, g.Word = care, "accepted"
	}
	return g
}
