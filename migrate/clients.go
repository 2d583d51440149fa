package migrate

import (
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// detects reports whether people's mail programs ask a service of the
// provider's own for their server, which takes its time to notice a move.
func detects(provider string) bool { return provider == "microsoft365" }

// tellClients says what nobody can measure or mend from here: that programs
// go on finding the old server although the DNS is right.
func (r *run) tellClients(s *Status, phase step.Phase) {
	if phase != step.Switched && phase != step.Settled {
		return
	}
	p, _, err := r.provider()
	if err != nil || !detects(p.Name) { // a file that has gone is told elsewhere
		return
	}
	s.Yours = append(s.Yours, Yours{Code: finding.ClientCaches,
		Text: "a new profile of Outlook may show the old server for some days, although every record is right: mxmove explain " + string(finding.ClientCaches) + " tells the way round"})
}
