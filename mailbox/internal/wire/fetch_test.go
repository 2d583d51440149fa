package wire_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func TestFetchMetadata(t *testing.T) {
	t.Parallel()
	date := time.Date(2020, 7, 17, 2, 44, 25, 0, time.FixedZone("", -7*3600-1800))
	tests := []struct {
		name, data string
		uid        imap.UID
		flags      string
		odd        int
		date       bool
		size       int64
	}{
		{"plain", `UID 7 FLAGS (\Seen $Forwarded) INTERNALDATE "17-Jul-2020 02:44:25 -0730" RFC822.SIZE 44`, 7, `\Seen $Forwarded`, 0, true, 44},
		{"other order", `RFC822.SIZE 44 INTERNALDATE "17-Jul-2020 02:44:25 -0730" FLAGS () UID 7`, 7, "", 0, true, 44},
		{"blanks", `UID  7  FLAGS  (\Seen   a)   RFC822.SIZE  44 `, 7, `\Seen a`, 0, false, 44},
		{"lower case", `uid 7 flags (\SEEN) rfc822.size 44`, 7, `\Seen`, 0, false, 44},
		{"gmail keyword with a blank", `UID 7 FLAGS (\Seen OIB-Seen-[Gmail]/All Mail) RFC822.SIZE 44`, 7, `\Seen`, 1, false, 44},
		{"gmail keyword in one word", `UID 7 FLAGS (OIB-Seen-[Gmail]/Trash work) RFC822.SIZE 44`, 7, "work", 1, false, 44},
		{"recent", `FLAGS (\Recent \Seen) UID 7`, 7, `\Seen`, 0, false, 0},
		{"unknown system flag", `FLAGS (\Foo \Seen) UID 7`, 7, `\Seen`, 1, false, 0},
		{"parentheses in a keyword", `FLAGS (\Seen foo(bar) baz) UID 7 RFC822.SIZE 44`, 7, `\Seen baz`, 1, false, 44},
		{"stray parenthesis in a keyword", `FLAGS (\Seen foo) bar) UID 7`, 7, `\Seen bar`, 1, false, 0},
		{"flags nil", `FLAGS NIL UID 7`, 7, "", 0, false, 0},
		{"date nil", `INTERNALDATE NIL UID 7 RFC822.SIZE 44`, 7, "", 0, false, 44},
		{"date with a zone by name", `INTERNALDATE "17-Jul-2020 02:44:25 GMT" UID 7`, 7, "", 0, false, 0},
		{"date without quotes", `INTERNALDATE 17-Jul-2020 02:44:25 -0730 UID 7`, 7, "", 0, false, 0},
		{"size negative", `RFC822.SIZE -1 UID 7`, 7, "", 0, false, 0},
		{"uid too large", `UID 99999999999 RFC822.SIZE 44`, 0, "", 0, false, 44},
		{"unknown items", `X-GM-MSGID 1278 X-GM-LABELS ("\\Sent" (UID 9) "UID 8") MODSEQ (12) UID 7 FLAGS (a)`, 7, "a", 0, false, 0},
		{"unknown item behind flags", `FLAGS (\Seen) X-FOO (a) UID 7`, 7, `\Seen`, 0, false, 0},
		{"envelope", `ENVELOPE ("UID 9" "sub\"ject" NIL (("a" NIL "b" "c"))) UID 7`, 7, "", 0, false, 0},
		{"structure", `BODY ("TEXT" "PLAIN" ("UID" "9") NIL) UID 7`, 7, "", 0, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := next(t, reader("* 12 FETCH ("+tt.data+")\r\n"))
			var m wire.Message
			if _, err := p.Fetch(&m, nil); err != nil {
				t.Fatal(err)
			}
			var flags []imap.Flag
			for f := range strings.FieldsSeq(tt.flags) {
				flags = append(flags, imap.Flag(f))
			}
			if m.UID != tt.uid || m.Size != tt.size || m.OddFlags != tt.odd || !slices.Equal(m.Flags, flags) {
				t.Errorf("Fetch(%s) = %+v", tt.data, m)
			}
			if tt.date != m.InternalDate.Equal(date) || tt.date == m.InternalDate.IsZero() {
				t.Errorf("Fetch(%s) = date %v", tt.data, m.InternalDate)
			}
		})
	}
}

