// Package export writes one stage of a plan in the languages of those who keep
// their DNS as code: a fragment of a master file, a script for nsupdate,
// dnscontrol, octoDNS and Terraform. What a language cannot say, or would say
// to the harm of the zone, is refused with a sentence and nothing is written.
package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A Format is a language that a stage can be written in.
type Format string

// The formats, by the names that plan --format takes.
const (
	Fragment   Format = "zone"       // records of a master file, and as comments what goes
	NSUpdate   Format = "nsupdate"   // one update a zone, with prerequisites
	DNSControl Format = "dnscontrol" // dnsconfig.js with NO_PURGE
	OctoDNS    Format = "octodns"    // the whole zone as it is after the stage
	Terraform  Format = "terraform"  // resources of the provider hashicorp/dns
)

// Formats lists all formats, as they are shown.
var Formats = []Format{Fragment, NSUpdate, DNSControl, OctoDNS, Terraform}

// Why a stage is not written.
var (
	// ErrFormat says that there is no such format or stage.
	ErrFormat = errors.New("export: unknown")
	// ErrCoverage says that the zone is not known well enough for the format.
	ErrCoverage = errors.New("export: zone not known whole")
	// ErrInexpressible says that the format has no form for a record, or none
	// that its tool would carry out rightly.
	ErrInexpressible = errors.New("export: cannot be expressed")
)

// writers are the formats' functions. Each gets the changes of the stage by
// zone.
var writers = map[Format]func(*bytes.Buffer, dnsplan.Plan, dnsplan.Stage, []zone.Zone) error{
	Fragment: fragment, NSUpdate: nsupdate, DNSControl: dnscontrol, OctoDNS: octodns, Terraform: terraform,
}

// Write writes one stage of p. The zones are those that the plan was made for,
// as they are now; OctoDNS alone needs them, since it says the whole zone. The
// result is ASCII, the same for the same plan, and complete: after an error
// nothing was written.
func Write(w io.Writer, f Format, p dnsplan.Plan, stage dnsplan.Stage, zones []zone.Zone) error {
	write, ok := writers[f]
	if !ok {
		return fmt.Errorf("%w format %q", ErrFormat, f)
	}
	if !slices.Contains(dnsplan.Stages, stage) {
		return fmt.Errorf("%w stage %q", ErrFormat, stage)
	}
	var b bytes.Buffer
	if err := write(&b, p, stage, zones); err != nil {
		return err
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", f, err)
	}
	return nil
}

// A part is what a stage changes in one zone.
type part struct {
	zone    string
	changes []dnsplan.Change
}

// parts returns the changes of a stage by zone, in the order of the plan, with
// every RRset in its normal form. Plans are read from files too: what is no
// record of its type or no name goes no further.
func parts(p dnsplan.Plan, stage dnsplan.Stage) ([]part, error) {
	var ps []part
	for _, c := range p.Stage(stage) {
		c, err := checked(c)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(ps, func(q part) bool { return q.zone == c.Zone })
		if i < 0 {
			i = len(ps)
			ps = append(ps, part{zone: c.Zone})
		}
		ps[i].changes = append(ps[i].changes, c)
	}
	return ps, nil
}

func checked(c dnsplan.Change) (dnsplan.Change, error) {
	if c.Before == nil && c.After == nil {
		return c, fmt.Errorf("%w: a change without an RRset", ErrInexpressible)
	}
	c.Zone = zone.Canonical(c.Zone)
	if !whole(c.Zone) || !zone.Within(c.RRset().Name, c.Zone) {
		return c, fmt.Errorf("%w: %q lies outside of zone %q", ErrInexpressible, c.RRset().Name, c.Zone)
	}
	for _, side := range []**zone.RRset{&c.Before, &c.After} {
		if *side == nil {
			continue
		}
		set, err := normal(**side)
		if err != nil {
			return c, err
		}
		*side = &set
	}
	return c, nil
}

// normal returns an RRset as the library prints it after reading it: nothing
// in it can end a line or begin another record.
func normal(s zone.RRset) (zone.RRset, error) {
	if !whole(s.Name) {
		return s, fmt.Errorf("%w: %q is not a name", ErrInexpressible, s.Name)
	}
	rrs, err := s.RRs()
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrInexpressible, err)
	}
	sets := zone.FromRRs(rrs)
	if len(sets) != 1 {
		return s, fmt.Errorf("%w: %s has no data", ErrInexpressible, s.Key())
	}
	return sets[0], nil
}

// whole reports whether a name can stand in a line of a master file.
func whole(name string) bool {
	_, ok := dns.IsDomainName(name)
	return ok && dns.IsFqdn(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"();$@`, r)
	})
}

// heading returns the lines that every form begins with.
func heading(p dnsplan.Plan, stage dnsplan.Stage) []string {
	lines := []string{fmt.Sprintf("stage %s of the move of %s to %s, planned %s",
		stage, p.Domain, p.Provider, p.Made.UTC().Format("2006-01-02 15:04:05 UTC"))}
	for _, before := range dnsplan.Stages[:slices.Index(dnsplan.Stages, stage)] {
		if len(p.Stage(before)) > 0 {
			lines = append(lines, fmt.Sprintf("the stage %s comes first, and is not published yet", before))
		}
	}
	if w := p.Wait(stage); w.Length > 0 {
		lines = append(lines, fmt.Sprintf("not before %s have passed since the stage before was seen everywhere: %s", w.Length, w.Because))
	}
	return lines
}

// comment writes text as a line comment. Nothing in it can end the line.
func comment(b *bytes.Buffer, mark, text string) {
	b.WriteString(mark)
	b.WriteByte(' ')
	b.WriteString(ascii(strings.ReplaceAll(text, "\t", " ")))
	b.WriteByte('\n')
}

// ascii escapes what is not printable.
func ascii(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			fmt.Fprintf(&b, "\\%03d", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
