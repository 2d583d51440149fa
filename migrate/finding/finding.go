// Package finding holds what mxmove has to say about a move: one sentence,
// its evidence and its remedy under a stable code. Every room makes findings,
// so this one lies on the lowest floor and imports nothing of ours.
package finding

// A Severity says what a finding does to the next step.
type Severity string

// The severities, from harmless to refusing.
const (
	Note  Severity = "note"  // worth knowing
	Warn  Severity = "warn"  // the move goes on, a person should look
	Block Severity = "block" // the next step is refused
)

// A Code names a kind of finding for good: MX and three digits. Scripts and
// acceptances refer to it, so a code is never given a second meaning.
type Code string

// A Finding is one thing that a person should know. The zero value says
// nothing and is never shown.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     Code     `json:"code"`
	Subject  string   `json:"subject"`  // what it is about: a name, an account, a gate
	Text     string   `json:"text"`     // one sentence
	Evidence []string `json:"evidence"` // what was seen, word for word; never nil in JSON
	Fix      string   `json:"fix"`      // what to do about it

	// Stage is the stage from which on a Block refuses, as prepare, switch,
	// retire or harden; empty: it refuses every stage. What an earlier stage
	// has to mend must not keep it from being published.
	Stage string `json:"stage,omitempty"`
}
