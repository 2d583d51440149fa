package migrate

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/state"
)

// TestSigns: the author of the message, a valid signature and the report have
// to be of one organization.
func TestSigns(t *testing.T) {
	t.Parallel()
	const email = "noreply@dmarc.receiver.example"
	tests := []struct {
		name         string
		org, email   string
		from, passed string
		unanswered   string
		unasked      bool
		want         string // "later": when the DNS answers
	}{
		{name: "all of one", org: "Receiver", email: email, from: "receiver.example", passed: "receiver.example", want: "receiver.example"},
		{name: "below one", org: "Receiver", email: email, from: "a.receiver.example", passed: "b.receiver.example", want: "receiver.example"},
		{name: "one of two signatures", org: "Receiver", email: email, from: "receiver.example", passed: "esp.example receiver.example", want: "receiver.example"},
		{name: "no signature", org: "Receiver", email: email, from: "receiver.example"},
		{name: "signed by another", org: "Receiver", email: email, from: "receiver.example", passed: "forger.example"},
		{name: "from another, who signed", org: "receiver.example", email: email, from: "forger.example", passed: "forger.example"},
		{name: "from another", org: "Receiver", email: email, from: "forger.example", passed: "receiver.example"},
		{name: "of another's address", org: "receiver.example", email: "x@forger.example", from: "receiver.example", passed: "receiver.example"},
		{name: "no author", org: "Receiver", email: email, passed: "receiver.example"},
		{name: "no address, but a name", org: "receiver.example", from: "receiver.example", passed: "receiver.example", want: "receiver.example"},
		{name: "an unusable address", org: "receiver.example", email: "postmaster", from: "receiver.example", passed: "receiver.example", want: "receiver.example"},
		{name: "neither", org: "Receiver", from: "receiver.example", passed: "receiver.example"},
		{name: "address in brackets", org: "Receiver", email: "<" + email + ">", from: "receiver.example", passed: "receiver.example", want: "receiver.example"},
		{name: "two customers of one host", org: "x", email: "a@anna.github.io", from: "bert.github.io", passed: "bert.github.io"},
		{name: "nothing at all"},
		{name: "key not answered", org: "Receiver", email: email, from: "receiver.example", unanswered: "receiver.example", want: "later"},
		{name: "another key answered", org: "Receiver", email: email, from: "receiver.example", passed: "receiver.example", unanswered: "mx.receiver.example", want: "receiver.example"},
		{name: "key of another not answered", org: "Receiver", email: email, from: "receiver.example", unanswered: "esp.example"},
		{name: "key not answered, of no use", org: "Receiver", email: email, from: "forger.example", unanswered: "forger.example"},
		{name: "not asked", org: "Receiver", email: email, unasked: true, want: "later"},
	}
	for _, tt := range tests {
		v := voucher{probe.Signers{From: tt.from, Passed: strings.Fields(tt.passed), Unanswered: strings.Fields(tt.unanswered)}, tt.unasked}
		got, later := v.signs(dmarc.Report{ReportKey: dmarc.ReportKey{Org: tt.org}, Email: tt.email})
		if later {
			got += "later"
		}
		if got != tt.want {
			t.Errorf("%s: signed by %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A copyOf is one copy of a report of organization A, as it may arrive.
type copyOf struct {
	email  string
	signed bool // by the domain of the address
	source string
}

func (c copyOf) add(t *testing.T, book reportBook) ReportRead {
	t.Helper()
	doc, err := io.ReadAll(reportOf("A", "1", 1))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("<report_id>", "<email>"+c.email+"</email><report_id>", "192.0.2.10", c.source).Replace(string(doc))
	var v voucher
	if _, domain, _ := strings.Cut(c.email, "@"); c.signed {
		v.From, v.Passed = domain, []string{domain}
	}
	read, err := book.add(t.Context(), strings.NewReader(text), noon, always, v)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// TestSignedCopies: what is signed takes the place of what is not, and nobody
// else's word takes the place of either.
func TestSignedCopies(t *testing.T) {
	t.Parallel()
	const mail, forger = "d@a.example", "d@forger.example"
	tests := []struct {
		name   string
		copies []copyOf
		known  []bool
		kept   []string // source and signer
	}{
		{"not signed, then signed", []copyOf{{mail, false, "192.0.2.1"}, {mail, true, "192.0.2.2"}}, []bool{false, false}, []string{"192.0.2.2 a.example"}},
		{"signed, then not", []copyOf{{mail, true, "192.0.2.1"}, {mail, false, "192.0.2.2"}}, []bool{false, true}, []string{"192.0.2.1 a.example"}},
		{"signed twice", []copyOf{{mail, true, "192.0.2.1"}, {mail, true, "192.0.2.2"}}, []bool{false, true}, []string{"192.0.2.1 a.example"}},
		{"never signed", []copyOf{{mail, false, "192.0.2.1"}, {mail, false, "192.0.2.2"}}, []bool{false, true}, []string{"192.0.2.1 "}},
		{"a forger signs another's", []copyOf{{mail, false, "192.0.2.1"}, {forger, true, "192.0.2.2"}}, []bool{false, false}, []string{"192.0.2.1 ", "192.0.2.2 forger.example"}},
		{"a forger is first", []copyOf{{forger, true, "192.0.2.1"}, {mail, true, "192.0.2.2"}}, []bool{false, false}, []string{"192.0.2.1 forger.example", "192.0.2.2 a.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			book := openBook(t)
			for i, c := range tt.copies {
				want := ""
				if c.signed {
					_, want, _ = strings.Cut(c.email, "@")
				}
				if read := c.add(t, book); read.Known != tt.known[i] || !read.Known && read.SignedBy != want {
					t.Errorf("copy %d is known %v and signed by %q, want %v and %q", i+1, read.Known, read.SignedBy, tt.known[i], want)
				}
			}
			rows, err := book.db.QueryContext(t.Context(), `SELECT source_ip, signed_by FROM report_entry LEFT JOIN report ON report = id ORDER BY source_ip`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var got []string
			for rows.Next() {
				var source, by string
				if err := rows.Scan(&source, &by); err != nil {
					t.Fatal(err)
				}
				got = append(got, source+" "+by)
			}
			if err := rows.Err(); err != nil || !slices.Equal(got, tt.kept) {
				t.Errorf("kept %q (%v), want %q", got, err, tt.kept)
			}
		})
	}
}

func TestWorthWaiting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ago  time.Duration
		want bool
	}{{0, true}, {48 * time.Hour, true}, {96 * time.Hour, false}, {-12 * time.Hour, true}, {-48 * time.Hour, false}} {
		if got := worthWaiting(noon.Add(-tt.ago), noon); got != tt.want {
			t.Errorf("a report that ended %s ago is judged again: %v, want %v", tt.ago, got, tt.want)
		}
	}
}

// TestSilentServers: after some messages that took all the time there is, the
// others are not asked about in this run.
func TestSilentServers(t *testing.T) {
	t.Parallel()
	v, err := (&reportReading{silent: maxSilent}).ask(t.Context(), nil)
	if err != nil || !v.unasked {
		t.Errorf("ask = %+v, %v, want it put off", v, err)
	}
}

// TestReportsKeptBefore: what an older program kept is still there, and nobody
// vouches for it until the mailbox is read again.
func TestReportsKeptBefore(t *testing.T) {
	t.Parallel()
	dir, older := t.TempDir(), reportSchema[:slices.Index(reportSchema, "DROP TABLE report_row")+1]
	open := func(migrations []string) (*state.Move, reportBook) {
		st, err := state.Open(t.Context(), dir, state.Options{Schemas: []state.Schema{{Name: reportsName, Migrations: migrations}}})
		if err != nil {
			t.Fatal(err)
		}
		return st, reportBook{st.DB()}
	}
	st, book := open(older)
	for _, q := range []string{
		`INSERT INTO report (id, org, domain, report_id, begins, ends, email, notes, taken) VALUES (7, 'A', 'example.org', '1', 1, 2, 'd@a.example', '[]', '')`,
		`INSERT INTO report_entry VALUES (7, '192.0.2.1', 'example.org', '', '', '', '', '', 'none', 0, 1, 0, 5)`,
	} {
		if _, err := book.db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	box := reportBox{side: "source", account: "info@example.org"}
	if err := errors.Join(book.setMark(t.Context(), box, "INBOX", boxMark{7, 100}), st.Close()); err != nil {
		t.Fatal(err)
	}
	st, book = open(reportSchema)
	defer st.Close()
	ps, err := book.periods(t.Context(), time.Time{})
	if err != nil || len(ps) != 1 || ps[0].Org != "A" || ps[0].SignedBy != "" {
		t.Errorf("periods = %+v, %v, want A's, not signed", ps, err)
	}
	n := int64(0)
	if err := book.each(t.Context(), time.Time{}, func(r sentRow) { n += r.Messages }); err != nil || n != 5 {
		t.Errorf("%d messages (%v), want 5", n, err)
	}
	if m, err := book.mark(t.Context(), box, "INBOX"); err != nil || m != (boxMark{}) {
		t.Errorf("mark = %v, %v, want none", m, err)
	}
	// The next number comes after those that were given.
	if read, err := book.add(t.Context(), reportOf("B", "1", 1), noon, always, voucher{}); err != nil || read.Known {
		t.Errorf("add = %+v, %v", read, err)
	}
}

func TestSignersOf(t *testing.T) {
	t.Parallel()
	var ps []period
	for i, by := range []string{"b.example", "", "a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"} {
		ps = append(ps, period{Org: fmt.Sprint(i), SignedBy: by})
	}
	signers, unsigned := signersOf(ps)
	if got, want := SignerNames(signers), "b.example, a.example, c.example, d.example, e.example and 2 more"; got != want || unsigned != 1 || signers[0].Reports != 2 {
		t.Errorf("signers = %q, %d reports of the first, %d unsigned; want %q, 2 and 1", got, signers[0].Reports, unsigned, want)
	}
	if signers, unsigned = signersOf(nil); signers == nil || len(signers) != 0 || unsigned != 0 {
		t.Errorf("signers of nothing = %v, %d", signers, unsigned)
	}
}
