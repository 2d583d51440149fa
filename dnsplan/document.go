package dnsplan

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// Version is the version of plans that this program writes, and the newest
// that it reads.
const Version = 1

// ErrVersion is returned for a plan written by a newer program.
var ErrVersion = errors.New("dnsplan: the plan was written by a newer mxmove; use that one, or plan again")

// ErrPlan is wrapped when a document is not a plan.
var ErrPlan = errors.New("dnsplan: not a plan")

// A Document is a plan as JSON. It has no methods of its own for marshalling,
// so that a struct that embeds it can add fields.
type Document struct {
	Version      int               `json:"version"`
	Domain       string            `json:"domain"`
	AliasDomains []string          `json:"alias_domains"`
	Provider     string            `json:"provider"`
	Made         time.Time         `json:"made"`
	Base         []zone.RRset      `json:"base"`
	Stages       []StageDocument   `json:"stages"` // all of them, in order
	Findings     []finding.Finding `json:"findings"`
	Summary      Summary           `json:"summary"`
}

// A StageDocument is a stage as JSON.
type StageDocument struct {
	Stage       Stage            `json:"stage"`
	WaitSeconds int64            `json:"wait_seconds"`
	NameSeconds int64            `json:"name_seconds,omitempty"` // the part of it that a new name takes
	NotBefore   *time.Time       `json:"not_before"`             // null until the stage before was seen everywhere
	Until       *time.Time       `json:"until,omitempty"`
	Because     string           `json:"because"`
	Changes     []ChangeDocument `json:"changes"`
}

// A ChangeDocument is a change as JSON.
type ChangeDocument struct {
	Zone   string         `json:"zone"`
	Action Action         `json:"action"`
	Name   string         `json:"name"`
	Type   string         `json:"type"`
	Before *RRsetDocument `json:"before"`
	After  *RRsetDocument `json:"after"`
	Why    string         `json:"why"`
}

// An RRsetDocument is one side of a change as JSON.
type RRsetDocument struct {
	TTL  uint32   `json:"ttl"`
	Data []string `json:"data"`
}

// A Summary counts changes by action and findings by severity.
type Summary struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Delete int `json:"delete"`
	Block  int `json:"block"`
	Warn   int `json:"warn"`
}

// Summary counts the changes and findings of p.
func (p Plan) Summary() Summary {
	var s Summary
	for _, c := range p.Changes {
		switch c.Action {
		case Create:
			s.Create++
		case Update:
			s.Update++
		case Delete:
			s.Delete++
		}
	}
	for _, f := range p.Findings {
		switch f.Severity {
		case finding.Block:
			s.Block++
		case finding.Warn:
			s.Warn++
		}
	}
	return s
}

// Document returns p as a document, without a null where a list belongs.
func (p Plan) Document() Document {
	d := Document{
		Version: p.Version, Domain: p.Domain, Provider: p.Provider, Made: p.Made.UTC(),
		AliasDomains: append([]string{}, p.AliasDomains...),
		Base:         append([]zone.RRset{}, p.Base...),
		Findings:     append([]finding.Finding{}, p.Findings...),
		Summary:      p.Summary(),
	}
	for i, f := range d.Findings {
		d.Findings[i].Evidence = append([]string{}, f.Evidence...)
	}
	for _, s := range Stages {
		w := p.Wait(s)
		sd := StageDocument{Stage: s, WaitSeconds: int64(w.Length / time.Second), NameSeconds: int64(w.Names / time.Second), Because: w.Because, Changes: []ChangeDocument{}}
		if !w.Until.IsZero() {
			until := w.Until.UTC()
			sd.Until = &until
		}
		for _, c := range p.Stage(s) {
			sd.Changes = append(sd.Changes, c.document())
		}
		d.Stages = append(d.Stages, sd)
	}
	return d
}

func (c Change) document() ChangeDocument {
	s := c.RRset()
	return ChangeDocument{
		Zone: c.Zone, Action: c.Action, Name: s.Name, Type: s.TypeName(),
		Before: side(c.Before), After: side(c.After), Why: c.Why,
	}
}

