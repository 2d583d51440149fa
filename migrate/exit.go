package migrate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mxmove/mxmove/migrate/step"
)

// ErrClosed is returned by commands that a closed move no longer takes.
var ErrClosed = errors.New("migrate: the move is closed; start another one in a new directory")

// A GateError refuses a step. Nothing was changed.
type GateError struct {
	Step    string
	Results []step.Result // every gate, the passed ones too
}

// Error names the gates that refused, one after the other.
func (e *GateError) Error() string {
	var texts []string
	for _, r := range e.Refused() {
		texts = append(texts, fmt.Sprintf("%s %s: %s", r.Code, r.Gate, r.Text))
	}
	return fmt.Sprintf("%s refused, nothing was changed: %s", e.Step, strings.Join(texts, "; "))
}

// Refused returns the gates that did not let the step pass.
func (e *GateError) Refused() []step.Result {
	var rs []step.Result
	for _, r := range e.Results {
		if r.Outcome == step.Refused || r.Outcome == step.NotMeasured {
			rs = append(rs, r)
		}
	}
	return rs
}

// A PhaseError refuses a command that does not fit the phase.
type PhaseError struct {
	Command string
	Phase   step.Phase
	Fix     string
}

func (e *PhaseError) Error() string {
	phase := string(e.Phase)
	if e.Phase == step.None {
		phase = "not planned yet"
	}
	return fmt.Sprintf("%s does not fit a move that is %s; %s", e.Command, phase, e.Fix)
}

// A LaterError says that the same command is right at another time.
type LaterError struct {
	What  string
	After time.Time // zero: unknown
}

func (e *LaterError) Error() string {
	if e.After.IsZero() {
		return e.What + "; run the same command again later"
	}
	return fmt.Sprintf("%s; run the same command again after %s", e.What, e.After.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// A PersonError says that a command has finished and that some items need a
// person; they were listed.
type PersonError struct {
	What  string
	Items []string
}

func (e *PersonError) Error() string {
	if len(e.Items) == 0 {
		return e.What
	}
	return e.What + ": " + strings.Join(e.Items, "; ")
}

// ErrNotAsked is what Confirm returns for a step of the hardening calendar when
// there is nobody to ask.
var ErrNotAsked = errors.New("migrate: nobody can be asked, nothing was changed")

// ErrNotConfirmed is returned when nobody agreed to a change.
var ErrNotConfirmed = errors.New("migrate: not confirmed, nothing was changed")
