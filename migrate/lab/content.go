package lab

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// A postbag writes mail that looks like that of a small firm, with the odd
// ones that old mailboxes hold. The same seed writes the same mail.
type postbag struct {
	rand *rand.Rand
	user string
	n    int
}

// newPostbag begins the mail of one user: another user of the same seed gets
// other mail.
func newPostbag(seed uint64, user string) *postbag {
	h := uint64(0)
	for _, r := range user {
		h = h*31 + uint64(r)
	}
	return &postbag{rand: rand.New(rand.NewPCG(seed, h)), user: user}
}

// The mailboxes of the old server, with the special use it gives them, and how
// much of an account's mail lies in each, in percent.
var oldMailboxes = []struct {
	name  string
	use   imap.MailboxAttr
	share int
}{
	{"INBOX", "", 40},
	{"INBOX.Sent", imap.MailboxAttrSent, 20},
	{"INBOX.Drafts", imap.MailboxAttrDrafts, 2},
	{"INBOX.Trash", imap.MailboxAttrTrash, 6},
	{"INBOX.Junk", imap.MailboxAttrJunk, 2},
	{"INBOX.Archive.2023", "", 10},
	{"INBOX.Archive.2024", "", 10},
	{"INBOX.Kunden.Müller & Söhne", "", 6},
	{"INBOX.Rechnungen \"bezahlt\"", "", 2},
	{"INBOX.日本語", "", 2},
	{"INBOX.Empty", "", 0},
}

var (
	people   = []string{"Carla <carla@customer.example>", "Dieter <dieter@customer.example>", "Shop <orders@shop.example>", "\"Müller, Eva\" <eva@customer.example>"}
	subjects = []string{"Offer", "Re: Offer", "Invoice", "Minutes of Monday", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Holiday", "Your order"}
	words    = strings.Fields("the order is on its way and we will send the invoice next week please tell us whether Monday suits you as agreed")
	flags    = [][]imap.Flag{nil, {imap.FlagSeen}, {imap.FlagSeen}, {imap.FlagSeen, imap.FlagAnswered}, {imap.FlagSeen, imap.FlagFlagged}, {imap.FlagSeen, "$Forwarded"}, {imap.FlagSeen, "NonJunk"}, {"$label1", "Steuer"}, {imap.FlagSeen, imap.FlagDeleted}}
	zones    = []*time.Location{time.UTC, time.FixedZone("", 3600), time.FixedZone("", 7200), time.FixedZone("", -8*3600), time.FixedZone("", 5*3600+1800)}
)

// fill creates the mailboxes of an account and puts n messages into them. The
// large attachment is in INBOX.
func (p *postbag) fill(a *imaplab.Account, n, attachment int) error {
	odd := p.odd(attachment)
	rest := max(0, n-len(odd))
	put := func(mailbox string, m imaplab.Message) error {
		_, err := a.Deliver(mailbox, m)
		return err
	}
	left := rest
	for i, box := range oldMailboxes {
		a.Create(box.name, box.use)
		if i%3 != 2 {
			a.Subscribe(box.name)
		}
		share := min(left, rest*box.share/100)
		for range share {
			if err := put(box.name, p.ordinary()); err != nil {
				return err
			}
		}
		left -= share
	}
	for range left { // what the percentages left over
		if err := put("INBOX", p.ordinary()); err != nil {
			return err
		}
	}
	for _, m := range odd[:min(n, len(odd))] {
		if err := put("INBOX", m); err != nil {
			return err
		}
	}
	return nil
}

// pick draws one of several.
func pick[T any](p *postbag, from []T) T { return from[p.rand.IntN(len(from))] }

// date is a moment between 1998 and 2024, to the second.
func (p *postbag) date() time.Time {
	return time.Unix(883612800+p.rand.Int64N(851990400), 0).In(pick(p, zones))
}

// header writes the usual fields, with a Message-ID that comes once.
func (p *postbag) header(subject string, date time.Time) string {
	p.n++
	return fmt.Sprintf("From: %s\r\nTo: %s@example.org\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%d.%s.%d@customer.example>\r\n",
		pick(p, people), p.user, subject, date.Format(time.RFC1123Z), p.n, p.user, p.rand.Uint32())
}

// prose writes lines of text, which mean nothing.
func (p *postbag) prose(lines int) string {
	var b strings.Builder
	for range lines {
		for range 8 {
			b.WriteString(pick(p, words) + " ")
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

// ordinary is a message as most are.
func (p *postbag) ordinary() imaplab.Message {
	date := p.date()
	head := p.header(pick(p, subjects), date)
	body := head + "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + p.prose(3+p.rand.IntN(60))
	return imaplab.Message{Body: []byte(body), Date: date, Flags: pick(p, flags)}
}

// odd returns the messages that copies stumble over: where one takes a shortcut
// (the Message-ID for the identity, the parsed for the stored), one of these is
// lost, doubled or altered.
func (p *postbag) odd(attachment int) []imaplab.Message {
	date := p.date()
	message := func(body string) imaplab.Message {
		return imaplab.Message{Body: []byte(body), Date: date, Flags: pick(p, flags)}
	}
	twin := p.ordinary()
	sister := p.header("Twice the same header", date)
	return []imaplab.Message{
		p.attached(attachment),
		twin, {Body: slices.Clone(twin.Body), Date: twin.Date, Flags: twin.Flags}, // a true duplicate
		message(sister + "\r\nthe first\r\n"), message(sister + "\r\nthe second\r\n"),
		message("From: carla@customer.example\r\nSubject: without Message-ID\r\n\r\nbody\r\n"),
		message("From: carla@customer.example\r\nSubject: without Message-ID\r\n\r\nbody\r\n"),
		message("Subject: header only\r\n\r\n"),
		message("\r\nno header at all\r\n"),
		message(p.header("Gr\xfc\xdfe in Latin-1", date) + "\r\n\xe4\xf6\xfc\r\n"),
		message(p.header("no end of line at the end", date) + "\r\nlast line"),
		message(p.header("dots", date) + "\r\n.\r\n..\r\n.leading\r\n"),
	}
}

// attached is a message with an attachment of some octets.
func (p *postbag) attached(octets int) imaplab.Message {
	date := p.date()
	data := make([]byte, octets)
	for i := range data {
		data[i] = byte(p.rand.Uint32())
	}
	var b bytes.Buffer
	b.WriteString(p.header("Plans attached", date))
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\nContent-Type: text/plain\r\n\r\nsee below\r\n")
	b.WriteString("--part\r\nContent-Type: application/octet-stream; name=plans.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for text := base64.StdEncoding.EncodeToString(data); text != ""; {
		line := text[:min(76, len(text))]
		b.WriteString(line + "\r\n")
		text = text[len(line):]
	}
	b.WriteString("--part--\r\n")
	return imaplab.Message{Body: b.Bytes(), Date: date, Flags: []imap.Flag{imap.FlagSeen, imap.FlagFlagged}}
}
