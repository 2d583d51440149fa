package export

import (
	"bytes"
	"fmt"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// nsupdate writes one update for each zone: every RRset as the plan expects
// it as a prerequisite (RFC 2136, section 2.4), then all deletions, then all
// additions. That order lets a CNAME take the place of other types. A zone
// that has moved on since the plan refuses the whole message.
func nsupdate(b *bytes.Buffer, p dnsplan.Plan, stage dnsplan.Stage, _ []zone.Zone) error {
	ps, err := parts(p, stage)
	if err != nil {
		return err
	}
	for _, line := range heading(p, stage) {
		comment(b, ";", line)
	}
	comment(b, ";", "nsupdate -v -k KEYFILE THIS: all of a zone or nothing; NXRRSET and YXRRSET mean that the zone is not as planned.")
	for _, q := range ps {
		fmt.Fprintf(b, "\nzone %s\n", q.zone)
		for _, c := range q.changes {
			demand(b, c)
		}
		for _, c := range q.changes {
			if c.Before != nil {
				fmt.Fprintf(b, "update delete %s IN %s\n", c.Before.Name, c.Before.TypeName())
			}
		}
		for _, c := range q.changes {
			if c.After == nil {
				continue
			}
			for _, data := range c.After.Data {
				fmt.Fprintf(b, "update add %s %d IN %s %s\n", c.After.Name, c.After.TTL, c.After.TypeName(), data)
			}
		}
		b.WriteString("send\n")
	}
	return nil
}

// demand writes the prerequisite of a change. The server compares a set as a
// whole, and TXT string by string, so the data is as it was served.
func demand(b *bytes.Buffer, c dnsplan.Change) {
	if c.Before == nil {
		fmt.Fprintf(b, "prereq nxrrset %s IN %s\n", c.After.Name, c.After.TypeName())
		return
	}
	for _, data := range c.Before.Data {
		fmt.Fprintf(b, "prereq yxrrset %s IN %s %s\n", c.Before.Name, c.Before.TypeName(), data)
	}
}
