package dmarc_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// fixture returns a file of testdata/dmarc.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "dmarc", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rows reads a document and prints its rows, one a line.
func rows(t testing.TB, doc io.Reader, l dmarc.Limits) (dmarc.Report, []string, error) {
	t.Helper()
	var lines []string
	r, err := dmarc.ReadReport(doc, l, func(_ *dmarc.Report, row dmarc.Row) error {
		line := fmt.Sprintf("%s %d %s dkim=%s spf=%s from=%s env=%s", row.Source, row.Count, row.Disposition, row.DKIM, row.SPF, row.From, row.EnvelopeFrom)
		for _, id := range append(slices.Clone(row.Signatures), row.Senders...) {
			line += fmt.Sprintf(" %s:%s/%s=%s", id.Method, id.Domain, id.Selector, id.Result)
		}
		lines = append(lines, strings.Join(append([]string{line}, row.Overrides...), " "))
		return nil
	})
	return r, lines, err
}

func day(n int) time.Time { return time.Date(2026, 10, 12+n, 0, 0, 0, 0, time.UTC) }

func TestReadReport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file string
		want dmarc.Report
		rows []string
	}{
		{"rfc7489.xml", dmarc.Report{
			ReportKey: dmarc.ReportKey{Org: "receiver.example", Domain: "example.org", ID: "6200116223123456789", Begin: day(0), End: day(1).Add(-time.Second)},
			Email:     "noreply-dmarc@receiver.example",
			Published: dmarc.Published{Policy: "quarantine", Subdomain: "reject", DKIM: "r", SPF: "s"}, Rows: 2,
		}, []string{
			"192.0.2.10 12 none dkim=pass spf=pass from=example.org env=example.org dkim:example.org/old=pass spf:example.org/=pass",
			"2001:db8:f403::c10f:1 3 quarantine dkim=fail spf=fail from=example.org env=bounce.news.example dkim:news.example/k1=pass spf:bounce.news.example/=pass local_policy",
		}},
		{"rfc9990.xml", dmarc.Report{
			ReportKey: dmarc.ReportKey{Org: "Receiver & S\u00f6hne", Domain: "example.org", ID: "<3v98abbp8ya9n3va8yr8oa3ya@receiver.example>", Begin: day(1), End: day(2).Add(-time.Second)},
			Email:     "dmarc@receiver.example", RFC9990: true, Generator: "Reporter 4.2",
			Published: dmarc.Published{Policy: "none", Subdomain: "none", Nonexistent: "reject", Testing: true, Discovery: "treewalk"}, Rows: 1,
		}, []string{
			"198.51.100.25 123 pass dkim=pass spf=fail from=news.example.org env=example.org dkim:example.org/ed=fail dkim:example.org/s1=pass spf:example.org/=softfail",
		}},
		{"careless.xml", dmarc.Report{
			ReportKey: dmarc.ReportKey{Org: "M\uFFFDller <mail> & Co", Domain: "example.org", ID: "<7@mueller.example>", Begin: day(0), End: day(1).Add(30 * time.Hour)},
			Email:     "postmaster@mueller.example", Published: dmarc.Published{Policy: "none"}, Rows: 3,
			Notes: []string{
				"raw angle brackets in a value", "octets that are no UTF-8", "the published policy is told more than once",
				"a row does not say what stood in From; the policy's domain was taken",
				"a row without a usable address was left out", `a row with the count "99999999999999999999" was left out`,
				"elements that are not closed", "the period is not given in whole seconds since 1970", "the report covers 54 hours",
			},
		}, []string{
			"192.0.2.10 2 none dkim=pass spf=fail from=example.org env= dkim:example.org/=pass spf:/=none",
			"2001:db8::1 1  dkim=fail spf=pass from=example.org env=example.org spf:example.org/=pass",
			"192.0.2.12 5  dkim= spf= from=a < b > c env=",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			got, lines, err := rows(t, bytes.NewReader(fixture(t, tt.file)), dmarc.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("report = %+v\nwant     %+v", got, tt.want)
			}
			if !slices.Equal(lines, tt.rows) {
				t.Errorf("rows = %q\nwant   %q", lines, tt.rows)
			}
		})
	}
}

