package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// A rowKey is all of a row but its count: rows with the same key are one.
type rowKey struct {
	source                            netip.Addr
	from, keyDomain, selector, result string
	envelope, envelopeResult          string
	disposition                       string
	dkim, spf, differs                bool
}

// keyOf returns what is kept of a row. The receiver's verdict counts, whatever
// the identifiers say; that they disagree is remembered beside it. What a
// receiver found by the tree walk cannot be held against the suffix list.
func keyOf(r *dmarc.Report, row dmarc.Row, org dmarc.OrgFunc) rowKey {
	differs := r.Recompute(&row, org) != row.Aligned() && r.Published.Discovery != "treewalk"
	key := row.Chief()
	k := rowKey{
		source: row.Source, from: row.From, keyDomain: key.Domain, selector: key.Selector, result: key.Result,
		disposition: row.Disposition, dkim: row.DKIM == "pass", spf: row.SPF == "pass", differs: differs,
	}
	if n := len(row.Senders); n > 0 {
		k.envelope, k.envelopeResult = row.Senders[n-1].Domain, row.Senders[n-1].Result
	}
	return k
}

// rememberOrg is the suffix list with a memory: the rows of a report speak of
// few domains.
func rememberOrg() dmarc.OrgFunc {
	seen := make(map[string]string)
	return func(name string) string {
		org, ok := seen[name]
		if !ok {
			if org = dmarc.SuffixOrg(name); len(seen) < maxSeen {
				seen[name] = org
			}
		}
		return org
	}
}

// rowBatch is how many rows one statement writes; rowColumns is how many
// values each has.
const (
	rowBatch   = 64
	rowColumns = 13
)

// A rowSink writes the rows of one report, many at a time.
type rowSink struct {
	tx     *sql.Tx
	report int64
	counts map[rowKey]int64
	order  []rowKey
	args   []any
	whole  *sql.Stmt // for a full batch
}

func (s *rowSink) add(ctx context.Context, k rowKey, n int64) error {
	if _, there := s.counts[k]; !there {
		s.order = append(s.order, k)
	}
	s.counts[k] += n
	if len(s.order) < rowBatch {
		return nil
	}
	return s.flush(ctx)
}

// flush writes what is held back.
func (s *rowSink) flush(ctx context.Context) error {
	if len(s.order) == 0 {
		return nil
	}
	args := s.args[:0]
	for _, k := range s.order {
		args = append(args, s.report, k.source.String(), k.from, k.keyDomain, k.selector, k.result, k.envelope, k.envelopeResult,
			k.disposition, flag(k.dkim), flag(k.spf), flag(k.differs), s.counts[k])
	}
	s.args = args
	var err error
	if len(s.order) < rowBatch {
		_, err = s.tx.ExecContext(ctx, insertRows(len(s.order)), args...)
	} else {
		if s.whole == nil {
			s.whole, err = s.tx.PrepareContext(ctx, insertRows(rowBatch))
		}
		if err == nil {
			_, err = s.whole.ExecContext(ctx, args...)
		}
	}
	if err != nil {
		return stateError{fmt.Errorf("rows of a report: %w", err)}
	}
	clear(s.counts)
	s.order = s.order[:0]
	return nil
}

// insertRows is the statement for a number of rows.
func insertRows(n int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", rowColumns), ", ") + ")"
	return `INSERT INTO report_entry VALUES ` + strings.TrimSuffix(strings.Repeat(row+", ", n), ", ")
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
