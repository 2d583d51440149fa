package dmarc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Errors of reading what receivers send.
var (
	ErrNotReport = errors.New("dmarc: not an aggregate report")
	ErrTooLarge  = errors.New("dmarc: report too large")
	ErrDoctype   = errors.New("dmarc: report declares a document type") // a way to make parsers fetch or explode
)

// Limits bound what is read of a report. The zero value of each field is the
// default.
type Limits struct {
	In   int64 // octets of a compressed file; 0 means 10 MiB
	Mail int64 // octets of a mail message; 0 means 16 MiB, which holds 10 in base64
	Out  int64 // octets of all documents in one file; 0 means 256 MiB
	Rows int   // rows of one report; 0 means 500,000
}

// members bounds the files of an archive that are looked at.
const members = 5

func (l Limits) filled() Limits {
	if l.In == 0 {
		l.In = 10 << 20
	}
	if l.Mail == 0 {
		l.Mail = 16 << 20
	}
	if l.Out == 0 {
		l.Out = 256 << 20
	}
	if l.Rows == 0 {
		l.Rows = 500_000
	}
	return l
}

// A ReportKey is what makes two files the same report. Receivers reuse an id
// on another day, and different ones use the same: less would lose reports.
type ReportKey struct {
	Org, Domain, ID string
	Begin, End      time.Time // UTC, whole seconds
}

// A Report is what a receiver says about itself and the policy that it found:
// a report without its rows.
type Report struct {
	ReportKey
	Email     string
	Published Published
	RFC9990   bool   // the form of RFC 9990, not that of RFC 7489
	Generator string // RFC 9990 only
	Rows      int    // that were read

	// Notes says, one sentence each, what is odd about the report and was read
	// all the same.
	Notes []string
}

// Published is the policy that the receiver found in the DNS.
type Published struct {
	Policy, Subdomain, Nonexistent Policy
	DKIM, SPF                      Mode
	Testing                        bool
	Discovery                      string // psl, treewalk or nothing
}

// A Row is what one address sent, as far as its messages ended alike.
type Row struct {
	Source      netip.Addr
	Count       int64
	Disposition string // none, pass, quarantine or reject

	// DKIM and SPF are the receiver's verdicts with alignment: pass or fail.
	// What decides about a message stands here, and never in Signatures.
	DKIM, SPF string

	Overrides    []string // why the receiver did something else than asked
	From         string   // the domain in the From header
	EnvelopeFrom string
	Signatures   []Identifier // Aligned is not set; ask Recompute
	Senders      []Identifier
}

// Aligned reports whether the receiver found an aligned pass.
func (r Row) Aligned() bool { return r.DKIM == "pass" || r.SPF == "pass" }

// maxNotes and maxAuth bound what one report may make us keep.
const (
	maxNotes = 16
	maxAuth  = 32
)

func (r *Report) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(r.Notes) < maxNotes && !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

// Recompute judges a row by its identifiers alone, with the modes that the
// report publishes: a second opinion on what the receiver says. Signatures and
// Senders are filled in with Aligned.
func (r Report) Recompute(row *Row, org OrgFunc) (aligned bool) {
	record := Record{DKIM: r.Published.DKIM, SPF: r.Published.SPF}
	n := len(row.Signatures)
	a := Align(row.From, record, append(slices.Clone(row.Signatures), row.Senders...), org)
	row.Signatures, row.Senders = a.Identifiers[:n:n], a.Identifiers[n:]
	return slices.ContainsFunc(a.Identifiers, Identifier.Passes)
}

// Chief returns the signature that says most about a row: one that passes and
// is aligned, else one that passes, else the first aligned, one that names its
// key before others, else the first. Receivers that cannot check a second
// algorithm report it as failed beside the one that passed.
func (r Row) Chief() Identifier {
	for _, is := range []func(Identifier) bool{
		Identifier.Passes,
		func(i Identifier) bool { return i.Result == "pass" },
		func(i Identifier) bool { return i.Aligned && i.Domain != "" && i.Selector != "" },
		func(i Identifier) bool { return i.Aligned && i.Domain != "" },
		func(i Identifier) bool { return i.Domain != "" },
	} {
		if i := slices.IndexFunc(r.Signatures, is); i >= 0 {
			return r.Signatures[i]
		}
	}
	return Identifier{Method: DKIM}
}
