package migrate

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// A ReportRead is a report that was read just now.
type ReportRead struct {
	File     string    `json:"file"`
	Org      string    `json:"org"`
	ID       string    `json:"id"`
	Domain   string    `json:"domain"`
	Begin    time.Time `json:"begin"`
	End      time.Time `json:"end"`
	Rows     int       `json:"rows"`
	Messages int64     `json:"messages"`
	Known    bool      `json:"known"` // it was read before, and does not count again
	Notes    []string  `json:"notes"`
}

// A reportBook is the memory of reports in state.db. Its DB may be nil: then
// there are none.
type reportBook struct{ db *sql.DB }

// errOtherDomain keeps reports about others out of the book.
var errOtherDomain = errors.New("the report is about another domain")

// add reads one document and keeps it whole or not at all. Ours tells whether
// a policy domain is one of the move's.
func (b reportBook) add(ctx context.Context, doc io.Reader, now time.Time, ours func(string) bool) (ReportRead, error) {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return ReportRead{}, stateError{fmt.Errorf("keep a report: %w", err)}
	}
	read, err := addReport(ctx, tx, doc, now, ours)
	if err == nil && !read.Known {
		if err = tx.Commit(); err != nil {
			err = stateError{fmt.Errorf("keep a report: %w", err)}
		}
	}
	if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
		err = stateError{errors.Join(err, undo)}
	}
	return read, err
}

// errKnown ends the reading of a report that is in the book already.
var errKnown = errors.New("the report is known")

func addReport(ctx context.Context, tx *sql.Tx, doc io.Reader, now time.Time, ours func(string) bool) (ReportRead, error) {
	read := ReportRead{Notes: []string{}}
	var id int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) + 1 FROM report`).Scan(&id); err != nil {
		return read, stateError{fmt.Errorf("number of the report: %w", err)}
	}
	org, sink, first := rememberOrg(), &rowSink{tx: tx, report: id, counts: make(map[rowKey]int64)}, true
	r, err := dmarc.ReadReport(doc, dmarc.Limits{}, func(r *dmarc.Report, row dmarc.Row) error {
		if first {
			// Receivers name the report before its rows, which spares reading a
			// large one again. Where they do not, the end will tell.
			if err := known(ctx, tx, r.ReportKey); err != nil {
				return err
			}
			first = false
		}
		read.Messages += row.Count
		return sink.add(ctx, keyOf(r, row, org), row.Count)
	})
	read.Org, read.ID, read.Domain, read.Begin, read.End, read.Rows = r.Org, r.ID, r.Domain, r.Begin, r.End, r.Rows
	read.Notes = append(read.Notes, r.Notes...)
	if err == nil && !ours(r.Domain) {
		err = fmt.Errorf("%w: %s", errOtherDomain, r.Domain)
	}
	if err == nil {
		err = known(ctx, tx, r.ReportKey)
	}
	if errors.Is(err, errKnown) {
		return recount(ctx, tx, read)
	}
	if err == nil {
		err = sink.flush(ctx)
	}
	if err != nil {
		return read, err
	}
	return read, insertReport(ctx, tx, id, r, read.Notes, now)
}

func insertReport(ctx context.Context, tx *sql.Tx, id int64, r dmarc.Report, notes []string, now time.Time) error {
	text, err := json.Marshal(notes)
	if err != nil {
		return fmt.Errorf("notes of a report: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO report (id, org, domain, report_id, begins, ends, email, notes, taken) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, r.Org, r.Domain, r.ID, r.Begin.Unix(), r.End.Unix(), r.Email, string(text), now.UTC().Format(time.RFC3339)); err != nil {
		return stateError{fmt.Errorf("keep a report: %w", err)}
	}
	return nil
}

const sameReport = `org = ? AND domain = ? AND report_id = ? AND begins = ? AND ends = ?`

// known returns errKnown for a report that is in the book.
func known(ctx context.Context, tx *sql.Tx, k dmarc.ReportKey) error {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM report WHERE `+sameReport, k.Org, k.Domain, k.ID, k.Begin.Unix(), k.End.Unix()).Scan(&n); err != nil {
		return stateError{fmt.Errorf("look for a report: %w", err)}
	}
	if n > 0 {
		return errKnown
	}
	return nil
}

