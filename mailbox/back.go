package mailbox

import "github.com/mxmove/mxmove/migrate/finding"

// pairsBack pairs for the way back: every mailbox that was paired on the way
// forth returns to where it came from, whatever rule had decided. What is new
// at the new server is translated by its name. The options are those of the
// way forth, with the listings' own namespaces.
func pairsBack(source, target []Mailbox, o PairOptions) ([]Pair, []finding.Finding) {
	forth := o
	forth.Source, forth.Target = o.Target, o.Source
	went, _ := Pairs(target, source, forth)
	origin := make(map[string]Pair)
	for _, p := range went {
		if _, taken := origin[p.TargetWire]; p.Skip == "" && !p.Create && !taken {
			origin[p.TargetWire] = p
		}
	}
	plain := PairOptions{Source: o.Source, Target: o.Target, Exclude: o.Exclude, Exchange: o.Exchange, Gmail: o.FromGmail}
	pairs, found := Pairs(source, target, plain)
	for i := range pairs {
		p := &pairs[i]
		from, ok := origin[p.SourceWire]
		switch {
		case ok:
			p.Target, p.TargetWire, p.Create, p.Subscribe = from.Source, from.SourceWire, false, false
			p.Rule, p.Skip = from.Rule, ""
		case o.Into != "" && p.Skip == "":
			p.Skip = "it is another account's" // this one was poured into a mailbox of it
		}
	}
	return pairs, found
}
