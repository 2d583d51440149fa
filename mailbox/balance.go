package mailbox

import (
	"encoding/json"
	"fmt"
)

// A Balance is what Verify found. It marshals to the document of verify --json.
type Balance struct {
	Version  int              `json:"version"`
	Accounts []AccountBalance `json:"accounts"`
	Balanced bool             `json:"balanced"` // nothing is missing, in doubt, different or unread
}

// An AccountBalance is the balance of one account.
type AccountBalance struct {
	Address   string           `json:"address"`
	Mailboxes []MailboxBalance `json:"mailboxes"`        // never nil in JSON
	Unread    string           `json:"unread,omitempty"` // why the account could not be read at all
	Err       error            `json:"-"`                // the error behind Unread
}

// A MailboxBalance is the balance of one pair of mailboxes.
type MailboxBalance struct { //nolint:revive // beside Balance and AccountBalance the name is the plain one
	Source, Target string
	Tally
	Extra    int    // at the target only
	Repaired int    // stored with a minimal repair
	Differs  int    // found different by content; each stands under its state too
	Unread   string // why the mailbox could not be read; Messages and Doubt are then what STATUS said
	Unknown  bool   // with Unread: STATUS said nothing either
	Skip     string // why the mailbox is left out as a whole
	Err      error  // the error behind Unread
}

// Balanced reports whether every message of the mailbox is accounted for.
func (m MailboxBalance) Balanced() bool {
	return m.Unread == "" && m.Missing == 0 && m.Doubt == 0 && m.Differs == 0
}

// Tally returns the sum over all mailboxes.
func (b Balance) Tally() Tally {
	var t Tally
	for _, a := range b.Accounts {
		for _, m := range a.Mailboxes {
			t = t.Add(m.Tally)
		}
	}
	return t
}

// Extra returns the number of messages that are at the target only.
func (b Balance) Extra() int {
	n := 0
	for _, a := range b.Accounts {
		for _, m := range a.Mailboxes {
			n += m.Extra
		}
	}
	return n
}

// Repaired returns the number of messages that are at the target with a repair.
func (b Balance) Repaired() int {
	n := 0
	for _, a := range b.Accounts {
		for _, m := range a.Mailboxes {
			n += m.Repaired
		}
	}
	return n
}

// Unread returns the number of mailboxes and accounts that could not be read.
func (b Balance) Unread() int {
	n := 0
	for _, a := range b.Accounts {
		if a.Unread != "" {
			n++
		}
		for _, m := range a.Mailboxes {
			if m.Unread != "" {
				n++
			}
		}
	}
	return n
}

// balanced decides what Balanced says.
func (b Balance) balanced() bool {
	for _, a := range b.Accounts {
		if a.Unread != "" {
			return false
		}
		for _, m := range a.Mailboxes {
			if !m.Balanced() {
				return false
			}
		}
	}
	return true
}

// A mailboxDocument is a MailboxBalance as JSON.
type mailboxDocument struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	Messages *int   `json:"messages"`
	Copied   int    `json:"copied"`
	Present  int    `json:"present"`
	Merged   int    `json:"merged"`
	Skipped  int    `json:"skipped"`
	Refused  int    `json:"refused"`
	Gone     int    `json:"gone"`
	New      int    `json:"new"`
	Doubt    *int   `json:"doubt"`
	Missing  int    `json:"missing"`
	Extra    int    `json:"extra"`
	Repaired int    `json:"repaired"`
	Differs  int    `json:"differs"`
	Unread   string `json:"unread,omitempty"`
	Skip     string `json:"skip,omitempty"`
}

// MarshalJSON implements json.Marshaler: what is not known is null, not 0.
func (m MailboxBalance) MarshalJSON() ([]byte, error) {
	known := func(n int) *int {
		if m.Unknown {
			return nil
		}
		return &n
	}
	return json.Marshal(mailboxDocument{
		m.Source, m.Target, known(m.Messages), m.Copied, m.Present, m.Merged, m.Skipped, m.Refused,
		m.Gone, m.New, known(m.Doubt), m.Missing, m.Extra, m.Repaired, m.Differs, m.Unread, m.Skip,
	})
}

// UnmarshalJSON reads what MarshalJSON writes: a null is not known, not 0.
func (m *MailboxBalance) UnmarshalJSON(text []byte) error {
	var d mailboxDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("balance of a mailbox: %w", err)
	}
	*m = MailboxBalance{
		Source: d.Source, Target: d.Target, Extra: d.Extra, Repaired: d.Repaired, Differs: d.Differs,
		Unread: d.Unread, Unknown: d.Messages == nil || d.Doubt == nil, Skip: d.Skip,
		Tally: Tally{
			Copied: d.Copied, Present: d.Present, Merged: d.Merged, Skipped: d.Skipped, Refused: d.Refused,
			Gone: d.Gone, New: d.New, Missing: d.Missing,
		},
	}
	if !m.Unknown {
		m.Messages, m.Doubt = *d.Messages, *d.Doubt
	}
	return nil
}
