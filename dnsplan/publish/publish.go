// Package publish puts changes of a zone into effect, at whoever serves the
// zone. A publisher writes only over what the plan expects to find, and
// believes nothing but what it reads back.
package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// What publishing may end with, beside a StaleError and errors of the
// network.
var (
	// ErrRefused says that the publisher's server does not let us: a wrong
	// key, or no right to this zone.
	ErrRefused = errors.New("publish: refused")
	// ErrUnavailable says that the same call later may be right.
	ErrUnavailable = errors.New("publish: unavailable")
	// ErrNotApplied says that the server took the changes without an error
	// and yet shows something else.
	ErrNotApplied = errors.New("publish: not applied")
)

// A SheetError hands the changes to a person: nothing was written, and the
// sheet says what to type where.
type SheetError struct {
	Zone  string
	Sheet string // lines for a person
}

// Error says that a person is to write.
func (e *SheetError) Error() string {
	return "publish: the changes of " + e.Zone + " are to be typed by a person"
}

// A Publisher writes changes into one zone. Publish may be repeated: what is
// already as it shall be is left alone. It returns a *StaleError when an RRset
// is neither as the change expects it nor as it shall become, and then nothing
// of that RRset was written. A *SheetError leaves the writing to a person.
// After a nil error the publisher's own copy of the zone shows every change;
// other authoritative servers may still lag.
type Publisher interface {
	Publish(ctx context.Context, zone string, changes []dnsplan.Change) error
	Abilities() Abilities
}

// A Checker is a Publisher that can be asked for its rights without a change
// to the zone.
type Checker interface {
	Check(ctx context.Context, zone string) error
}

// A Lister is a Publisher that knows the whole zone, so that a snapshot need
// not guess names.
type Lister interface {
	List(ctx context.Context, zone string) (Listing, error)
}

// A Listing is a zone as its publisher has it. Opaque are the RRsets whose
// answers the publisher makes up when asked, such as aliases and proxied
// addresses: they are missing in the zone although name servers give an
// answer, and whoever takes a snapshot asks for them.
type Listing struct {
	Zone     zone.Zone
	Opaque   []zone.Key
	TTLFloor uint32 // the lowest TTL that this zone takes; 0: any
}

// A Reminder is a Publisher after which a person has something to do before
// the servers show the change. The text is one sentence.
type Reminder interface {
	Remind(zone string) string
}

// An Explainer is a Publisher that can say what went wrong when a server does
// not show what was wanted, such as a name that was typed in the wrong
// notation. It returns "" when nothing comes to mind.
type Explainer interface {
	Explain(ctx context.Context, zone string, d resolver.Difference) string
}

// Abilities say what a publisher can promise, so that the plan's words fit.
type Abilities struct {
	Name     string // the publisher's key in mxmove.yaml
	Swap     bool   // compares and writes in one operation
	Atomic   bool   // all changes of one call take effect together
	TTLFloor uint32 // the lowest TTL it accepts; 0: any
}

// A StaleError says that the zone is not as the plan expects it. Want is what
// the change expects, Got what is there; nil means absent.
type StaleError struct {
	Name string
	Type uint16
	Want *zone.RRset
	Got  *zone.RRset
}

// Error returns one sentence with what was expected and what is there.
func (e *StaleError) Error() string {
	return fmt.Sprintf("publish: %s %s is stale: want %s, got %s", e.Name, dns.TypeToString[e.Type], brief(e.Want), brief(e.Got))
}

// brief returns an RRset in one short line.
func brief(s *zone.RRset) string {
	if s == nil {
		return "nothing"
	}
	const most = 160
	line := strings.Join(s.Data, " | ")
	if len(line) > most {
		line = line[:most] + "..."
	}
	return fmt.Sprintf("%d %s", s.TTL, line)
}
