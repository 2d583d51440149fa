package dmarc_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

func gz(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipped packs files: name, data, name, data ...
func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func b64(data []byte) string {
	text := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for chunk := range slices.Chunk([]byte(text), 76) {
		b.Write(chunk)
		b.WriteString("\r\n")
	}
	return b.String()
}

const envelope = "From: r@receiver.example\r\nSubject: Report Domain: example.org\r\nMIME-Version: 1.0\r\n"

// mixed is a message with a text and one attachment; field spells the header
// of the content type.
func mixed(field, encoding, body string) string {
	return envelope + field + ": multipart/mixed;\r\n boundary=\"=_b\"\r\n\r\nfor old readers\r\n--=_b\r\nContent-Type: text/html\r\n\r\n<p>The report is attached.</p>\r\n" +
		"--=_b\r\n" + field + ": application/octet-stream; name=\"a!b.xml.gz\"\r\n" + encoding + "\r\n" + body + "\r\n--=_b--\r\n"
}

// found lists what a file gives: the ids of reports, and errors.
func found(t testing.TB, file []byte, l dmarc.Limits) []string {
	t.Helper()
	var got []string
	for doc, err := range dmarc.Documents(bytes.NewReader(file), l) {
		var r dmarc.Report
		if err == nil {
			r, err = dmarc.ReadReport(doc.Body, l, func(*dmarc.Report, dmarc.Row) error { return nil })
		}
		switch {
		case err == nil:
			got = append(got, doc.Name+"="+r.ID)
		case errors.Is(err, dmarc.ErrNotReport):
			got = append(got, doc.Name+"!not a report")
		case errors.Is(err, dmarc.ErrTooLarge):
			got = append(got, doc.Name+"!too large")
		default:
			got = append(got, doc.Name+"!"+err.Error())
		}
	}
	return got
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	const id, base64Field = "6200116223123456789", "Content-Transfer-Encoding: base64\r\n"
	doc := fixture(t, "rfc7489.xml")
	packed, archive := gz(t, doc), zipped(t, "r/../a.xml", string(doc))
	one, word := mixed("Content-Type", base64Field, b64(packed)), gz(t, []byte("unused"))
	forwarded := envelope + "Content-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\nContent-Type: message/rfc822\r\n\r\n" + one + "\r\n--f--\r\n"
	tests := []struct {
		name string
		file []byte
		want []string
	}{
		{"xml", doc, []string{"=" + id}},
		{"xml after blanks and a mark", append([]byte("\xef\xbb\xbf\r\n "), doc...), []string{"=" + id}},
		{"gzip", packed, []string{"=" + id}},
		{"zip", archive, []string{"a.xml=" + id}},
		{"zip of two and a bad one", zipped(t, "a.xml", string(doc), "b.txt", "hello", "c.xml", string(doc)), []string{"a.xml=" + id, "b.txt!not a report", "c.xml=" + id}},
		{"zip of six", zipped(t, "1", "", "2", "", "3", "", "4", "", "5", string(doc), "6", string(doc)),
			[]string{"1!not a report", "2!not a report", "3!not a report", "4!not a report", "5=" + id, "!too large"}},
		{"zip of nothing", zipped(t), []string{"!not a report"}},
		{"gzip in gzip", gz(t, packed), []string{"!not a report"}},
		{"gzip of a word", word, []string{"!not a report"}},
		{"gzip cut off", packed[:len(packed)/2], []string{"!report: unexpected EOF"}},
		{"zip cut off", archive[:len(archive)/2], []string{"!zip: zip: not a valid zip file"}},
		{"message", []byte(one), []string{"a!b.xml.gz=" + id}},
		{"message as delivered", []byte("From r@receiver.example Mon Oct 12 00:00:00 2026\n" + one), []string{"a!b.xml.gz=" + id}},
		{"message with bare line feeds", []byte(strings.ReplaceAll(one, "\r\n", "\n")), []string{"a!b.xml.gz=" + id}},
		{"misspelt headers", []byte(mixed("ContentType", base64Field, b64(packed))), []string{"=" + id}},
		{"no transfer encoding told", []byte(mixed("Content-Type", "", b64(packed))), []string{"a!b.xml.gz=" + id}},
		{"raw zip as a part", []byte(mixed("Content-Type", "Content-Transfer-Encoding: binary\r\n", string(archive))), []string{"a!b.xml.gz/a.xml=" + id}},
		{"xml as quoted-printable", []byte(mixed("Content-Type", "Content-Transfer-Encoding: quoted-printable\r\n", strings.ReplaceAll(string(doc), "=", "=3D"))), []string{"a!b.xml.gz=" + id}},
		{"body without parts", []byte(envelope + "Content-Type: application/zip\r\n" + base64Field + "\r\n" + b64(archive)), []string{"a.xml=" + id}},
		{"forwarded", []byte(forwarded), []string{"a!b.xml.gz=" + id}},
		{"the word in mail", []byte(mixed("Content-Type", base64Field, b64(word))), []string{"a!b.xml.gz!not a report"}},
		{"ordinary mail", []byte(envelope + "\r\nhello\r\n"), []string{"!not a report"}},
		{"text", []byte("hello, world"), []string{"!not a report"}},
		{"nothing", nil, []string{"!not a report"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := found(t, tt.file, dmarc.Limits{}); !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

// TestMessageAround: who sent a report is told by the innermost message, and a
// part that comes after it belongs to the outer one again.
func TestMessageAround(t *testing.T) {
	t.Parallel()
	packed := gz(t, fixture(t, "rfc7489.xml"))
	attached := "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(packed)
	inner := "From: inner@receiver.example\r\n" + attached
	forwarded := envelope + "Content-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\nContent-Type: message/rfc822\r\n\r\n" + inner + "\r\n--f\r\n" + attached + "\r\n--f--\r\n"
	tests := []struct {
		name string
		file string
		want []string // what each document is in
	}{
		{"gzip", string(packed), []string{""}},
		{"zip", string(zipped(t, "a", "x", "b", "y")), []string{"", ""}},
		{"message", inner, []string{inner}},
		{"message as delivered", "From r@receiver.example Mon Oct 12 00:00:00 2026\n" + inner, []string{inner}},
		{"forwarded, and attached beside it", forwarded, []string{inner + "\r\n", forwarded}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for doc, err := range dmarc.Documents(strings.NewReader(tt.file), dmarc.Limits{}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(doc.Message))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("the documents are in %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDocumentsStops(t *testing.T) {
	t.Parallel()
	file := zipped(t, "a", "x", "b", "x", "c", "x")
	n := 0
	for _, err := range dmarc.Documents(bytes.NewReader(file), dmarc.Limits{}) {
		if err != nil {
			t.Error(err)
		}
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d documents were given, want 2", n)
	}
}

// bombs are files that say more than they hold.
func bombs(t testing.TB) map[string][]byte {
	t.Helper()
	xml := xmlBombs()
	many := make([]string, 0, 800)
	for i := range 400 {
		many = append(many, fmt.Sprint(i), "")
	}
	deep := "x"
	for range 64 {
		deep = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + deep + "\r\n--b--\r\n"
	}
	return map[string][]byte{
		"gzip":   gz(t, []byte(xml["blanks"])),
		"zip":    zipped(t, "a", xml["blanks"], "b", xml["blanks"]),
		"nested": gz(t, []byte(xml["nested"])),
		"tags":   gz(t, []byte(xml["tags"])),
		"many":   zipped(t, many...),
		"deep":   []byte(deep),
		"lol":    []byte(xml["lol"]),
	}
}

// xmlBombs are documents that ask for more memory than they are worth.
func xmlBombs() map[string]string {
	const row = "<record><row><source_ip>192.0.2.1</source_ip><count>1</count>"
	return map[string]string{
		"blanks":     header + "<record><row><source_ip>" + strings.Repeat(" ", 1<<20),
		"nested":     header + strings.Repeat("<record><row><policy_evaluated><reason>", 20_000),
		"tags":       strings.Repeat("<", 1<<20),
		"lol":        `<!DOCTYPE a [<!ENTITY b "` + strings.Repeat("&c;", 1000) + `">]><feedback>&b;</feedback>`,
		"references": header + "<record><row><source_ip>" + strings.Repeat("&#65;", 100_000),
		"attributes": header + "<record " + strings.Repeat(`a="b" `, 100_000),
		"name":       header + "<" + strings.Repeat("a", 1<<20) + ">",
		"reasons":    header + row + "<policy_evaluated>" + strings.Repeat("<reason><type>other</type></reason>", 20_000),
		"signatures": header + row + "</row><auth_results>" + strings.Repeat("<dkim><domain>a.example</domain></dkim>", 20_000),
		"policies":   header + strings.Repeat("<policy_published><domain>a.example</domain></policy_published>", 10_000),
		"notes":      header + strings.Repeat("<record><row><source_ip>x</source_ip><count>1</count></row></record>", 10_000),
	}
}

func TestBombs(t *testing.T) {
	t.Parallel()
	for name, file := range bombs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, line := range found(t, file, dmarc.Limits{Out: 256 << 10}) {
				if !strings.Contains(line, "!") {
					t.Errorf("found %q", line)
				}
			}
		})
	}
}

// TestLargeReport holds a tenth of what the benchmark reads to a tenth of the
// memory. It does not run beside others, since the count is of the whole
// process.
func TestLargeReport(t *testing.T) {
	file := large(10_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sum := 0
	for doc, err := range dmarc.Documents(bytes.NewReader(file), dmarc.Limits{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err = dmarc.ReadReport(doc.Body, dmarc.Limits{}, func(_ *dmarc.Report, r dmarc.Row) error { sum += int(r.Count); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 6<<20+1<<19 {
		t.Errorf("10,000 rows took %d MiB, want at most 6.5", used>>20)
	}
	if want := 39_994; sum != want {
		t.Errorf("%d messages, want %d", sum, want)
	}
}

func FuzzReadReport(f *testing.F) {
	for _, name := range []string{"rfc7489.xml", "rfc9990.xml", "careless.xml"} {
		f.Add(fixture(f, name))
	}
	for _, text := range []string{"", "<", "<feedback", "</feedback>", "<feedback><record/><record></record></feedback>", "<feedback/>", "<![CDATA[", "<!--", "<?x",
		"<feedback><extension><record>", header + "<record><row><source_ip>1.1.1.1</source_ip><count>1</count>&#x110000;&#;&lt", "<a:feedback xmlns:a='>'><b:record/></a:feedback>"} {
		f.Add([]byte(text))
	}
	for _, text := range xmlBombs() {
		f.Add([]byte(text))
	}
	limits := dmarc.Limits{Out: 1 << 20, Rows: 1000}
	f.Fuzz(func(t *testing.T, doc []byte) {
		n, before := 0, allocated()
		r, err := dmarc.ReadReport(bytes.NewReader(doc), limits, func(_ *dmarc.Report, row dmarc.Row) error {
			n++
			if !row.Source.IsValid() || row.Source.Zone() != "" || row.Count <= 0 || len(row.Signatures) > 32 || len(row.Overrides) > 32 {
				t.Errorf("row %+v", row)
			}
			r := dmarc.Report{}
			r.Recompute(&row, dmarc.SuffixOrg)
			row.Chief()
			return nil
		})
		// A row is taken apart again above, which costs more than reading it, and
		// one that is left out costs a note that is not kept.
		if used, most := allocated()-before, uint64(1<<20+n*64<<10+4*len(doc)); used > most {
			t.Errorf("%d octets with %d rows took %d octets of memory, want %d at most", len(doc), n, used, most)
		}
		if n != r.Rows || n > limits.Rows || len(r.Notes) > 16 {
			t.Errorf("%d rows were given and %d counted, %d notes", n, r.Rows, len(r.Notes))
		}
		if err == nil && (r.Org == "" || r.Domain == "" || r.Begin.IsZero() || r.End.Before(r.Begin)) {
			t.Errorf("a report without a key: %+v", r.ReportKey)
		}
		for _, text := range append(r.Notes, r.Org, r.Email, r.ID, r.Generator) {
			if len(text) > 4096 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' }) {
				t.Errorf("%q is kept", text)
			}
		}
	})
}

func FuzzDocuments(f *testing.F) {
	doc := fixture(f, "rfc7489.xml")
	f.Add(doc)
	f.Add(gz(f, doc))
	f.Add(zipped(f, "a.xml", string(doc), "b/c.xml", "x"))
	f.Add([]byte(mixed("Content-Type", "Content-Transfer-Encoding: base64\r\n", b64(gz(f, doc)))))
	f.Add([]byte(mixed("ContentType", "", b64(zipped(f, "a", "unused")))))
	for _, file := range bombs(f) {
		f.Add(file)
	}
	limits := dmarc.Limits{In: 1 << 20, Mail: 1 << 20, Out: 1 << 20}
	f.Fuzz(func(t *testing.T, file []byte) {
		n, read, before := 0, int64(0), allocated()
		for doc, err := range dmarc.Documents(bytes.NewReader(file), limits) {
			n++
			if err != nil {
				continue
			}
			octets, _ := io.Copy(io.Discard, doc.Body)
			read += octets
		}
		// The message and the archive are held whole, and decoded once.
		if used := allocated() - before; used > 24<<20 {
			t.Errorf("%d octets took %d octets of memory, want %d at most", len(file), used, 24<<20)
		}
		if n == 0 || n > 2000 || read > limits.Out {
			t.Errorf("%d documents with %d octets, of at most %d", n, read, limits.Out)
		}
	})
}

// allocated returns the octets that were ever allocated: what a parser may be
// made to take shows in the difference.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
