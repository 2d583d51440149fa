package export

import (
	"bytes"
	"fmt"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// fragment writes the RRsets as they are after the stage, complete and with
// absolute names, to be put in the place of what stands there. What goes
// stands in comments: a master file can only say what is there.
func fragment(b *bytes.Buffer, p dnsplan.Plan, stage dnsplan.Stage, _ []zone.Zone) error {
	ps, err := parts(p, stage)
	if err != nil {
		return err
	}
	for _, line := range heading(p, stage) {
		comment(b, ";", line)
	}
	comment(b, ";", "Each RRset stands here whole, in place of the one of its name and type.")
	comment(b, ";", "Remove the records that are commented out, and raise the serial of the SOA.")
	for _, q := range ps {
		fmt.Fprintf(b, "\n; zone %s\n", q.zone)
		for _, c := range q.changes {
			for _, line := range gone(c) {
				comment(b, ";-", line)
			}
			if c.After != nil {
				for _, line := range lines(*c.After) {
					b.WriteString(line + "\n")
				}
			}
		}
	}
	return nil
}

// gone returns the records that a change takes away, as lines. One that only
// gets another TTL does not go.
func gone(c dnsplan.Change) []string {
	if c.Before == nil {
		return nil
	}
	var old []string
	for i, line := range lines(*c.Before) {
		if c.After == nil || !holds(*c.After, c.Before.Data[i]) {
			old = append(old, line)
		}
	}
	return old
}

func holds(s zone.RRset, data string) bool {
	for _, d := range s.Data {
		if zone.EqualData(s.Type, d, data) {
			return true
		}
	}
	return false
}

// lines returns the records of a set as lines of a master file.
func lines(s zone.RRset) []string {
	ls := make([]string, 0, len(s.Data))
	for _, data := range s.Data {
		ls = append(ls, fmt.Sprintf("%s\t%d\tIN\t%s\t%s", s.Name, s.TTL, s.TypeName(), data))
	}
	return ls
}
