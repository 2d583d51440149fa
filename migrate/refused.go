package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/mxmove/mxmove/migrate/step"
)

// manyRefused is how many gates of one refusal status names.
const manyRefused = 5

// passing are the gates that open by time, or by the command that is next.
var passing = []string{"clock", "waits", "delta", "quiet"}

// tellRefused says what the last step was refused for, as long as none has
// come after it: nobody but a person mends it.
func (r *run) tellRefused(ctx context.Context, s *Status, phase step.Phase) error {
	steps, err := r.state.Steps(ctx)
	if err != nil || len(steps) == 0 {
		return err
	}
	last := steps[len(steps)-1]
	if last.From != phase || last.To != phase {
		return nil
	}
	if looked, err := r.lookedForSteps(ctx, last.Began); looked || err != nil {
		return err // a close has looked anew, and it was nothing but a step that was asked for
	}
	var open []step.Result
	for _, g := range last.Gates {
		told := slices.Contains(s.Yours, Yours{Code: g.Code, Text: g.Text}) // the plan has found it too
		if (g.Outcome == step.Refused || g.Outcome == step.NotMeasured) && !slices.Contains(passing, g.Gate) && !told {
			open = append(open, g)
		}
	}
	for _, g := range open[:min(len(open), manyRefused)] {
		text := fmt.Sprintf("%s was refused at %s: %s", last.Command, stamp(last.Began), g.Text)
		if g.Fix != "" {
			text += "; " + g.Fix
		}
		s.Yours = append(s.Yours, Yours{Code: g.Code, Text: text})
	}
	if n := len(open) - manyRefused; n > 0 {
		s.Yours = append(s.Yours, Yours{Code: open[manyRefused].Code, Text: fmt.Sprintf("%s was refused for %d more: run it again with --dry-run", last.Command, n)})
	}
	return nil
}