func side(s *zone.RRset) *RRsetDocument {
	if s == nil {
		return nil
	}
	return &RRsetDocument{TTL: s.TTL, Data: append([]string{}, s.Data...)}
}

// Plan returns the plan of a document, checked: what does not fit together
// wraps ErrPlan, a newer version is ErrVersion.
func (d Document) Plan() (Plan, error) {
	if d.Version > Version {
		return Plan{}, ErrVersion
	}
	if d.Version < 1 || d.Domain == "" {
		return Plan{}, ErrPlan
	}
	p := Plan{
		Version: d.Version, Domain: d.Domain, AliasDomains: d.AliasDomains, Provider: d.Provider,
		Made: d.Made, Base: d.Base, Findings: d.Findings,
	}
	for _, sd := range d.Stages {
		if !slices.Contains(Stages, sd.Stage) || sd.WaitSeconds < 0 || sd.WaitSeconds > maxWait || sd.NameSeconds < 0 || sd.NameSeconds > maxWait {
			return Plan{}, fmt.Errorf("%w: stage %q", ErrPlan, sd.Stage)
		}
		if sd.WaitSeconds > 0 || sd.Because != "" || sd.Until != nil {
			w := Wait{Stage: sd.Stage, Length: time.Duration(sd.WaitSeconds) * time.Second, Names: time.Duration(sd.NameSeconds) * time.Second, Because: sd.Because}
			if sd.Until != nil {
				w.Until = sd.Until.UTC()
			}
			p.Waits = append(p.Waits, w)
		}
		for _, cd := range sd.Changes {
			c, err := cd.change(sd.Stage)
			if err != nil {
				return Plan{}, err
			}
			p.Changes = append(p.Changes, c)
		}
	}
	return p, nil
}

// maxWait is far above the longest TTL, which is 68 years.
const maxWait = 1 << 32

func (d ChangeDocument) change(stage Stage) (Change, error) {
	c := Change{Zone: zone.Canonical(d.Zone), Stage: stage, Action: d.Action, Why: d.Why}
	typ, err := zone.ParseType(d.Type)
	if err != nil {
		return Change{}, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if !zone.Within(d.Name, d.Zone) {
		return Change{}, fmt.Errorf("%w: %q lies outside of its zone", ErrPlan, d.Name)
	}
	for _, s := range []struct {
		from *RRsetDocument
		to   **zone.RRset
	}{{d.Before, &c.Before}, {d.After, &c.After}} {
		if s.from == nil {
			continue
		}
		set := zone.RRset{Name: zone.Canonical(d.Name), Type: typ, TTL: s.from.TTL, Data: s.from.Data}
		if _, err := set.RRs(); err != nil || len(set.Data) == 0 {
			return Change{}, fmt.Errorf("%w: %s %s: %w", ErrPlan, d.Name, d.Type, errors.Join(err, errNoData(set)))
		}
		*s.to = &set
	}
	if want := c.action(); want == "" || want != d.Action {
		return Change{}, fmt.Errorf("%w: %s %s: before and after are not those of %q", ErrPlan, d.Name, d.Type, d.Action)
	}
	return c, nil
}

func errNoData(s zone.RRset) error {
	if len(s.Data) > 0 {
		return nil
	}
	return errors.New("no data")
}

// action returns the action that fits the two sides.
func (c Change) action() Action {
	switch {
	case c.Before == nil && c.After == nil:
		return ""
	case c.Before == nil:
		return Create
	case c.After == nil:
		return Delete
	}
	return Update
}

// MarshalJSON writes the Document of p.
func (p Plan) MarshalJSON() ([]byte, error) { return json.Marshal(p.Document()) }

// UnmarshalJSON reads what MarshalJSON writes. Fields that it does not know
// are left out, as long as the version is known.
func (p *Plan) UnmarshalJSON(text []byte) error {
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if v.Version > Version {
		return ErrVersion
	}
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	r, err := d.Plan()
	if err != nil {
		return err
	}
	*p = r
	return nil
}
