package mailbox

import (
	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A Pair is a source mailbox and where its messages go.
type Pair struct {
	Source     string           `json:"source"` // as people see it
	SourceWire string           `json:"-"`      // as the server writes it
	Target     string           `json:"target"` // as people see it
	TargetWire string           `json:"-"`      // as the server writes it; empty when it is to be created
	Use        imap.MailboxAttr `json:"use,omitempty"`
	Rule       string           `json:"rule"`   // what decided: inbox, special-use, name, explicit, same, parent
	Create     bool             `json:"create"` // does not exist at the target yet
	Subscribed bool             `json:"subscribed"`
	Skip       string           `json:"skip,omitempty"` // why the mailbox is left out; empty when it is copied
}

// PairOptions say how names are translated.
type PairOptions struct {
	Source, Target imapconn.Namespaces
	Into           string                      // parent of everything at the target
	Exclude        []string                    // special uses or names
	Mailboxes      map[string]string           // explicit pairs
	Names          map[imap.MailboxAttr]string // the provider's names of special mailboxes
	Reserved       []string                    // names that cannot be created at the target
}

// Pairs decides for every source mailbox where its messages go, in the order
// of the source's names. It asks nobody: collisions and names that will not
// fit are found before anything is copied.
func Pairs(source, target []Mailbox, o PairOptions) ([]Pair, []finding.Finding) {
	return nil, nil
}