func TestReadReportRefuses(t *testing.T) {
	t.Parallel()
	whole := string(fixture(t, "rfc7489.xml"))
	tests := []struct {
		name, doc string
		limits    dmarc.Limits
		want      error
	}{
		{"a word", "unused", dmarc.Limits{}, dmarc.ErrNotReport},
		{"nothing", "", dmarc.Limits{}, dmarc.ErrNotReport},
		{"another document", "<html><body>feedback</body></html>", dmarc.Limits{}, dmarc.ErrNotReport},
		{"a document type", `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">]>` + whole, dmarc.Limits{}, dmarc.ErrDoctype},
		{"a document type in lower case", `<!doctype feedback SYSTEM "file:///etc/passwd">` + whole, dmarc.Limits{}, dmarc.ErrDoctype},
		{"cut off", whole[:len(whole)-20], dmarc.Limits{}, io.ErrUnexpectedEOF},
		{"cut off in a tag", whole[:700], dmarc.Limits{}, io.ErrUnexpectedEOF},
		{"too many octets", whole, dmarc.Limits{Out: 1000}, dmarc.ErrTooLarge},
		{"too many rows", whole, dmarc.Limits{Rows: 1}, dmarc.ErrTooLarge},
		{"late root", strings.Repeat(" ", 2<<20) + whole, dmarc.Limits{}, dmarc.ErrNotReport},
		{"no domain", strings.Replace(whole, "<domain>example.org</domain>", "", 1), dmarc.Limits{}, dmarc.ErrNotReport},
		{"no receiver", strings.NewReplacer("<org_name>receiver.example</org_name>", "", "<email>noreply-dmarc@receiver.example</email>", "").Replace(whole), dmarc.Limits{}, dmarc.ErrNotReport},
		{"no period", strings.Replace(whole, "1791763200", "0", 1), dmarc.Limits{}, dmarc.ErrNotReport},
		{"period that ends before it begins", strings.Replace(whole, "1791849599", "1791763199", 1), dmarc.Limits{}, dmarc.ErrNotReport},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := rows(t, strings.NewReader(tt.doc), tt.limits)
			if !errors.Is(err, tt.want) {
				t.Errorf("ReadReport = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestReadReportPassesErrorsOn(t *testing.T) {
	t.Parallel()
	stop := errors.New("enough")
	n := 0
	_, err := dmarc.ReadReport(bytes.NewReader(fixture(t, "rfc7489.xml")), dmarc.Limits{}, func(*dmarc.Report, dmarc.Row) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("ReadReport = %v after %d rows, want the error of the first", err, n)
	}
}

func TestUTF16(t *testing.T) {
	t.Parallel()
	wide := []byte{0xff, 0xfe}
	for _, c := range fixture(t, "rfc7489.xml") {
		wide = append(wide, c, 0)
	}
	got, lines, err := rows(t, bytes.NewReader(wide), dmarc.Limits{})
	if err != nil || got.Org != "receiver.example" || len(lines) != 2 {
		t.Errorf("in UTF-16: %v, %+v, %d rows, want 2", err, got, len(lines))
	}
}

// TestRecompute: the receiver's verdict and the identifiers are two opinions,
// and an identifier that passes for somebody else is none.
func TestRecompute(t *testing.T) {
	t.Parallel()
	dkim := func(domain, selector, result string) dmarc.Identifier {
		return dmarc.Identifier{Method: dmarc.DKIM, Domain: domain, Selector: selector, Result: result}
	}
	spf := func(domain, result string) dmarc.Identifier {
		return dmarc.Identifier{Method: dmarc.SPF, Domain: domain, Result: result}
	}
	tests := []struct {
		name   string
		ids    []dmarc.Identifier
		sender dmarc.Identifier
		strict bool
		want   bool
		chief  string
	}{
		{"second signature passes", []dmarc.Identifier{dkim("example.org", "", "fail"), dkim("example.org", "rsa1", "pass")}, spf("x.example", "fail"), false, true, "rsa1"},
		{"pass of another domain", []dmarc.Identifier{dkim("esp.example.net", "k", "pass"), dkim("example.org", "s", "fail")}, spf("esp.example.net", "pass"), false, false, "k"},
		{"sub-domain", []dmarc.Identifier{dkim("mail.example.org", "m", "pass")}, spf("", ""), false, true, "m"},
		{"sub-domain, strict", []dmarc.Identifier{dkim("mail.example.org", "m", "pass")}, spf("", ""), true, false, "m"},
		{"SPF alone", nil, spf("bounce.example.org", "pass"), false, true, ""},
		{"failing and without a selector before one with", []dmarc.Identifier{dkim("example.org", "", "fail"), dkim("example.org", "s2023", "fail")}, spf("", ""), false, false, "s2023"},
		{"aligned and failing before another that fails", []dmarc.Identifier{dkim("esp.example.net", "k", "fail"), dkim("example.org", "s", "fail")}, spf("", ""), false, false, "s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := dmarc.Report{}
			if tt.strict {
				r.Published.DKIM, r.Published.SPF = dmarc.Strict, dmarc.Strict
			}
			row := dmarc.Row{From: "example.org", Signatures: tt.ids, Senders: []dmarc.Identifier{tt.sender}}
			if got := r.Recompute(&row, dmarc.SuffixOrg); got != tt.want {
				t.Errorf("Recompute = %v, want %v", got, tt.want)
			}
			if got := row.Chief().Selector; got != tt.chief {
				t.Errorf("Chief is %q, want %q", got, tt.chief)
			}
		})
	}
}

// large writes a report of n rows, each from another address.
func large(n int) []byte {
	doc := string(bytes.ReplaceAll([]byte(header), []byte("\n"), nil))
	var b strings.Builder
	b.WriteString(doc)
	for i := range n {
		fmt.Fprintf(&b, `<record><row><source_ip>10.%d.%d.%d</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>`+
			`<identifiers><envelope_to>receiver.example</envelope_to><envelope_from>bounce.example.org</envelope_from><header_from>example.org</header_from></identifiers>`+
			`<auth_results><dkim><domain>example.org</domain><selector>s1</selector><result>pass</result></dkim><spf><domain>bounce.example.org</domain><scope>mfrom</scope><result>softfail</result></spf></auth_results></record>`,
			i>>16, i>>8&255, i&255, i%7+1)
	}
	b.WriteString("</feedback>")
	return []byte(b.String())
}

const header = `<?xml version="1.0"?><feedback><report_metadata><org_name>receiver.example</org_name><email>a@receiver.example</email><report_id>1</report_id>
<date_range><begin>1791763200</begin><end>1791849599</end></date_range></report_metadata><policy_published><domain>example.org</domain><p>none</p></policy_published>`

func BenchmarkReadReport(b *testing.B) {
	doc := large(100_000)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := dmarc.ReadReport(bytes.NewReader(doc), dmarc.Limits{}, func(*dmarc.Report, dmarc.Row) error { return nil })
		if err != nil || r.Rows != 100_000 {
			b.Fatal(r.Rows, err)
		}
	}
}
