package migrate

import (
	"context"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/probe"
)

// proof returns what the probes since a time prove of all domains together.
func (r *run) proof(ctx context.Context, since time.Time) (*DMARCRecord, error) {
	records, err := all[DMARCRecord](ctx, r, dmarcKind)
	if err != nil {
		return nil, err
	}
	return weakest(records, r.domains(), since), nil
}

// weakest returns the verdict that decides for all: a domain is proved when a
// probe from it has passed and the last one from no address of it has failed.
// Nil means that nothing was sent at all. Domains below are judged where
// somebody asks, and decide nothing: they do not move.
func weakest(records []DMARCRecord, domains []string, since time.Time) *DMARCRecord {
	last := make(map[string]DMARCRecord)
	for _, rec := range records {
		if !rec.Time.Before(since) {
			last[strings.ToLower(rec.From)] = rec
		}
	}
	var worst *DMARCRecord
	for _, domain := range domains {
		rec := decides(last, domain)
		switch {
		case rec == nil && len(domains) == 1:
			return nil
		case rec == nil:
			rec = &DMARCRecord{From: "@" + domain, DMARC: string(probe.NotMeasured), Reasons: []string{"no message was sent from an address of " + domain}}
		}
		if worst == nil || worst.DMARC == string(probe.Pass) && rec.DMARC != worst.DMARC {
			worst = rec
		}
	}
	if len(last) == 0 {
		return nil
	}
	return worst
}

// decides returns the verdict that speaks for one domain, nil where none does.
func decides(last map[string]DMARCRecord, domain string) *DMARCRecord {
	var best *DMARCRecord
	for _, rec := range last {
		if domainOf(rec.From) != dmarc.Canonical(domain) {
			continue
		}
		if best == nil || rank(rec, *best) > 0 {
			best = &rec
		}
	}
	return best
}

// rank orders verdicts by how much they decide: those that do not pass first,
// of equals the later one, and then by the address, so that it is always the
// same one.
func rank(a, b DMARCRecord) int {
	pass := string(probe.Pass)
	if (a.DMARC == pass) != (b.DMARC == pass) {
		if b.DMARC == pass {
			return 1
		}
		return -1
	}
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	return strings.Compare(b.From, a.From)
}