// recount fills in what the book has of a report that was read before.
func recount(ctx context.Context, tx *sql.Tx, read ReportRead) (ReportRead, error) {
	read.Known = true
	err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(messages), 0) FROM report_entry WHERE report = (SELECT id FROM report WHERE `+sameReport+`)`,
		read.Org, read.Domain, read.ID, read.Begin.Unix(), read.End.Unix()).Scan(&read.Rows, &read.Messages)
	if err != nil {
		return read, stateError{fmt.Errorf("look for a report: %w", err)}
	}
	return read, nil
}

// A sentRow is one row of a report with the report's period.
type sentRow struct {
	Org, Domain        string
	Begin, End         time.Time
	Source             netip.Addr
	From               string
	Key                dmarc.Identifier // the signature that says most
	DKIM, SPF, Differs bool             // the receiver's verdicts, and that the identifiers say something else
	Disposition        string
	Messages           int64
}

// Aligned reports whether the receiver found an aligned pass.
func (s sentRow) Aligned() bool { return s.DKIM || s.SPF }

// known reports whether the state has the tables as they are now: one that an
// older program made, and nobody has written since, has none or others.
func (b reportBook) known(ctx context.Context) (bool, error) {
	if b.db == nil {
		return false, nil
	}
	var version int
	err := b.db.QueryRowContext(ctx, `SELECT version FROM schema_version WHERE name = ?`, reportsName).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && version >= len(reportSchema), err
}

// each calls fn for every row of the reports that end after a time, in no
// order. Fn must not use the database.
func (b reportBook) each(ctx context.Context, since time.Time, fn func(sentRow)) error {
	if ok, err := b.known(ctx); err != nil || !ok {
		return err
	}
	rows, err := b.db.QueryContext(ctx, `SELECT org, domain, begins, ends, source_ip, header_from, dkim_domain, dkim_selector, dkim_result,
			dkim_aligned, spf_aligned, differs, disposition, messages
		FROM report JOIN report_entry ON report_entry.report = report.id WHERE ends >= ?`, since.Unix())
	if err != nil {
		return fmt.Errorf("rows of the reports: %w", err)
	}
	defer rows.Close()
	// One set of variables for all rows: there may be many.
	s := sentRow{Key: dmarc.Identifier{Method: dmarc.DKIM}}
	var begins, ends int64
	var source string
	var dkim, spf, differs int
	for rows.Next() {
		if err := rows.Scan(&s.Org, &s.Domain, &begins, &ends, &source, &s.From, &s.Key.Domain, &s.Key.Selector, &s.Key.Result,
			&dkim, &spf, &differs, &s.Disposition, &s.Messages); err != nil {
			return fmt.Errorf("rows of the reports: %w", err)
		}
		if s.Source, err = netip.ParseAddr(source); err != nil {
			return fmt.Errorf("rows of the reports: %w", err)
		}
		s.Begin, s.End = time.Unix(begins, 0).UTC(), time.Unix(ends, 0).UTC()
		s.DKIM, s.SPF, s.Differs = dkim == 1, spf == 1, differs == 1
		fn(s)
	}
	return rows.Err()
}

// A period is what one report covers.
type period struct {
	Org        string
	Begin, End time.Time
}

// periods returns what is covered since a time, the earliest first.
func (b reportBook) periods(ctx context.Context, since time.Time) ([]period, error) {
	if ok, err := b.known(ctx); err != nil || !ok {
		return nil, err
	}
	rows, err := b.db.QueryContext(ctx, `SELECT org, begins, ends FROM report WHERE ends >= ? ORDER BY begins, ends, org`, since.Unix())
	if err != nil {
		return nil, fmt.Errorf("periods of the reports: %w", err)
	}
	defer rows.Close()
	var all []period
	for rows.Next() {
		var p period
		var begins, ends int64
		if err := rows.Scan(&p.Org, &begins, &ends); err != nil {
			return nil, fmt.Errorf("periods of the reports: %w", err)
		}
		p.Begin, p.End = time.Unix(begins, 0).UTC(), time.Unix(ends, 0).UTC()
		all = append(all, p)
	}
	return all, rows.Err()
}

// A boxMark is how far a mailbox was read.
type boxMark struct {
	validity uint32
	next     imap.UID
}

// mark returns how far a mailbox was read; the zero mark is not at all.
func (b reportBook) mark(ctx context.Context, box reportBox, mailbox string) (m boxMark, err error) {
	const ask = `SELECT validity, next_uid FROM report_mark WHERE side = ? AND account = ? AND mailbox = ?`
	err = b.db.QueryRowContext(ctx, ask, box.side, box.account, mailbox).Scan(&m.validity, &m.next)
	if errors.Is(err, sql.ErrNoRows) {
		return boxMark{}, nil
	}
	if err != nil {
		return m, stateError{fmt.Errorf("mark of the reports: %w", err)}
	}
	return m, nil
}

func (b reportBook) setMark(ctx context.Context, box reportBox, mailbox string, m boxMark) error {
	const set = `INSERT INTO report_mark (side, account, mailbox, validity, next_uid) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (side, account, mailbox) DO UPDATE SET validity = excluded.validity, next_uid = excluded.next_uid`
	if _, err := b.db.ExecContext(ctx, set, box.side, box.account, mailbox, m.validity, m.next); err != nil {
		return stateError{fmt.Errorf("mark of the reports: %w", err)}
	}
	return nil
}
