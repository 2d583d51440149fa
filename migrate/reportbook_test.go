package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/state"
)

// openBook opens the memory of an empty move.
func openBook(t testing.TB) reportBook {
	t.Helper()
	st, err := state.Open(t.Context(), t.TempDir(), state.Options{Schemas: []state.Schema{{Name: reportsName, Migrations: reportSchema}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return reportBook{st.DB()}
}

// reportOf writes a report of one row and one message.
func reportOf(org, id string, day int) io.Reader {
	begin := time.Date(2026, 5, day, 0, 0, 0, 0, time.UTC)
	return strings.NewReader(fmt.Sprintf(`<feedback><report_metadata><org_name>%s</org_name><report_id>%s</report_id><date_range><begin>%d</begin><end>%d</end></date_range></report_metadata>
<policy_published><domain>example.org</domain><p>none</p></policy_published>
<record><row><source_ip>192.0.2.10</source_ip><count>1</count><policy_evaluated><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.org</header_from></identifiers>
<auth_results><dkim><domain>example.org</domain><selector>s</selector><result>fail</result></dkim><spf><domain>example.org</domain><result>fail</result></spf></auth_results></record></feedback>`,
		org, id, begin.Unix(), begin.Add(24*time.Hour-time.Second).Unix()))
}

func always(string) bool { return true }

// TestSameReport: receivers reuse an id on another day, and two receivers use
// the same. Less than the whole key would lose reports.
func TestSameReport(t *testing.T) {
	t.Parallel()
	book := openBook(t)
	for _, tt := range []struct {
		org, id string
		day     int
		known   bool
	}{{"A", "7", 1, false}, {"A", "7", 2, false}, {"A", "7", 1, true}, {"B", "7", 1, false}, {"B", "8", 1, false}} {
		read, err := book.add(t.Context(), reportOf(tt.org, tt.id, tt.day), noon, always, voucher{})
		if err != nil || read.Known != tt.known || read.Messages != 1 {
			t.Errorf("add %s/%s of day %d = %+v, %v, want known %v", tt.org, tt.id, tt.day, read, err, tt.known)
		}
	}
	messages := int64(0)
	if err := book.each(t.Context(), time.Time{}, func(r sentRow) {
		messages += r.Messages
		if !r.DKIM || r.SPF || !r.Differs || r.Key.Selector != "s" || r.Key.Result != "fail" {
			t.Errorf("row %+v, want the receiver's verdict, and that it differs", r)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if messages != 4 {
		t.Errorf("%d messages are kept, want 4", messages)
	}
	since, err := book.periods(t.Context(), time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC))
	if err != nil || len(since) != 1 || since[0].Org != "A" {
		t.Errorf("periods since the second day = %v, %v, want A's", since, err)
	}
}

func TestReportIsKeptWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	book := openBook(t)
	cut := io.LimitReader(reportOf("A", "1", 1), 500)
	if _, err := book.add(t.Context(), cut, noon, always, voucher{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("add of a report that was cut off: %v", err)
	}
	if _, err := book.add(t.Context(), reportOf("A", "2", 1), noon, func(string) bool { return false }, voucher{}); !errors.Is(err, errOtherDomain) {
		t.Errorf("add of another domain's: %v", err)
	}
	if _, err := book.add(t.Context(), strings.NewReader("unused"), noon, always, voucher{}); !errors.Is(err, dmarc.ErrNotReport) {
		t.Errorf("add of a word: %v", err)
	}
	if err := book.each(t.Context(), time.Time{}, func(r sentRow) { t.Errorf("row %+v is kept", r) }); err != nil {
		t.Fatal(err)
	}
}

// TestRowsAreJoined: rows that differ in nothing but their count are one.
func TestRowsAreJoined(t *testing.T) {
	t.Parallel()
	book := openBook(t)
	doc, err := io.ReadAll(reportOf("A", "1", 1))
	if err != nil {
		t.Fatal(err)
	}
	record := string(doc[strings.Index(string(doc), "<record>"):strings.Index(string(doc), "</feedback>")])
	text := strings.Replace(string(doc), "</feedback>", record+strings.Replace(record, "192.0.2.10", "192.0.2.11", 1)+"</feedback>", 1)
	if _, err := book.add(t.Context(), strings.NewReader(text), noon, always, voucher{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := book.each(t.Context(), time.Time{}, func(r sentRow) { got = append(got, fmt.Sprint(r.Source, r.Messages)) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"192.0.2.10 2", "192.0.2.11 1"}; !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

// TestBookOfAnOlderProgram: a state without the tables has no reports.
func TestBookOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	st, err := state.Open(t.Context(), t.TempDir(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, book := range []reportBook{{st.DB()}, {nil}} {
		if ps, err := book.periods(t.Context(), time.Time{}); err != nil || len(ps) != 0 {
			t.Errorf("periods = %v, %v, want none", ps, err)
		}
		if err := book.each(t.Context(), time.Time{}, func(sentRow) { t.Error("a row") }); err != nil {
			t.Error(err)
		}
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	book, box := openBook(t), reportBox{side: "source", account: "info@example.org"}
	for _, want := range []boxMark{{}, {7, 100}, {8, 5}} {
		if want != (boxMark{}) {
			if err := book.setMark(t.Context(), box, "INBOX", want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := book.mark(t.Context(), box, "INBOX"); err != nil || got != want {
			t.Errorf("mark = %v, %v, want %v", got, err, want)
		}
	}
	if got, err := book.mark(t.Context(), reportBox{side: "target", account: box.account}, "INBOX"); err != nil || got != (boxMark{}) {
		t.Errorf("mark of the other side = %v, %v, want none", got, err)
	}
}

// BenchmarkKeepReport reads a report of 100,000 rows into the state.
func BenchmarkKeepReport(b *testing.B) {
	doc, err := io.ReadAll(reportOf("A", "1", 1))
	if err != nil {
		b.Fatal(err)
	}
	at, end := strings.Index(string(doc), "<record>"), strings.Index(string(doc), "</feedback>")
	var text strings.Builder
	text.Write(doc[:at])
	for i := range 100_000 {
		text.WriteString(strings.Replace(string(doc[at:end]), "192.0.2.10", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), 1))
	}
	text.WriteString("</feedback>")
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		read, err := openBook(b).add(context.Background(), strings.NewReader(text.String()), noon, always, voucher{})
		if err != nil || read.Rows != 100_000 {
			b.Fatal(read.Rows, err)
		}
	}
}
