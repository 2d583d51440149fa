package report

import (
	"fmt"
	"slices"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/probe"
)

// A probed is one probe with its verdict.
type probed struct {
	migrate.DMARCRecord
	Early bool // from before the switch
	Tone  tone
}

// Word is the outcome as a person reads it.
func (p probed) Word() string {
	if p.DMARC == string(probe.NotMeasured) || p.DMARC == "" {
		return "not measured"
	}
	return p.DMARC
}

// Identifiers lists SPF and every signature of the message.
func (p probed) Identifiers() []identifier {
	if p.Verdict == nil {
		return nil
	}
	s := p.Verdict.SPF
	ids := []identifier{{"SPF", s.Domain, s.IP, s.Result, s.Aligned, s.Text}}
	for _, k := range p.Verdict.DKIM {
		detail := "selector " + k.Selector
		if k.Algorithm != "" {
			detail += ", " + k.Algorithm
		}
		if k.Bits > 0 {
			detail += fmt.Sprintf(", %d bit", k.Bits)
		}
		if k.Old {
			detail += ", of the old server"
		}
		ids = append(ids, identifier{"DKIM", k.Domain, detail, k.Result, k.Aligned, k.Text})
	}
	return ids
}

// An identifier is a domain that a message is authenticated by.
type identifier struct {
	Method, Domain, Detail, Result string
	Aligned                        bool
	Text                           string
}

// Tone is good for what would carry a pass by itself.
func (i identifier) Tone() tone {
	switch {
	case i.Result == "pass" && i.Aligned:
		return good
	case i.Result == string(probe.NotMeasured) || i.Result == "":
		return unknown
	case i.Result == "fail" || i.Result == "permerror":
		return bad
	}
	return care
}

// Word is the result as a person reads it.
func (i identifier) Word() string {
	switch i.Result {
	case string(probe.NotMeasured), "":
		return "not measured"
	}
	if i.Aligned {
		return i.Result + ", aligned"
	}
	return i.Result + ", not aligned"
}

// probes returns the probes, the last one first.
func probes(d Document) []probed {
	var all []probed
	for _, v := range slices.Backward(d.Verdicts) {
		p := probed{DMARCRecord: v, Tone: bad}
		at := d.switchedAt()
		p.Early = at == nil || v.Time.Before(*at)
		switch p.DMARC {
		case string(probe.Pass):
			p.Tone = good
			if p.Early {
				p.Tone = plain
			}
		case string(probe.NotMeasured), "":
			p.Tone = unknown
		case string(probe.TempError), string(probe.None):
			p.Tone = care
		}
		all = append(all, p)
	}
	return all
}
