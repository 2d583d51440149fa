package wire_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func reader(text string) *wire.Reader { return wire.NewReader(strings.NewReader(text), 0) }

func next(t *testing.T, r *wire.Reader) *wire.Response {
	t.Helper()
	p, err := r.Next()
	if err != nil {
		t.Fatalf("Next() = %v", err)
	}
	return p
}

func TestNext(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line                 string
		kind                       wire.Kind
		tag, word, code, args, txt string
		num                        uint32
	}{
		{"greeting", "* OK [CAPABILITY IMAP4rev1 ID] hello", wire.Untagged, "", "OK", "CAPABILITY", "IMAP4rev1 ID", "hello", 0},
		{"tagged", "A1 NO [overquota] full", wire.Tagged, "A1", "NO", "OVERQUOTA", "", "full", 0},
		{"blanks keep alive", "*                    1688  EXISTS", wire.Untagged, "", "EXISTS", "", "", "", 1688},
		{"leading blank", "  * 3 EXISTS", wire.Untagged, "", "EXISTS", "", "", "", 3},
		{"continuation", "+ go ahead", wire.Continuation, "", "", "", "", "go ahead", 0},
		{"bare continuation", "+", wire.Continuation, "", "", "", "", "", 0},
		{"lower case", "* ok done", wire.Untagged, "", "OK", "", "", "done", 0},
		{"bracket in a keyword", `* OK [PERMANENTFLAGS (\Seen [css3-page] \*)] Flags.`, wire.Untagged, "", "OK", "PERMANENTFLAGS", `(\Seen [css3-page] \*)`, "Flags.", 0},
		{"code never closed", "* OK [ALERT so", wire.Untagged, "", "OK", "", "", "[ALERT so", 0},
		{"text like a literal", "* OK see {5}", wire.Untagged, "", "OK", "", "", "see {5}", 0},
		{"no text", "A2 OK", wire.Tagged, "A2", "OK", "", "", "", 0},
		{"unknown", "* XFOO bar", wire.Untagged, "", "XFOO", "", "", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := next(t, reader("\r\n"+tt.line+"\r\n"))
			if p.Kind != tt.kind || p.Tag != tt.tag || p.Name != tt.word || p.Num != tt.num {
				t.Errorf("Next(%q) = kind %d, tag %q, name %q, num %d", tt.line, p.Kind, p.Tag, p.Name, p.Num)
			}
			if p.Code != tt.code || p.Args != tt.args || p.Text != tt.txt {
				t.Errorf("Next(%q) = code %q, args %q, text %q", tt.line, p.Code, p.Args, p.Text)
			}
		})
	}
}

func TestNextSkipsWhatWasNotRead(t *testing.T) {
	t.Parallel()
	r := reader("* LIST () \"/\" {3}\r\nabc\r\n* 1 FETCH (BODY[] {4}\r\na)\r\n X {2}\r\nzz)\r\nA1 OK done\n")
	for _, want := range []string{"LIST", "FETCH", "OK"} {
		if p := next(t, r); p.Name != want {
			t.Fatalf("Next() = %s, want %s", p.Name, want)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("Next() at the end = %v, want EOF", err)
	}
}

func TestNextErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       error
	}{
		{"end", "", io.EOF},
		{"blanks only", "   ", io.EOF},
		{"within a line", "* OK hel", io.ErrUnexpectedEOF},
		{"within a literal", "* LIST () NIL {10}\r\nabc", io.ErrUnexpectedEOF},
		{"behind a literal", "* LIST () NIL {3}\r\nabc", io.ErrUnexpectedEOF},
		{"long line", "* " + strings.Repeat("x", wire.MaxLine+1) + "\r\n", wire.ErrLineTooLong},
		{"endless line", strings.Repeat("x", 2*wire.MaxLine), wire.ErrLineTooLong},
		{"literal beyond counting", "* LIST () NIL {99999999999999999999}\r\n", wire.ErrLiteral},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := reader(tt.text)
			var err error
			for range 3 {
				if _, err = r.Next(); err != nil {
					break
				}
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("Next() = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestLongLineWithinLimit(t *testing.T) {
	t.Parallel()
	list := strings.Repeat("1 ", 300_000)
	p := next(t, reader("* SEARCH "+list+"\r\n"))
	if got := len(p.Search(1 << 20)); got != 300_000 {
		t.Errorf("Search() = %d UIDs, want 300000", got)
	}
}

func TestHostileLinesAreReadInTime(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"parentheses": "* 1 FETCH (FLAGS (" + strings.Repeat(")", wire.MaxLine-50) + "x",
		"lists":       "* 1 FETCH (FLAGS (" + strings.Repeat(") a", wire.MaxLine/4),
		"nesting":     "* 1 FETCH (X " + strings.Repeat("(", wire.MaxLine-50),
		"shifts":      "* LIST () NIL \"" + strings.Repeat("&", 60<<10) + "\"",
		"long name":   "* LIST () NIL \"" + strings.Repeat("&", wire.MaxLine-50) + "\"",
		"flags":       "* 1 FETCH (FLAGS (" + strings.Repeat("a ", wire.MaxLine/4) + "))",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := next(t, reader(line+"\r\n"))
			began := time.Now()
			if p.Name == "LIST" {
				_, _, _ = p.List()
			} else {
				_, _ = p.Fetch(new(wire.Message), nil)
			}
			// Quadratic work on a megabyte takes minutes.
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("reading took %v", took)
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	f.Add("* 1 FETCH (UID 5 FLAGS (\\Seen) BODY[] {3}\r\nabc)\r\nA1 OK\r\n", 64)
	f.Add("* LIST (\\Noselect) \"/\" {2}\r\nab\r\n* NAMESPACE ((\"\" \"/\")) NIL ((\"a\" NIL))\r\n", 0)
	f.Add("* STATUS x (MESSAGES 1 SIZE -1)\r\n* ESEARCH (TAG \"A\") UID ALL 1:5\r\n+ x\r\n", 10)
	f.Add("* OK [PERMANENTFLAGS (]] \\*)] x\r\n* 1 FETCH (BODY[] {1}\r\na\r\n)\r\n", 10)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		r := wire.NewReader(strings.NewReader(text), limit)
		for range 1000 {
			p, err := r.Next()
			if err != nil {
				return
			}
			var s wire.Selected
			p.Select(&s)
			switch p.Name {
			case "FETCH":
				var m wire.Message
				_, _ = p.Fetch(&m, func(size int64, body io.Reader) error {
					n, err := io.Copy(io.Discard, body)
					if err == nil && n != size {
						t.Errorf("body of %d octets announced as %d", n, size)
					}
					return err
				})
				for _, flag := range m.Flags {
					if !wire.ValidFlag(flag) && flag != `\*` {
						t.Errorf("flag %q is not valid", flag)
					}
				}
			case "LIST", "LSUB":
				if m, ok, _ := p.List(); ok && m.Wire == "" {
					t.Error("mailbox without a name")
				}
			case "STATUS":
				_, _ = p.Status()
			case "NAMESPACE":
				_, _ = p.Namespaces()
			default:
				if got := len(p.Search(10)); got > 10 {
					t.Errorf("Search(10) = %d UIDs", got)
				}
			}
		}
	})
}