func TestFetchBody(t *testing.T) {
	t.Parallel()
	type got struct {
		uid  imap.UID
		body string
	}
	tests := []struct {
		name, data string
		want       got
		uid        imap.UID
	}{
		{"uid first", "UID 7 BODY[] {5}\r\na(b)\n)", got{7, "a(b)\n"}, 7},
		{"uid last", "BODY[] {5}\r\nhello UID 7)", got{0, "hello"}, 7},
		{"no blank", "UID 7 BODY[]{5}\r\nhello)", got{7, "hello"}, 7},
		{"origin", "UID 7 BODY[]<0> {5}\r\nhello)", got{7, "hello"}, 7},
		{"literal8", "UID 7 BODY[] ~{5}\r\nhello)", got{7, "hello"}, 7},
		{"quoted", `UID 7 BODY[] "he\"o")`, got{7, `he"o`}, 7},
		{"rfc822", "RFC822 {5}\r\nhello UID 7)", got{0, "hello"}, 7},
		{"empty", "UID 7 BODY[] {0}\r\n)", got{7, ""}, 7},
		{"empty line behind the literal", "BODY[] {5}\r\nhello\r\n) UID 7)", got{0, "hello"}, 7},
		{"nil", "UID 7 BODY[] NIL)", got{0, "none"}, 7},
		{"header is no body", "UID 7 BODY[HEADER.FIELDS (SUBJECT)] {5}\r\nhello)", got{0, "none"}, 7},
		{"text is no body", "UID 7 BODY[TEXT] {5}\r\nhello)", got{0, "none"}, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := reader("* 12 FETCH (" + tt.data + "\r\nA1 OK done\r\n")
			p, have := next(t, r), got{0, "none"}
			var m wire.Message
			_, err := p.Fetch(&m, func(size int64, body io.Reader) error {
				b, err := io.ReadAll(body)
				have = got{m.UID, string(b)}
				if size != int64(len(b)) {
					t.Errorf("size = %d, want %d", size, len(b))
				}
				return err
			})
			if err != nil || have != tt.want || m.UID != tt.uid {
				t.Errorf("Fetch(%q) = %+v, uid %d, %v; want %+v, uid %d", tt.data, have, m.UID, err, tt.want, tt.uid)
			}
			if p := next(t, r); p.Tag != "A1" {
				t.Errorf("Next() behind the body = %+v, want the tagged answer", p)
			}
		})
	}
}

func TestFetchBodyCut(t *testing.T) {
	t.Parallel()
	p := next(t, reader("* 1 FETCH (UID 7 BODY[] {100000}\r\nabc"))
	var m wire.Message
	_, err := p.Fetch(&m, func(_ int64, body io.Reader) error {
		_, err := io.ReadAll(body)
		return err
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Fetch() of a body cut short = %v, want unexpected EOF", err)
	}
}

func TestFetchHeader(t *testing.T) {
	t.Parallel()
	header := "Subject: x\r\nMessage-ID: <a@b>\r\n\r\n"
	p := next(t, reader("* 1 FETCH (UID 7 BODY[HEADER.FIELDS (\"MESSAGE-ID\" DATE)] {33}\r\n"+header+")\r\n"))
	var m wire.Message
	got, err := p.Fetch(&m, nil)
	if err != nil || got != wire.ItemUID|wire.ItemHeader || m.Header != wire.Fingerprint([]byte(header)) {
		t.Errorf("Fetch() = %b, %x, %v", got, m.Header, err)
	}
}

func BenchmarkFetchMetadata(b *testing.B) {
	line := `* 12 FETCH (UID 7 FLAGS (\Seen $Forwarded) INTERNALDATE "17-Jul-2020 02:44:25 -0730" RFC822.SIZE 44)` + "\r\n"
	text := strings.Repeat(line, 1000)
	for b.Loop() {
		r := reader(text)
		for {
			p, err := r.Next()
			if err != nil {
				break
			}
			var m wire.Message
			if _, err := p.Fetch(&m, nil); err != nil || m.UID != 7 {
				b.Fatal(m, err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/message")
}
