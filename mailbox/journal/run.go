package journal

import (
	"context"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
)

// An Outcome says how a message came to be at the target.
type Outcome string

// The outcomes of a run of messages.
const (
	Copied  Outcome = "copied"  // sent by us
	Present Outcome = "present" // found there, sent by somebody else or by a run that is forgotten
)

// A Run is a number of messages with consecutive UIDs on both sides. Target
// is 0 when the target's UIDs are not known.
type Run struct {
	Source, Target imap.UID
	Count          uint32
	Outcome        Outcome
}

// Runs are the runs of a page, ordered by source UID and without overlap.
type Runs []Run

// Find returns the run that holds a source UID, and the message's UID at the
// target, 0 when that is not known.
func (rs Runs) Find(uid imap.UID) (run Run, target imap.UID, ok bool) {
	i, exact := slices.BinarySearchFunc(rs, uid, func(r Run, uid imap.UID) int {
		return compare(r.Source, uid)
	})
	if !exact {
		i--
	}
	if i < 0 || uint64(uid) >= uint64(rs[i].Source)+uint64(rs[i].Count) {
		return Run{}, 0, false
	}
	run = rs[i]
	if run.Target != 0 {
		target = run.Target + uid - run.Source
	}
	return run, target, true
}

// Messages returns how many messages the runs hold.
func (rs Runs) Messages() int {
	n := 0
	for _, r := range rs {
		n += int(r.Count)
	}
	return n
}

// Add returns the runs with further ones, in order; neighbours are joined.
func (rs Runs) Add(more ...Run) Runs {
	all := append(slices.Clone(rs), more...)
	slices.SortStableFunc(all, func(a, b Run) int { return compare(a.Source, b.Source) })
	out := all[:0]
	for _, r := range all {
		if n := len(out); n > 0 && out[n-1].continues(r) {
			out[n-1].Count += r.Count
			continue
		}
		out = append(out, r)
	}
	return slices.Clip(out)
}

// Without returns the runs less some source UIDs.
func (rs Runs) Without(gone func(imap.UID) bool) Runs {
	var out Runs
	for _, r := range rs {
		for i := range r.Count {
			one := Run{Source: r.Source + imap.UID(i), Count: 1, Outcome: r.Outcome}
			if gone(one.Source) {
				continue
			}
			if r.Target != 0 {
				one.Target = r.Target + imap.UID(i)
			}
			if n := len(out); n > 0 && out[n-1].continues(one) {
				out[n-1].Count++
				continue
			}
			out = append(out, one)
		}
	}
	return out
}

// continues reports whether next begins where r ends, on both sides.
func (r Run) continues(next Run) bool {
	if r.Outcome != next.Outcome || r.Source+imap.UID(r.Count) != next.Source {
		return false
	}
	if r.Target == 0 || next.Target == 0 {
		return r.Target == next.Target
	}
	return r.Target+imap.UID(r.Count) == next.Target
}

func compare(a, b imap.UID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Runs returns what the page knows to be at the target.
func (p *Page) Runs(ctx context.Context) (Runs, error) {
	old, new := p.sides()
	var rs Runs
	err := p.j.rows(ctx, `SELECT old_uid, new_uid, messages, outcome FROM copy_run
		WHERE pair = $1 AND old_validity = $2 AND new_validity = $3`,
		[]any{p.pair, old, new}, func(scan func(...any) error) error {
			var r Run
			if err := scan(&r.Source, &r.Target, &r.Count, &r.Outcome); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			if p.key.Reverse {
				r.Source, r.Target = r.Target, r.Source
			}
			if r.Source != 0 {
				rs = append(rs, r)
			}
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal runs: %w", err)
	}
	return Runs{}.Add(rs...), nil
}

// Found notes messages that were at the target without our doing.
func (p *Page) Found(ctx context.Context, runs []Run) error {
	err := p.change(ctx, func(tx *transaction) error { return p.addRuns(ctx, tx, runs) })
	if err != nil {
		return fmt.Errorf("journal runs: %w", err)
	}
	return nil
}

// Replace puts runs in the place of everything the page knew to be at the
// target.
func (p *Page) Replace(ctx context.Context, runs Runs) error {
	old, new := p.sides()
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `DELETE FROM copy_run
			WHERE pair = $1 AND old_validity = $2 AND new_validity = $3`, p.pair, old, new)
		if err != nil {
			return err
		}
		return p.addRuns(ctx, tx, runs)
	})
	if err != nil {
		return fmt.Errorf("journal runs: %w", err)
	}
	return nil
}

// addRuns writes runs. One that goes on where the row before it ends lengthens
// that row; it is found by the key, since a mailbox may have very many rows.
func (p *Page) addRuns(ctx context.Context, tx *transaction, runs []Run) error {
	old, new := p.sides()
	for _, r := range runs {
		a, b := r.Source, r.Target
		if p.key.Reverse {
			a, b = b, a
		}
		if a != 0 && b != 0 {
			res, err := tx.exec(ctx, `UPDATE copy_run SET messages = messages + $1
				WHERE pair = $2 AND old_validity = $3 AND new_validity = $4 AND outcome = $5
				AND old_uid <> 0 AND new_uid <> 0
				AND old_uid = (SELECT MAX(old_uid) FROM copy_run
					WHERE pair = $2 AND old_validity = $3 AND new_validity = $4 AND old_uid < $6)
				AND old_uid + messages = $6 AND new_uid + messages = $7`,
				r.Count, p.pair, old, new, r.Outcome, a, b)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				continue
			}
		}
		_, err := tx.exec(ctx, `INSERT INTO copy_run
			(pair, old_validity, new_validity, old_uid, new_uid, messages, outcome)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (pair, old_validity, new_validity, old_uid, new_uid) DO NOTHING`,
			p.pair, old, new, a, b, r.Count, r.Outcome)
		if err != nil {
			return err
		}
	}
	return nil
}
