package wire_test

import (
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func TestList(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, data string
		wire, show string
		delim      rune
		attrs      []imap.MailboxAttr
	}{
		{"plain", `(\HasNoChildren) "/" "Archive/2019"`, "Archive/2019", "Archive/2019", '/', []imap.MailboxAttr{imap.MailboxAttrHasNoChildren}},
		{"atom", `() "." INBOX`, "INBOX", "INBOX", '.', nil},
		{"flat", `() NIL INBOX`, "INBOX", "INBOX", 0, nil},
		{"delimiter of no length", `() "" INBOX`, "INBOX", "INBOX", 0, nil},
		{"backslash as delimiter", `() "\\" "a\\b"`, `a\b`, `a\b`, '\\', nil},
		{"attributes", `( \SENT  \Subscribed \XList) "/" Sent`, "Sent", "Sent", '/', []imap.MailboxAttr{imap.MailboxAttrSent, imap.MailboxAttrSubscribed, `\XList`}},
		{"modified utf-7", `() "/" "Entw&APw-rfe"`, "Entw&APw-rfe", "Entwürfe", '/', nil},
		{"lone ampersand", `() "/" "R&D"`, "R&D", "R&D", '/', nil},
		{"latin-1", "() \"/\" \"Entw\xfcrfe\"", "Entw\xfcrfe", "Entwürfe", '/', nil},
		{"utf-8", `() "/" "Entwürfe"`, "Entwürfe", "Entwürfe", '/', nil},
		{"tab", "() \"/\" \"a\tb\"", "a\tb", "a\tb", '/', nil},
		{"blank without quotes", `() "/" Old stuff`, "Old stuff", "Old stuff", '/', nil},
		{"percent without quotes", `() "/" 100%`, "100%", "100%", '/', nil},
		{"quote not escaped", `() "/" "a"b"`, `a"b`, `a"b`, '/', nil},
		{"brace at the end", `() "/" foo{5}`, "foo{5}", "foo{5}", '/', nil},
		{"extended data", `(\NonExistent) "/" "a" ("CHILDINFO" ("SUBSCRIBED"))`, "a", "a", '/', []imap.MailboxAttr{imap.MailboxAttrNonExistent}},
		{"extended data behind an atom", `() "/" a ("CHILDINFO" ("SUBSCRIBED"))`, "a", "a", '/', nil},
		{"literal", "() \"/\" {5}\r\na\r\n\"b", "a\r\n\"b", "a\r\n\"b", '/', nil},
		{"no name", `() "/"`, "", "", 0, nil},
		{"empty name", `(\Noselect) "/" ""`, "", "", 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := reader("* LIST " + tt.data + "\r\nA1 OK done\r\n")
			m, ok, err := next(t, r).List()
			if err != nil || ok != (tt.wire != "") {
				t.Fatalf("List(%s) = %+v, %v, %v", tt.data, m, ok, err)
			}
			if ok && (m.Wire != tt.wire || m.Name != tt.show || m.Delim != tt.delim || !slices.Equal(m.Attrs, tt.attrs)) {
				t.Errorf("List(%s) = %+v", tt.data, m)
			}
			if p := next(t, r); p.Tag != "A1" {
				t.Errorf("Next() = %+v, want the tagged answer", p)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	r := reader(`* FLAGS (\Answered \Seen $Phishing OIB-Seen-[Gmail]/All Mail OIB-Seen-[Gmail]/Trash)
* OK [PERMANENTFLAGS (\Answered \Seen OIB-Seen-[Gmail]/All Mail [css3-page] \*)] Flags permitted.
*  12 EXISTS
* OK [UIDVALIDITY 4000000000] ok
* OK [UIDNEXT 99] ok
* OK [HIGHESTMODSEQ 18446744073709551615] ok
* OK [UIDNEXT 99999999999] ignored
A1 OK [READ-ONLY] done
`)
	var s wire.Selected
	for range 8 {
		next(t, r).Select(&s)
	}
	if s.Exists != 12 || s.UIDValidity != 4000000000 || s.UIDNext != 99 || s.HighestModSeq != 1<<64-1 || !s.ReadOnly {
		t.Errorf("Select() = %+v", s)
	}
	if want := []imap.Flag{`\Answered`, `\Seen`, "$Phishing"}; !slices.Equal(s.Flags, want) {
		t.Errorf("Flags = %q, want %q", s.Flags, want)
	}
	if want := []imap.Flag{`\Answered`, `\Seen`, `\*`}; !slices.Equal(s.PermanentFlags, want) {
		t.Errorf("PermanentFlags = %q, want %q", s.PermanentFlags, want)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`"a (b"`, `inbox`, "{4}\r\na (b"} {
		s, err := next(t, reader("* STATUS "+name+" (MESSAGES 3  UIDNEXT -1 UIDVALIDITY 99999999999 SIZE 8000000000)\r\n")).Status()
		if err != nil || s.Messages == nil || *s.Messages != 3 || s.Size == nil || *s.Size != 8000000000 {
			t.Errorf("Status(%s) = %+v, %v", name, s, err)
		}
		if s.UIDNext != nil || s.UIDValidity != nil {
			t.Errorf("Status(%s) believes numbers out of range: %+v", name, s)
		}
	}
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	lists, err := next(t, reader(`* NAMESPACE (("INBOX." ".")) NIL (("#shared/" "/" "X" ("a")) ("" NIL))`+"\r\n")).Namespaces()
	want := [3][]wire.Namespace{{{Prefix: "INBOX.", Delim: '.'}}, nil, {{Prefix: "#shared/", Delim: '/'}, {}}}
	if err != nil || !slices.EqualFunc(lists[:], want[:], slices.Equal[[]wire.Namespace]) {
		t.Errorf("Namespaces() = %+v, %v; want %+v", lists, err, want)
	}
}

func TestAppendUID(t *testing.T) {
	t.Parallel()
	validity, uids, ok := wire.AppendUID("38505 3955:3957,3950")
	if !ok || validity != 38505 || uids.String() != "3955:3957,3950" {
		t.Errorf("AppendUID() = %d, %v, %v", validity, uids, ok)
	}
	for _, args := range []string{"", "1", "0 5", "x 5", "1 5:x", "1 *"} {
		if _, _, ok := wire.AppendUID(args); ok {
			t.Errorf("AppendUID(%q) is believed", args)
		}
	}
}
