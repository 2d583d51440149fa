package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// A Record is everything that is remembered of a move: what the report is
// made of.
type Record struct {
	Status   Status
	Made     time.Time
	Plan     *Document                   // the last plan shown, nil before the first
	Provider string                      // its title, as people know it
	Steps    []step.Step                 // the oldest first
	Applied  []dnsplan.Change            // in effect, the oldest first
	Seen     map[dnsplan.Stage]time.Time // when every authoritative server last showed a stage
	Copies   []CopyRecord                // copies of all accounts, the oldest first
	Balance  *mailbox.Balance            // the last verify, nil if there was none
	Balanced time.Time                   // when Balance was measured
	Verdicts []DMARCRecord               // the oldest first
	Sweeps   []time.Time                 // sweeps that read every account
	Reports  *Reports                    // what the DMARC reports told last, nil before the first
}

// Record reads what is stored. It asks nobody and takes no lock.
func (m *Move) Record(ctx context.Context) (Record, error) {
	var rec Record
	err := m.read(ctx, func(r *run) (err error) {
		rec, err = r.record(ctx)
		return err
	})
	return rec, err
}

func (r *run) record(ctx context.Context) (Record, error) {
	rec := Record{Made: r.o.Clock.Now()}
	var err error
	if rec.Status, err = r.status(ctx); err != nil {
		return rec, err
	}
	if rec.Steps, err = r.state.Steps(ctx); err != nil {
		return rec, err
	}
	if rec.Applied, err = r.applied(ctx); err != nil {
		return rec, err
	}
	rec.Seen = make(map[dnsplan.Stage]time.Time)
	for _, stage := range dnsplan.Stages {
		seen, ok, err := r.state.Latest(ctx, seenStage, string(stage))
		if err != nil {
			return rec, err
		}
		if ok {
			rec.Seen[stage] = seen.At
		}
	}
	if _, doc, err := r.loadPlan(""); err == nil {
		rec.Plan = &doc
		rec.Provider = doc.Provider
		if p, _, err := r.provider(); err == nil { // its file may have gone since
			rec.Provider = p.Title
		}
	} else if !errors.As(err, new(*PhaseError)) && !errors.Is(err, fs.ErrNotExist) {
		return rec, err
	}
	if rec.Copies, err = all[CopyRecord](ctx, r, copyKind); err != nil {
		return rec, err
	}
	if rec.Verdicts, err = all[DMARCRecord](ctx, r, dmarcKind); err != nil {
		return rec, err
	}
	if rec.Reports, err = recall[Reports](ctx, r, reportsKind, ""); err != nil {
		return rec, err
	}
	last, ok, err := r.state.Latest(ctx, balanceKind, "")
	if err != nil {
		return rec, err
	}
	if ok {
		rec.Balance, rec.Balanced = new(mailbox.Balance), last.At
		if err := json.Unmarshal([]byte(last.Value), rec.Balance); err != nil {
			return rec, fmt.Errorf("observation %s: %w", balanceKind, err)
		}
	}
	sweeps, err := r.state.Observations(ctx, sweepKind, "")
	if err != nil {
		return rec, err
	}
	for _, s := range sweeps {
		rec.Sweeps = append(rec.Sweeps, s.At)
	}
	return rec, nil
}

// ReportPath returns where the report of the move lies, with an extension such
// as "html".
func (m *Move) ReportPath(ext string) string {
	return filepath.Join(m.Config.Dir, state.Dir, "report."+ext)
}

// balanceKind is the kind of observation that holds a Balance of all accounts.
const balanceKind = "balance"

// all reads every observation of a kind that remember has stored.
func all[T any](ctx context.Context, r *run, kind string) ([]T, error) {
	seen, err := r.state.Observations(ctx, kind, "")
	if err != nil {
		return nil, err
	}
	var vs []T
	for _, o := range seen {
		var v T
		if err := json.Unmarshal([]byte(o.Value), &v); err != nil {
			return nil, fmt.Errorf("observation %s of %s: %w", kind, stamp(o.At), err)
		}
		vs = append(vs, v)
	}
	return vs, nil
}
