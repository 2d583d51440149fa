package migrate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/migrate/finding"
)

// maxTLS bounds the lines about TLS that are shown.
const maxTLS = 500

// A TLSSeen is how senders fared with TLS at one exchanger, as their reports
// (RFC 8460) tell.
type TLSSeen struct {
	Domain   string    `json:"domain"`
	Policy   string    `json:"policy"`  // sts, tlsa or no-policy-found
	MX       string    `json:"mx"`      // empty for what was delivered, and where nobody says
	Failure  string    `json:"failure"` // empty: delivered
	Sessions int64     `json:"sessions"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// unexplained stands for failed sessions of which a report gives no type.
const unexplained = "unexplained"

// addTLS reads one TLS report and keeps it whole or not at all.
func (b reportBook) addTLS(ctx context.Context, doc io.Reader, ours func(string) bool) (ReportRead, error) {
	read := ReportRead{Notes: []string{}}
	r, err := mtasts.ReadReport(doc)
	if err != nil {
		return read, err
	}
	read.Org, read.ID, read.Begin, read.End = r.Org, r.ID, r.Begin, r.End
	rows := make(map[TLSSeen]int64)
	for _, p := range r.Policies {
		if !ours(p.Domain) {
			continue
		}
		read.Domain = p.Domain
		at := TLSSeen{Domain: p.Domain, Policy: p.Type}
		rows[at] += p.Successful
		for _, f := range p.Failures {
			at.MX, at.Failure = f.MX, f.Type
			if at.Failure == "" {
				at.Failure = unexplained
			}
			rows[at] += f.Sessions
		}
	}
	if len(rows) == 0 {
		return read, fmt.Errorf("%w: %s", errOtherDomain, r.Policies[0].Domain)
	}
	read.Rows = len(rows)
	for _, n := range rows {
		read.Messages += n
	}
	return b.keepTLS(ctx, read, rows)
}

func (b reportBook) keepTLS(ctx context.Context, read ReportRead, rows map[TLSSeen]int64) (ReportRead, error) {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return read, stateError{fmt.Errorf("keep a TLS report: %w", err)}
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to take back
	var n int
	const same = `SELECT count(*) FROM report_tls WHERE org = ? AND report_id = ? AND begins = ? AND ends = ?`
	if err := tx.QueryRowContext(ctx, same, read.Org, read.ID, read.Begin.Unix(), read.End.Unix()).Scan(&n); err != nil {
		return read, stateError{fmt.Errorf("keep a TLS report: %w", err)}
	}
	if read.Known = n > 0; read.Known {
		return read, nil
	}
	for at, sessions := range rows {
		if _, err := tx.ExecContext(ctx, `INSERT INTO report_tls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			read.Org, read.ID, read.Begin.Unix(), read.End.Unix(), at.Domain, at.Policy, at.MX, at.Failure, sessions); err != nil {
			return read, stateError{fmt.Errorf("keep a TLS report: %w", err)}
		}
	}
	if err := tx.Commit(); err != nil {
		return read, stateError{fmt.Errorf("keep a TLS report: %w", err)}
	}
	return read, nil
}

// tls returns how senders fared in the reports that end after a time, the most
// sessions first.
func (b reportBook) tls(ctx context.Context, since time.Time) ([]TLSSeen, error) {
	all := []TLSSeen{}
	if ok, err := b.known(ctx); err != nil || !ok {
		return all, err
	}
	rows, err := b.db.QueryContext(ctx, `SELECT domain, policy, mx, failure, sum(sessions), min(begins), max(ends) FROM report_tls
		WHERE ends >= ? GROUP BY domain, policy, mx, failure ORDER BY sum(sessions) DESC, domain, policy, mx, failure LIMIT ?`, since.Unix(), maxTLS)
	if err != nil {
		return nil, fmt.Errorf("rows of the TLS reports: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s TLSSeen
		var first, last int64
		if err := rows.Scan(&s.Domain, &s.Policy, &s.MX, &s.Failure, &s.Sessions, &first, &last); err != nil {
			return nil, fmt.Errorf("rows of the TLS reports: %w", err)
		}
		s.First, s.Last = time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
		all = append(all, s)
	}
	return all, rows.Err()
}

// tlsPeriods returns what the TLS reports about a domain cover since a time,
// the earliest first.
func (b reportBook) tlsPeriods(ctx context.Context, domain string, since time.Time) ([]period, error) {
	if ok, err := b.known(ctx); err != nil || !ok {
		return nil, err
	}
	rows, err := b.db.QueryContext(ctx, `SELECT DISTINCT org, report_id, begins, ends FROM report_tls
		WHERE domain = ? AND ends >= ? ORDER BY begins, ends, org`, domain, since.Unix())
	if err != nil {
		return nil, fmt.Errorf("periods of the TLS reports: %w", err)
	}
	defer rows.Close()
	var all []period
	for rows.Next() {
		var p period
		var id string
		var begins, ends int64
		if err := rows.Scan(&p.Org, &id, &begins, &ends); err != nil {
			return nil, fmt.Errorf("periods of the TLS reports: %w", err)
		}
		p.Begin, p.End = time.Unix(begins, 0).UTC(), time.Unix(ends, 0).UTC()
		all = append(all, p)
	}
	return all, rows.Err()
}

// refusesNew counts the sessions that failed, under a policy that the sender
// held, with an exchanger that the switch has put into the MX.
func refusesNew(seen []TLSSeen, switched []dnsplan.Change) int64 {
	var n int64
	for _, s := range seen {
		if s.Failure != "" && s.binding() && s.MX != "" && slices.Contains(newExchangers(switched, s.Domain), s.MX) {
			n += s.Sessions
		}
	}
	return n
}

// binding reports whether the sender held a policy, by which it does not
// deliver where TLS fails.
func (s TLSSeen) binding() bool { return s.Policy == "sts" || s.Policy == "tlsa" }

// tlsFindings says where senders could not deliver with TLS. What failed
// without a policy was delivered in clear text; under one it was not. Switched
// are the changes of the switch, as far as they were published.
func tlsFindings(seen []TLSSeen, switched []dnsplan.Change) []finding.Finding {
	f := finding.Finding{Severity: finding.Note, Code: finding.SendersRefuseMX, Subject: "TLS", Evidence: []string{},
		Fix: "compare the names in the exchangers' certificates with the MTA-STS policy and the TLSA records"}
	var failed int64
	for _, s := range seen {
		if s.Failure == "" || s.Sessions == 0 {
			continue
		}
		failed += s.Sessions
		if s.binding() {
			f.Severity = finding.Warn
		}
		if len(f.Evidence) < manyStreams {
			mx := s.MX
			if mx == "" {
				mx = "an exchanger that is not named"
			}
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s, policy %s: %d sessions failed at %s (%s), last %s", s.Domain, s.Policy, s.Sessions, mx, s.Failure, s.Last.Format(time.DateOnly)))
		}
	}
	if failed == 0 {
		return nil
	}
	f.Text = fmt.Sprintf("senders report %d sessions in which TLS failed at the domain's exchangers", failed)
	if n := refusesNew(seen, switched); n > 0 {
		f.Text = fmt.Sprintf("senders refuse the new MX because of the domain's own policy: %d sessions failed, and their mail waits or is lost", n)
		f.Fix = "let the MTA-STS policy and the TLSA records name the new exchangers, and give the policy a new id"
	}
	return []finding.Finding{f}
}
