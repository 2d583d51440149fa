package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/migrate/config"
)

// A sight is the DNS side of a plan, and what it was made from, one for each
// domain.
type sight struct {
	views  []view
	inputs []dnsplan.Input
	plan   dnsplan.Plan
}

// build takes the snapshots and makes the plan of the DNS side from them.
func (r *run) build(ctx context.Context, p *provider.Provider, o PlanOptions) (sight, error) {
	var s sight
	var err error
	if s.views, err = r.look(ctx, p, lens{offline: o.Offline}); err != nil {
		return s, err
	}
	applied, err := r.applied(ctx)
	if err != nil {
		return s, err
	}
	for _, v := range s.views {
		in := dnsplan.Input{Domain: v.domain, Provider: p, Vars: r.vars(v.domain), Now: v.zone, Applied: applied, TTLFloor: v.floor}
		if in.Origin, err = r.origin(v, applied); err != nil {
			return s, err
		}
		if !o.Offline {
			client, err := r.client()
			if err != nil {
				return s, err
			}
			in.Lookup = lookup(ctx, client)
		}
		if err := r.hearPolicy(ctx, &in, o); err != nil {
			return s, err
		}
		s.inputs = append(s.inputs, in)
	}
	err = r.draw(p, &s)
	return s, err
}

// draw makes the plan from what was seen.
func (r *run) draw(p *provider.Provider, s *sight) (err error) {
	s.plan, err = dnsplan.Build(s.inputs, r.o.Clock.Now())
	if missing, ok := errors.AsType[*provider.VariableError](err); ok {
		return &config.Error{File: r.Config.File, Text: missing.Error(), Fix: "mxmove providers " + p.Name + " explains each variable", Err: err}
	}
	for _, v := range s.views {
		s.plan.Findings = append(s.plan.Findings, v.findings...)
	}
	return err
}

func (r *run) saveSnapshot(v view) error {
	data, err := json.Marshal(v.zone)
	if err != nil {
		return fmt.Errorf("snapshot of %s: %w", v.zone.Origin, err)
	}
	return r.state.SaveSnapshot(v.zone.Origin, data)
}
