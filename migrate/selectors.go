package migrate

import (
	"context"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox"
)

// probed lists the domains of whose zones only the names are known that were
// asked for: their DKIM keys have to be heard of elsewhere.
func probed(inputs []dnsplan.Input) []string {
	var domains []string
	for _, in := range inputs {
		if !in.Now.Coverage.Complete() {
			domains = append(domains, strings.TrimSuffix(zone.Canonical(in.Domain), "."))
		}
	}
	return domains
}

// unheard lists the names of keys that mail says it is signed with and that
// the zones do not show.
func unheard(selectors []mailbox.Selector, inputs []dnsplan.Input) []string {
	var names []string
	for _, s := range selectors {
		i := slices.IndexFunc(inputs, func(in dnsplan.Input) bool { return zone.Canonical(in.Domain) == zone.Canonical(s.Domain) })
		if i >= 0 && len(inputs[i].Now.At(s.Owner())) == 0 {
			names = append(names, s.Owner())
		}
	}
	return names
}

// lookAgain takes the snapshot once more and asks for further names. Where
// some of them exist it makes the plan anew: what stands under them is kept,
// counted, or in the way.
func (r *run) lookAgain(ctx context.Context, p *provider.Provider, names []string, s sight) (sight, error) {
	if len(names) == 0 {
		return s, nil
	}
	views, err := r.look(ctx, p, lens{names: names})
	if err != nil {
		return s, err
	}
	for i, v := range views {
		s.inputs[i].Now = v.zone
		if s.inputs[i].Origin, err = r.origin(v, s.inputs[i].Applied); err != nil {
			return s, err
		}
	}
	s.views = views
	err = r.draw(p, &s)
	return s, err
}
