package migrate_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// A path is a mailbox name as its levels, joined by "|": the servers of the
// story have different separators, and no level holds this octet.
type path string

// wire writes the path as a server with this prefix and separator names it.
// INBOX and what lies below it stand outside the prefix.
func (p path) wire(prefix, separator string) string {
	name := strings.ReplaceAll(string(p), "|", separator)
	if p == "INBOX" || strings.HasPrefix(string(p), "INBOX|") {
		return name
	}
	return prefix + name
}

// A letter is one message as the story wants it at the target.
type letter struct {
	Mailbox path
	Raw     []byte
	Date    time.Time
	Flags   []imap.Flag
}

// A holding is what one account has at the old server.
type holding struct {
	Mailboxes  []path
	Subscribed []path
	Letters    []letter
}

// A postbag writes letters. The same seed gives the same octets.
type postbag struct {
	r       *rand.Rand
	account string
	n       int
	h       holding
}

func newPostbag(seed uint64, account string) *postbag {
	var salt uint64
	for _, c := range account {
		salt = salt*31 + uint64(c)
	}
	return &postbag{r: rand.New(rand.NewPCG(seed, salt)), account: account}
}

var (
	writers  = []string{"Anna Weber", "Bob Stone", "=?UTF-8?Q?Chlo=C3=A9?= Martin", "Ivan Petrov", "Grace Hopper"}
	parlance = strings.Fields(`the of and to invoice delivery offer contract price order review
		schedule budget draft minutes attached regards Grüße schöne Änderung café naïve now when`)
	someKeywords = []imap.Flag{"$Forwarded", "NonJunk", "$MDNSent", "Work", "later-on"}
)

// ordinary fills an account up to total letters with what mailboxes mostly
// hold, and declares the mailboxes that people have.
func (b *postbag) ordinary(total int) holding {
	homes := []path{"INBOX", "INBOX", "INBOX", "Archive|2019", "Archive|2020", "Sent", "Sent", "Drafts", "Projects|Alpha"}
	b.declare("INBOX", "Archive", "Archive|2019", "Archive|2020", "Sent", "Drafts", "Projects|Alpha", "Empty")
	for len(b.h.Letters) < total {
		b.add(homes[b.r.IntN(len(homes))], b.head("")+b.text(200+b.r.IntN(4000)), b.marks()...)
	}
	b.h.Subscribed = slices.DeleteFunc(slices.Clone(b.h.Mailboxes), func(p path) bool {
		return p == "INBOX" || p == "Archive|2020" || p == "Empty"
	})
	return b.h
}

func (b *postbag) declare(ps ...path) {
	for _, p := range ps {
		if !slices.Contains(b.h.Mailboxes, p) {
			b.h.Mailboxes = append(b.h.Mailboxes, p)
		}
	}
}

func (b *postbag) add(p path, raw string, flags ...imap.Flag) {
	b.addOn(p, b.instant(), raw, flags...)
}

func (b *postbag) addOn(p path, date time.Time, raw string, flags ...imap.Flag) {
	b.declare(p)
	b.h.Letters = append(b.h.Letters, letter{Mailbox: p, Raw: []byte(raw), Date: date, Flags: flags})
}

// instant is any second from 1981 to 2026, in any zone.
func (b *postbag) instant() time.Time {
	first := time.Date(1981, 1, 2, 0, 0, 0, 0, time.UTC).Unix()
	last := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).Unix()
	zones := []int{0, 60, 120, -300, -480, 330, 825, -720}
	zone := zones[b.r.IntN(len(zones))]
	return time.Unix(first+b.r.Int64N(last-first), 0).In(time.FixedZone("", zone*60))
}

func (b *postbag) marks() []imap.Flag {
	var flags []imap.Flag
	for _, m := range []struct {
		flag imap.Flag
		odds int
	}{{imap.FlagSeen, 75}, {imap.FlagAnswered, 15}, {imap.FlagFlagged, 5}, {imap.FlagDraft, 2}, {imap.FlagDeleted, 2}} {
		if b.r.IntN(100) < m.odds {
			flags = append(flags, m.flag)
		}
	}
	if b.r.IntN(100) < 15 {
		flags = append(flags, someKeywords[b.r.IntN(len(someKeywords))])
	}
	return flags
}

// head is a full header with the blank line after it. A field named in drop
// is left out.
func (b *postbag) head(drop string) string {
	b.n++
	when := b.instant().Format(time.RFC1123Z)
	var h strings.Builder
	for _, f := range []struct{ name, value string }{
		{"Return-Path", "<sender@example.net>"},
		{"Received", fmt.Sprintf("from mx%d.example.net (mx.example.net [192.0.2.%d])\r\n\tby mail.example.org with ESMTPS id %08x; %s", b.r.IntN(9), 1+b.r.IntN(250), b.r.Uint32(), when)},
		{"From", writers[b.r.IntN(len(writers))] + " <sender@example.net>"},
		{"To", "<" + b.account + "@example.org>"},
		{"Subject", strings.TrimSpace(b.words(3 + b.r.IntN(6)))},
		{"Date", when},
		{"Message-ID", fmt.Sprintf("<%08x.%d.%s@mail.example.org>", b.r.Uint32(), b.n, b.account)},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "8bit"},
	} {
		if f.name != drop {
			h.WriteString(f.name + ": " + f.value + "\r\n")
		}
	}
	return h.String() + "\r\n"
}

func (b *postbag) words(n int) string {
	ws := make([]string, n)
	for i := range ws {
		ws[i] = parlance[b.r.IntN(len(parlance))]
	}
	return strings.Join(ws, " ")
}

func (b *postbag) text(size int) string {
	var t strings.Builder
	for t.Len() < size {
		t.WriteString(b.words(11) + "\r\n")
	}
	return t.String()
}

// normal is the form in which octets are compared: every line ends with CRLF.
// Dovecot keeps lines with LF and sends CRLF, whatever it was given.
func normal(raw []byte) []byte {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
}
