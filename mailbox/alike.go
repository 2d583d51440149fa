package mailbox

import "github.com/mxmove/mxmove/mailbox/internal/wire"

// join leads a pair whose mailbox is to be created into one whose name differs
// only in case: one that the target lists, or that one of the pairs before has
// made. Exchange and others take such names for one. A copier knows it when
// the target says of a name that it does not list that it is there; one that
// only reads has to look there, since nothing of the pair can be elsewhere.
func (p *Pair) join(before []*Pair) {
	to := p.alike
	for _, q := range before {
		if to == "" && q.TargetWire != p.TargetWire && fold(q.Target) == fold(p.Target) {
			to = q.TargetWire
		}
	}
	if p.Create && to != "" {
		p.Target, p.TargetWire, p.Create = wire.DecodeName(to), to, false
	}
}
