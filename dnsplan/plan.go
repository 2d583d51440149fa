// Package dnsplan turns a domain's zone as it was and as it is, and what the
// provider needs, into a staged plan of changes. It is pure: it never asks
// the network, the file system or the clock.
package dnsplan

import (
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A Stage is a group of changes that are published together.
type Stage string

// The stages in their order.
const (
	Prepare Stage = "prepare" // additive: TTLs, verification, SPF overlap, DKIM
	Switch  Stage = "switch"  // the MX and what must move with it
	Retire  Stage = "retire"  // what only the old server needed
	Harden  Stage = "harden"  // policies up again, on evidence
)

// Stages lists all stages in their order.
var Stages = []Stage{Prepare, Switch, Retire, Harden}

// Refuses reports whether a finding keeps a stage from being published. One
// that blocks from a stage on lets the earlier ones pass; a stage that this
// program does not know refuses everything.
func (s Stage) Refuses(f finding.Finding) bool {
	from := slices.Index(Stages, Stage(f.Stage))
	return f.Severity == finding.Block && slices.Index(Stages, s) >= from
}

// An Action is what a change does to its RRset.
type Action string

// The actions; a change of the TTL alone is an Update.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// A Change is one RRset as it is expected to be and as it shall be. Before is
// nil for a Create, After for a Delete, never both.
type Change struct {
	Zone   string // apex of the zone that holds the RRset, with the final dot
	Stage  Stage
	Action Action
	Before *zone.RRset
	After  *zone.RRset
	Why    string // one sentence
}

// Reverse returns the change that takes c back: undoing is no invention of
// its own.
func (c Change) Reverse() Change {
	r := c
	r.Before, r.After = c.After, c.Before
	switch c.Action {
	case Create:
		r.Action = Delete
	case Delete:
		r.Action = Create
	}
	return r
}

// RRset returns the side of the change that exists, After before Before: the
// name and type that the change is about.
func (c Change) RRset() zone.RRset {
	if c.After != nil {
		return *c.After
	}
	return *c.Before
}

// A Wait is the time that has to pass before a stage, counted from the moment
// every authoritative server shows the stage before it.
//
// Until is a moment before which the stage is not due, whenever the stage
// before it was seen: something that was served in the past binds senders for
// a known time. The zero time binds nobody.
//
// Names is the part of Length that a name takes which the stage before has
// created: caches may remember that it was not there. A name that is created
// later than the rest is waited for by itself.
type Wait struct {
	Stage   Stage // the stage that has to wait
	Length  time.Duration
	Names   time.Duration
	Until   time.Time
	Because string // one sentence for each reason
}

// Due returns when the stage may be published, if the stage before it was
// seen on every authoritative server at that time.
func (w Wait) Due(seen time.Time) time.Time {
	if at := seen.Add(w.Length); at.After(w.Until) {
		return at
	}
	return w.Until
}

// A Plan is what moving a domain's DNS takes. Base holds the RRsets that the
// plan reads or changes, as they are now: the plan is stale when one of these
// differs live, not when anything in the zone moved.
type Plan struct {
	Version      int
	Domain       string
	AliasDomains []string
	Provider     string
	Made         time.Time
	Base         []zone.RRset
	Changes      []Change
	Waits        []Wait
	Findings     []finding.Finding
}
