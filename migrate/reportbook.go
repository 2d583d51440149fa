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
	Known    bool      `json:"known"`     // it was read before, and does not count again
	SignedBy string    `json:"signed_by"` // the organization that signed it; empty: not authenticated, as all reports about TLS
	Notes    []string  `json:"notes"`

	later bool // it may be vouched for when the DNS answers
}

// A reportBook is the memory of reports in state.db. Its DB may be nil: then
// there are none.
type reportBook struct{ db *sql.DB }

// errOtherDomain keeps reports about others out of the book.
var errOtherDomain = errors.New("the report is about another domain")

// add reads one document and keeps it whole or not at all. Ours tells whether
// a policy domain is one of the move's, and v who sent it. A report that
// somebody vouches for takes the place of a copy for which nobody did.
func (b reportBook) add(ctx context.Context, doc io.Reader, now time.Time, ours func(string) bool, v voucher) (ReportRead, error) {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return ReportRead{}, stateError{fmt.Errorf("keep a report: %w", err)}
	}
	read, err := addReport(ctx, tx, doc, now, ours, v)
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

func addReport(ctx context.Context, tx *sql.Tx, doc io.Reader, now time.Time, ours func(string) bool, v voucher) (ReportRead, error) {
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
			if _, err := unlessKnown(ctx, tx, *r, v); err != nil {
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
	if err == nil || errors.Is(err, errKnown) {
		read.SignedBy, read.later = v.signs(r)
		read.later = read.later && worthWaiting(r.End, now)
	}
	copied := keptReport{}
	if err == nil {
		copied, err = unlessKnown(ctx, tx, r, v)
	}
	if errors.Is(err, errKnown) {
		return recount(ctx, tx, read, r)
	}
	if err == nil {
		err = sink.flush(ctx)
	}
	if err != nil {
		return read, err
	}
	if copied.id != 0 {
		read.Notes = append(read.Notes, "it takes the place of a copy that was not authenticated")
		if err := copied.drop(ctx, tx); err != nil {
			return read, err
		}
	}
	return read, insertReport(ctx, tx, id, r, read, now)
}

func insertReport(ctx context.Context, tx *sql.Tx, id int64, r dmarc.Report, read ReportRead, now time.Time) error {
	text, err := json.Marshal(read.Notes)
	if err != nil {
		return fmt.Errorf("notes of a report: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO report (id, org, domain, report_id, begins, ends, email, notes, taken, signed_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, r.Org, r.Domain, r.ID, r.Begin.Unix(), r.End.Unix(), r.Email, string(text), now.UTC().Format(time.RFC3339), read.SignedBy); err != nil {
		return stateError{fmt.Errorf("keep a report: %w", err)}
	}
	return nil
}

const sameReport = `org = ? AND domain = ? AND report_id = ? AND begins = ? AND ends = ? AND email = ?`

// A keptReport is a report in the book; the zero value is none.
type keptReport struct {
	id       int64
	signedBy string
}

// find looks for a report in the book.
func find(ctx context.Context, tx *sql.Tx, r dmarc.Report) (k keptReport, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id, signed_by FROM report WHERE `+sameReport,
		r.Org, r.Domain, r.ID, r.Begin.Unix(), r.End.Unix(), r.Email).Scan(&k.id, &k.signedBy)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return k, stateError{fmt.Errorf("look for a report: %w", err)}
	}
	return k, nil
}

// unlessKnown returns errKnown for a report that is in the book. A copy that
// nobody vouches for does not count when somebody does now; it is returned.
func unlessKnown(ctx context.Context, tx *sql.Tx, r dmarc.Report, v voucher) (keptReport, error) {
	k, err := find(ctx, tx, r)
	if err != nil || k.id == 0 {
		return k, err
	}
	if by, _ := v.signs(r); by == "" || k.signedBy != "" {
		return k, errKnown
	}
	return k, nil
}

// drop takes a report out of the book.
func (k keptReport) drop(ctx context.Context, tx *sql.Tx) error {
	for _, from := range []string{`report_entry WHERE report`, `report WHERE id`} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+from+` = ?`, k.id); err != nil {
			return stateError{fmt.Errorf("replace a report: %w", err)}
		}
	}
	return nil
}

// recount fills in what the book has of a report that was read before.
func recount(ctx context.Context, tx *sql.Tx, read ReportRead, r dmarc.Report) (ReportRead, error) {
	k, err := find(ctx, tx, r)
	if err != nil {
		return read, err
	}
	read.Known, read.SignedBy = true, k.signedBy
	read.later = read.later && k.signedBy == ""
	err = tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(messages), 0) FROM report_entry WHERE report = ?`, k.id).Scan(&read.Rows, &read.Messages)
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
	SignedBy           string // as of period
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
			dkim_aligned, spf_aligned, differs, disposition, messages, signed_by
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
			&dkim, &spf, &differs, &s.Disposition, &s.Messages, &s.SignedBy); err != nil {
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
	SignedBy   string // the organization that vouches for it, empty: nobody
}

// periods returns what is covered since a time, the earliest first.
func (b reportBook) periods(ctx context.Context, since time.Time) ([]period, error) {
	if ok, err := b.known(ctx); err != nil || !ok {
		return nil, err
	}
	rows, err := b.db.QueryContext(ctx, `SELECT org, begins, ends, signed_by FROM report WHERE ends >= ? ORDER BY begins, ends, org`, since.Unix())
	if err != nil {
		return nil, fmt.Errorf("periods of the reports: %w", err)
	}
	defer rows.Close()
	var all []period
	for rows.Next() {
		var p period
		var begins, ends int64
		if err := rows.Scan(&p.Org, &begins, &ends, &p.SignedBy); err != nil {
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
