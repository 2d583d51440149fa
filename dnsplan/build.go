package dnsplan

import (
	"errors"
	"time"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// An Input is one domain to plan for.
type Input struct {
	Domain   string // A-label
	Provider *provider.Provider
	Vars     provider.Vars
	Origin   zone.Zone  // first snapshot, equal to Now at the first plan
	Now      zone.Zone  // latest snapshot
	Applied  []Change   // what was applied since Origin, in order
	Lookup   spf.Lookup // the live DNS outside of the zone; nil: what needs it is not measured
	TTL      uint32     // TTL to lower to before the switch; 0 means 300
	TTLFloor uint32     // the least TTL that the publisher takes
	Policy   string     // text of the MTA-STS policy as served; "" means not fetched
}

// Build makes the plan of a move: what each domain's zone lacks to live at
// the provider, in stages. The first input is the domain itself, the others
// are its alias domains. It returns an error when there is nothing to plan
// with, such as a *provider.VariableError; what stands in the way of the move
// itself is a finding of the plan.
func Build(inputs []Input, made time.Time) (Plan, error) {
	return Plan{}, errors.ErrUnsupported
}
