package mailbox_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// boxes writes a listing down: a delimiter, then names, each with attributes
// behind it.
func boxes(delim rune, names ...string) []mailbox.Mailbox {
	var all []mailbox.Mailbox
	for _, n := range names {
		f := strings.Split(n, " \\")
		m := mailbox.Mailbox{Name: f[0], Wire: wire.EncodeName(f[0]), Delim: delim}
		for _, attr := range f[1:] {
			m.Attrs = append(m.Attrs, imap.MailboxAttr(`\`+attr))
		}
		all = append(all, m)
	}
	return all
}

func personal(prefix string, delim rune) imapconn.Namespaces {
	return imapconn.Namespaces{Personal: []imapconn.Namespace{{Prefix: prefix, Delim: delim}}}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	gmail := boxes('/', "INBOX", `[Gmail] \Noselect`, `[Gmail]/Sent Mail \Sent`, `[Gmail]/Bin \Trash`, `[Gmail]/All Mail \All`, `[Gmail]/Drafts \Drafts`, `[Gmail]/Spam \Junk`)
	tests := []struct {
		name           string
		source, target []mailbox.Mailbox
		o              mailbox.PairOptions
		want           string
	}{
		{
			name:   "prefix and separator",
			source: boxes('.', "INBOX", "INBOX.Sent", "INBOX.a.b"), target: boxes('/', "INBOX", `Sent Items \Sent`),
			o:    mailbox.PairOptions{Source: personal("INBOX.", '.'), Target: personal("", '/')},
			want: "INBOX>INBOX inbox, INBOX.Sent>Sent Items name, INBOX.a.b>a/b same",
		},
		{
			name:   "prefix without NAMESPACE",
			source: boxes('.', "INBOX", "INBOX.a"), target: boxes('/', "INBOX"),
			want: "INBOX>INBOX inbox, INBOX.a>a same",
		},
		{
			name:   "target wants a prefix, none is doubled",
			source: boxes('/', "INBOX", "INBOX/x", "a/b"), target: boxes('.', "INBOX"),
			o:    mailbox.PairOptions{Source: personal("", '/'), Target: personal("INBOX.", '.')},
			want: "INBOX>INBOX inbox, INBOX/x>INBOX.x same, a/b>INBOX.a.b same",
		},
		{
			name:   "special use by attribute wins over names",
			source: boxes('/', "INBOX", "Sent", `Ausgang \Sent`), target: gmail,
			want: "INBOX>INBOX inbox, Ausgang>[Gmail]/Sent Mail special-use, Sent>Sent same",
		},
		{
			name:   "localised names",
			source: boxes('/', "INBOX", "Gesendete Elemente", "Papierkorb", "Entwürfe", "SPAM"), target: gmail,
			want: "INBOX>INBOX inbox, Entwürfe>[Gmail]/Drafts name, Gesendete Elemente>[Gmail]/Sent Mail name, Papierkorb>[Gmail]/Bin name, SPAM>[Gmail]/Spam name",
		},
		{
			name:   "children follow",
			source: boxes('/', `Sent \Sent`, "Sent/2019", "Sent/2019/May"), target: gmail,
			want: "Sent>[Gmail]/Sent Mail special-use, Sent/2019>[Gmail]/Sent Mail/2019 parent, Sent/2019/May>[Gmail]/Sent Mail/2019/May parent",
		},
		{
			name:   "names that the provider gives",
			source: boxes('/', `Archive \Archive`), target: boxes('/', "INBOX"),
			o:    mailbox.PairOptions{Names: map[imap.MailboxAttr]string{imap.MailboxAttrArchive: "Archiv"}},
			want: "Archive>Archiv special-use",
		},
		{
			name:   "explicit pairs, with children",
			source: boxes('.', "INBOX", "INBOX.Old stuff", "INBOX.Old stuff.x"), target: boxes('/', "INBOX"),
			o:    mailbox.PairOptions{Source: personal("INBOX.", '.'), Mailboxes: map[string]string{"Old stuff": "Archive/Old"}},
			want: "INBOX>INBOX inbox, INBOX.Old stuff>Archive/Old explicit, INBOX.Old stuff.x>Archive/Old/x parent",
		},
		{
			name:   "what shows other mailboxes or belongs to others is left out",
			source: boxes('/', "INBOX", `All \All`, `Starred \Flagged`, "user/bob/x", "shared/y", `Gone \NonExistent`, `Dir \Noselect`, "Dir/z", "Virtual/unread"),
			target: boxes('/', "INBOX"),
			o: mailbox.PairOptions{Source: imapconn.Namespaces{
				Personal: []imapconn.Namespace{{Delim: '/'}, {Prefix: "Virtual/", Delim: '/'}},
				Other:    []imapconn.Namespace{{Prefix: "user/", Delim: '/'}}, Shared: []imapconn.Namespace{{Prefix: "shared/", Delim: '/'}},
			}},
			want: "INBOX>INBOX inbox, -All, Dir/z>Dir/z same, -Starred, -Virtual/unread, -shared/y, -user/bob/x",
		},
		{
			name:   "excluded by use and by name",
			source: boxes('/', "INBOX", `Trash \Trash`, "Junk", "x"), target: boxes('/', "INBOX"),
			o:    mailbox.PairOptions{Exclude: []string{`\Trash`, `\Junk`, "x"}},
			want: "INBOX>INBOX inbox, -Junk, -Trash, -x",
		},
		{
			name:   "the target's delimiter inside a name",
			source: boxes('.', "INBOX", "Jim / John"), target: boxes('/', "INBOX"),
			want: "INBOX>INBOX inbox, Jim / John>Jim _ John same !MX050",
		},
		{
			name:   "a dot inside a name",
			source: boxes('/', "Dr. Jones", "Some..."), target: boxes('.', "INBOX"),
			want: "Dr. Jones>Dr_ Jones same, Some...>Some___ same !MX050 !MX050",
		},
		{
			name:   "a flat source has no levels",
			source: boxes(0, "a.b/c"), target: boxes('.', "INBOX"),
			want: "a.b/c>a_b/c same !MX050",
		},
		{
			name:   "white space that servers trim",
			source: boxes('/', "  a  b /c"), target: boxes('/', "INBOX"),
			want: "  a  b /c>a b/c same !MX050",
		},
		{
			name:   "names that the provider keeps",
			source: boxes('/', "Calendar", "x/Calendar"), target: boxes('/', "INBOX"),
			o:    mailbox.PairOptions{Reserved: []string{"calendar"}},
			want: "Calendar>Calendar_migrated same, x/Calendar>x/Calendar same !MX050",
		},
		{
			name:   "names that differ in case",
			source: boxes('/', "Work", "work"), target: boxes('/', "INBOX"),
			want: "Work>Work same, work>work same !MX056",
		},
		{
			name:   "names that differ in their normal form",
			source: boxes('/', "Gro\u0308\u00dfe", "Gr\u00f6\u00dfe"), target: boxes('/', "INBOX"),
			want: "Gro\u0308\u00dfe>Gro\u0308\u00dfe same, Gr\u00f6\u00dfe>Gr\u00f6\u00dfe same !MX056",
		},
		{
			name:   "two into one",
			source: boxes('.', "a/b", "a_b"), target: boxes('/', "INBOX"),
			want: "a/b>a_b same, a_b>a_b same !MX050 !MX051",
		},
		{
			name:   "existing target keeps its spelling on the wire",
			source: boxes('/', "inbox"), target: boxes('/', "Inbox"),
			want: "inbox>INBOX inbox",
		},
		{
			name:   "into another account",
			source: boxes('/', "INBOX", `Sent \Sent`), target: gmail,
			o:    mailbox.PairOptions{Into: "Info"},
			want: "INBOX>Info/INBOX same, Sent>Info/Sent same",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pairs, found := mailbox.Pairs(tt.source, tt.target, tt.o)
			var got []string
			for _, p := range pairs {
				if p.Skip != "" {
					got = append(got, "-"+p.Source)
					continue
				}
				got = append(got, fmt.Sprintf("%s>%s %s", p.Source, p.Target, p.Rule))
			}
			text := strings.Join(got, ", ")
			for _, f := range found {
				if f.Code != "MX052" {
					text += " !" + string(f.Code)
				}
			}
			if text != tt.want {
				t.Errorf("Pairs() = %s\nwant %s", text, tt.want)
			}
		})
	}
}

func TestPairsCreateOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	source := boxes('/', "INBOX", "a", "b", "c")
	source[1].Subscribed, source[2].Subscribed = true, true
	target := boxes('/', "INBOX", "a", `c \Noselect`)
	target[1].Subscribed = true
	pairs, _ := mailbox.Pairs(source, target, mailbox.PairOptions{})
	want := "INBOX:false:false a:false:false b:true:true c:true:false"
	var got []string
	for _, p := range pairs {
		got = append(got, fmt.Sprintf("%s:%v:%v", p.Target, p.Create, p.Subscribe))
	}
	if text := strings.Join(got, " "); text != want {
		t.Errorf("target:create:subscribe = %s, want %s", text, want)
	}
}

// FuzzPairs requires that names from anywhere give pairs that hold: every
// mailbox once, and targets that have a name which comes back from the wire.
func FuzzPairs(f *testing.F) {
	f.Add("INBOX\na/b\na.b", "INBOX", ".", "/", "INBOX.")
	f.Add("Entw\xfcrfe\n&\n&-\n\x00\n..\n/", "Sent", "/", ".", "")
	f.Add("inbox\nINBOX.inbox\nINBOX.INBOX.x", "", "", "/", "x")
	f.Fuzz(func(t *testing.T, names, theirs, delim, other, prefix string) {
		d, _ := utf8.DecodeRuneInString(delim)
		o, _ := utf8.DecodeRuneInString(other)
		if delim == "" || d > 126 || d < 33 {
			d = 0
		}
		if other == "" || o > 126 || o < 33 {
			o = 0
		}
		source := boxes(d, unique(names)...)
		pairs, _ := mailbox.Pairs(source, boxes(o, unique(theirs)...), mailbox.PairOptions{Target: personal(prefix, o), Source: personal(prefix, d)})
		seen := make(map[string]bool)
		for _, p := range pairs {
			if seen[p.SourceWire] {
				t.Errorf("%q is paired twice", p.SourceWire)
			}
			seen[p.SourceWire] = true
			if p.Skip == "" && (p.Target == "" || p.TargetWire == "") {
				t.Errorf("%q has no target", p.Source)
			}
		}
	})
}

func unique(names string) []string {
	var all []string
	seen := make(map[string]bool)
	for n := range strings.SplitSeq(names, "\n") {
		if w := wire.EncodeName(n); n != "" && !seen[w] && len(all) < 50 {
			seen[w] = true
			all = append(all, n)
		}
	}
	return all
}
