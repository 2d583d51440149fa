package migrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// An Accept is a person's wish to let a gate or finding pass.
type Accept struct {
	Code    finding.Code
	Subject string // empty: every subject
	Reason  string
}

// covers reports whether a wish is about a result.
func (w Accept) covers(r step.Result) bool {
	return w.Code == r.Code && (w.Subject == "" || w.Subject == cmp.Or(r.Subject, r.Gate))
}

// A matter is what a gate refuses for.
type matter struct {
	gate string
	code finding.Code
}

// shownBefore holds, for each matter that a person has been shown, how much
// of it there was, by subject.
type shownBefore map[matter]map[string]int

// add enters the results that do not pass.
func (s shownBefore) add(results []step.Result) {
	for _, r := range results {
		if r.Outcome == step.Passed || r.Code == "" {
			continue
		}
		m := matter{r.Gate, r.Code}
		if s[m] == nil {
			s[m] = make(map[string]int)
		}
		s[m][r.Subject] = r.Extent()
	}
}

// grown reports whether there is more of a result than was shown. What nobody
// has been shown yet is shown by its acceptance. A wish that names the subject
// was made with that in mind.
func (s shownBefore) grown(r step.Result, w Accept) bool {
	shown, ok := s[matter{r.Gate, r.Code}]
	if !ok {
		return false
	}
	most, ok := shown[r.Subject]
	if !ok {
		return w.Subject == ""
	}
	return r.Extent() > most
}

// accept marks the refused results that a person has accepted, unless there
// is more of them now than was shown.
func accept(results []step.Result, wishes []Accept, shown shownBefore, now time.Time) []step.Acceptance {
	var taken []step.Acceptance
	for i, r := range results {
		if r.Outcome != step.Refused && r.Outcome != step.NotMeasured || r.Final {
			continue
		}
		at := slices.IndexFunc(wishes, func(w Accept) bool { return w.covers(r) })
		if at < 0 {
			continue
		}
		w := wishes[at]
		if shown.grown(r, w) {
			results[i].Text = "there is more of it than when it was shown, so its acceptance is void: " + r.Text
			continue
		}
		results[i].Outcome = step.Accepted
		taken = append(taken, step.Acceptance{
			Code: w.Code, Subject: w.Subject, Reason: w.Reason, Evidence: evidenceDigest(r), Time: now,
		})
	}
	return taken
}

// evidenceDigest binds an acceptance to what was shown.
func evidenceDigest(r step.Result) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s", r.Code, r.Text, strings.Join(r.Evidence, "\x00"))
	return hex.EncodeToString(h.Sum(nil))
}

// shownFor returns what a command was last refused for, or passed on a
// person's word. Within one process the first acceptance counts: nobody has
// looked since. What the plan found was shown with it.
func (r *run) shownFor(ctx context.Context, command string) (shownBefore, error) {
	steps, err := r.state.Steps(ctx)
	if err != nil {
		return nil, err
	}
	shown := make(shownBefore)
	for _, s := range slices.Backward(steps) {
		if s.Command != command {
			continue
		}
		one := make(shownBefore)
		one.add(s.Gates)
		for m, subjects := range one {
			if shown[m] == nil && m.gate != planGate {
				shown[m] = subjects
			}
		}
	}
	for m, subjects := range r.accepted[command] {
		shown[m] = subjects
	}
	return shown, nil
}

// judge lets accepted gates pass and refuses for the others.
func (r *run) judge(ctx context.Context, command string, results []step.Result) ([]step.Acceptance, error) {
	shown, err := r.shownFor(ctx, command)
	if err != nil {
		return nil, err
	}
	taken := accept(results, r.o.Accept, shown, r.o.Clock.Now())
	r.keepAccepted(command, results)
	refusal := &GateError{Step: command, Results: results}
	if len(refusal.Refused()) > 0 {
		return taken, refusal
	}
	return taken, nil
}

// keepAccepted remembers for the rest of the process what was accepted first.
func (m *Move) keepAccepted(command string, results []step.Result) {
	now := make(shownBefore)
	now.add(slices.DeleteFunc(slices.Clone(results), func(r step.Result) bool {
		return r.Outcome != step.Accepted || r.Gate == planGate
	}))
	if m.accepted[command] == nil {
		m.accepted[command] = make(shownBefore)
	}
	for k, subjects := range now {
		if m.accepted[command][k] == nil {
			m.accepted[command][k] = subjects
		}
	}
}
