package mailbox

// A Tally says what became of the messages of a source mailbox. Messages is
// always the sum of the rest: every message is in exactly one state.
type Tally struct {
	Messages int `json:"messages"`
	Copied   int `json:"copied"`  // at the target, sent by us
	Present  int `json:"present"` // at the target without our doing
	Merged   int `json:"merged"`  // the target keeps one of several identical ones
	Skipped  int `json:"skipped"` // left out by rule
	Refused  int `json:"refused"` // the target does not take it; kept as a file
	Gone     int `json:"gone"`    // moved or deleted at the target by the user, after the switch
	New      int `json:"new"`     // arrived after the last inventory
	Doubt    int `json:"doubt"`   // nobody knows yet
	Missing  int `json:"missing"` // not at the target
}

// Add returns the sum of two tallies.
func (t Tally) Add(u Tally) Tally {
	t.Messages += u.Messages
	t.Copied += u.Copied
	t.Present += u.Present
	t.Merged += u.Merged
	t.Skipped += u.Skipped
	t.Refused += u.Refused
	t.Gone += u.Gone
	t.New += u.New
	t.Doubt += u.Doubt
	t.Missing += u.Missing
	return t
}

// Settled returns the number of messages whose state is known and needs no
// further run.
func (t Tally) Settled() int { return t.Messages - t.New - t.Doubt - t.Missing }

// sum adds the states up, which is what Messages has to be.
func (t Tally) sum() int {
	return t.Copied + t.Present + t.Merged + t.Skipped + t.Refused + t.Gone + t.New + t.Doubt + t.Missing
}
