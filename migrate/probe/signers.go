package probe

import (
	"context"
	"fmt"
	"slices"

	"github.com/mxmove/mxmove/migrate/finding"
)

// Signers says who a message claims to be from, and who has signed it. The
// zero value is a message that nobody vouches for.
type Signers struct {
	From       string   // the domain in the From header, empty where it names no one domain
	Passed     []string // the domains whose signature is valid
	Unanswered []string // the domains whose key could not be asked for: later may be better
}

// SignersOf verifies the signatures of a message as Judge does, and asks for
// nothing but their keys: whether the domains may speak for From is left to
// the caller. Errors are those of Judge.
func SignersOf(ctx context.Context, msg []byte, dns Resolver) (Signers, error) {
	m, err := readMessage(msg)
	if err != nil {
		return Signers{}, err
	}
	j := &judge{m: m, ask: &asker{resolver: dns, left: maxQueries}, v: Verdict{Findings: []finding.Finding{}}}
	var s Signers
	// Without an author a signature says nothing of whom the message is from.
	if s.From, err = m.author(); err != nil {
		return Signers{}, nil
	}
	for _, d := range j.signatures(ctx) {
		list := &s.Passed
		switch {
		case d.Result == "temperror":
			list = &s.Unanswered
		case d.Result != "pass":
			continue
		}
		if d.Domain != "" && !slices.Contains(*list, d.Domain) {
			*list = append(*list, d.Domain)
		}
	}
	if ctx.Err() != nil {
		return Signers{}, fmt.Errorf("signers of a message: %w", context.Cause(ctx))
	}
	return s, nil
}
