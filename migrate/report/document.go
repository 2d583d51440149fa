package report

import (
	"slices"
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// Version is the version of reports that this program writes.
const Version = 1

// A Document is a move as one document, as report --json prints it. Make it
// with New: every list is there, and times are UTC.
type Document struct {
	Version      int                    `json:"version"`
	Domain       string                 `json:"domain"`
	AliasDomains []string               `json:"alias_domains"`
	Provider     string                 `json:"provider"`       // empty before the first plan
	Destination  string                 `json:"provider_title"` // as people know it
	Made         time.Time              `json:"made"`
	Status       migrate.Status         `json:"status"`
	Balance      *mailbox.Balance       `json:"balance"`     // of the last verify of all accounts, null if there was none
	BalancedAt   *time.Time             `json:"balanced_at"` // when Balance was measured
	Total        *Total                 `json:"total"`       // the sum of Balance, null with it
	Verdicts     []migrate.DMARCRecord  `json:"verdicts"`    // the oldest first
	Steps        []step.Step            `json:"steps"`       // the oldest first
	Stages       []Stage                `json:"stages"`      // all of them, in order
	Findings     []finding.Finding      `json:"findings"`    // of the last plan shown
	Accounts     []migrate.AccountState `json:"accounts"`    // as the last plan found them
	Copies       []migrate.CopyRecord   `json:"copies"`      // of all accounts, the oldest first
	Sweeps       []time.Time            `json:"sweeps"`      // that read every account
	Reports      *migrate.Reports       `json:"reports"`     // what the DMARC reports told last, null before the first
}

// New makes a document of what is remembered. The same record gives the same
// document.
func New(rec migrate.Record) Document {
	d := Document{
		Version: Version, Domain: rec.Status.Domain, Made: rec.Made.UTC(), Status: rec.Status,
		AliasDomains: []string{}, Verdicts: []migrate.DMARCRecord{}, Findings: []finding.Finding{},
		Accounts: []migrate.AccountState{}, Sweeps: []time.Time{},
		Reports: reports(rec.Reports), Steps: steps(rec.Steps), Stages: stages(rec), Copies: append([]migrate.CopyRecord{}, rec.Copies...),
	}
	d.Status.Left = append([]string{}, d.Status.Left...)
	d.Status.Yours = append([]migrate.Yours{}, d.Status.Yours...)
	if rec.Plan != nil {
		d.Provider, d.Destination = rec.Plan.Provider, rec.Provider
		d.AliasDomains = append(d.AliasDomains, rec.Plan.AliasDomains...)
		d.Findings = append(d.Findings, rec.Plan.Findings...)
		finding.Sort(d.Findings)
		d.Accounts = append(d.Accounts, rec.Plan.Accounts...)
	}
	for i, f := range d.Findings {
		d.Findings[i].Evidence = append([]string{}, f.Evidence...)
	}
	for _, v := range rec.Verdicts {
		v.Reasons = append([]string{}, v.Reasons...)
		d.Verdicts = append(d.Verdicts, v)
	}
	for _, at := range rec.Sweeps {
		d.Sweeps = append(d.Sweeps, at.UTC())
	}
	if rec.Balance != nil {
		d.balance(*rec.Balance, rec.Balanced)
	}
	return d
}

// balance takes a copy, with its sum.
func (d *Document) balance(b mailbox.Balance, at time.Time) {
	b.Accounts = slices.Clone(b.Accounts)
	if b.Accounts == nil {
		b.Accounts = []mailbox.AccountBalance{}
	}
	var t Total
	for i, a := range b.Accounts {
		if a.Mailboxes == nil {
			b.Accounts[i].Mailboxes = []mailbox.MailboxBalance{}
		}
		t = t.add(sum(a))
	}
	at = at.UTC()
	d.Balance, d.BalancedAt, d.Total = &b, &at, &t
}

// reports returns a copy without a null where a list belongs.
func reports(from *migrate.Reports) *migrate.Reports {
	if from == nil {
		return nil
	}
	r := *from
	r.Made = r.Made.UTC()
	r.Read, r.Unread = append([]migrate.ReportRead{}, r.Read...), append([]migrate.ReportUnread{}, r.Unread...)
	r.Streams, r.Selectors = append([]migrate.Stream{}, r.Streams...), append([]migrate.SelectorSeen{}, r.Selectors...)
	r.Signers = append([]migrate.ReportSigner{}, r.Signers...)
	r.TLS = append([]migrate.TLSSeen{}, r.TLS...)
	for i, s := range r.Streams {
		r.Streams[i].From, r.Streams[i].Days = append([]string{}, s.From...), append([]migrate.StreamDay{}, s.Days...)
	}
	r.Findings = append([]finding.Finding{}, r.Findings...)
	for i, f := range r.Findings {
		r.Findings[i].Evidence = append([]string{}, f.Evidence...)
	}
	return &r
}

// steps returns the steps without a null where a list belongs.
func steps(from []step.Step) []step.Step {
	all := append([]step.Step{}, from...)
	for i := range all {
		s := &all[i]
		s.Gates = append([]step.Result{}, s.Gates...)
		s.Accepted = append([]step.Acceptance{}, s.Accepted...)
		for j := range s.Gates {
			s.Gates[j].Evidence = append([]string{}, s.Gates[j].Evidence...)
		}
	}
	return all
}
