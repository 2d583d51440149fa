// Package step holds the words that every part of a move shares: the phase
// the world is in, the steps that lead from one to the next, and the gates
// that a step has to pass.
package step

import (
	"slices"
	"time"

	"github.com/mxmove/mxmove/migrate/finding"
)

// A Phase says where the world stands, and nothing else: how far the copy is
// stands per account, beside it. The zero value is the time before the first
// plan.
type Phase string

// The phases in their order; Undone may follow any from Prepared to Settled.
const (
	None      Phase = ""
	Planned   Phase = "planned"   // a plan was shown
	Prepared  Phase = "prepared"  // the prepare stage is visible everywhere
	Switching Phase = "switching" // the switch is written, not yet visible everywhere
	Switched  Phase = "switched"  // every authoritative server shows the new MX
	Settled   Phase = "settled"   // quiet, swept, aligned
	Closed    Phase = "closed"    // the old server may be switched off
	Undone    Phase = "undone"    // every authoritative server shows the old MX again
)

// Additions reports whether a copy may only add at the target in this phase:
// from the switch on flags, moves and deletions there are the user's.
func (p Phase) Additions() bool {
	switch p {
	case Switching, Switched, Settled, Closed, Undone:
		return true
	}
	return false
}

// An Outcome is how a gate or a step ended.
type Outcome string

// The outcomes. A gate that was not measured refuses like one that failed:
// what nobody looked at is never a success.
const (
	Passed      Outcome = "passed"
	Refused     Outcome = "refused"
	NotMeasured Outcome = "not-measured"
	Accepted    Outcome = "accepted" // refused or not measured, and accepted with a reason
)

// A Result is one gate as it was found.
type Result struct {
	Gate     string       `json:"gate"` // its name, constant, such as "balance"
	Outcome  Outcome      `json:"outcome"`
	Code     finding.Code `json:"code"`
	Subject  string       `json:"subject"`
	Text     string       `json:"text"` // one sentence
	Evidence []string     `json:"evidence"`
	Fix      string       `json:"fix"`
	Amount   int          `json:"amount,omitempty"` // how much of it there is, such as messages; 0: as many as there are in Evidence
	Exit     int          `json:"-"`                // exit code if it refuses; 0 means 4, refused by a gate
	Final    bool         `json:"-"`                // no acceptance lets it pass
}

// Extent is how much there is of what a gate refuses for: an acceptance is void
// when it grows.
func (r Result) Extent() int {
	if r.Amount > 0 {
		return r.Amount
	}
	return len(r.Evidence)
}

// An Acceptance is a person's word that a gate may be passed all the same.
// It is bound to the evidence that was shown and void when that grows.
type Acceptance struct {
	Code     finding.Code `json:"code"`
	Subject  string       `json:"subject"` // empty: every subject of the code
	Reason   string       `json:"reason"`
	Evidence string       `json:"evidence"` // digest of the evidence it covers
	Time     time.Time    `json:"time"`
}

// A Step is one try to get from a phase to another, written when it begins
// and again when it has ended. Ended is zero while it runs, and stays zero if
// it was killed: the next command then knows which door it stood in.
type Step struct {
	ID       int64        `json:"id"`
	Command  string       `json:"command"`
	From     Phase        `json:"from"`
	To       Phase        `json:"to"`
	Began    time.Time    `json:"began"`
	Ended    time.Time    `json:"ended,omitzero"`
	Outcome  string       `json:"outcome"` // "" while it runs, "done", or a sentence
	Gates    []Result     `json:"gates"`
	Accepted []Acceptance `json:"accepted"`
}

// Stopped reports whether a gate has kept the step from doing anything.
func (s Step) Stopped() bool {
	return slices.ContainsFunc(s.Gates, func(g Result) bool { return g.Outcome == Refused || g.Outcome == NotMeasured })
}
