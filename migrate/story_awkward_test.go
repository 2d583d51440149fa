package migrate_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// awkward adds what real mailboxes hold besides ordinary mail: every kind has
// broken some copier.
func (b *postbag) awkward() {
	b.identities()
	b.octets()
	b.dates()
	b.flagSets()
	b.names()
}

// identities are letters that a copier takes for one another.
func (b *postbag) identities() {
	const box = "Identity"
	for range 20 {
		b.add(box, b.head("Message-ID")+b.text(300), imap.FlagSeen)
	}
	same := b.head("")
	for i := range 10 {
		b.add(box, same+fmt.Sprintf("body number %d\r\n", i))
	}
	twin, when := b.head("")+b.text(300), b.instant()
	for range 6 {
		b.addOn(box, when, twin, imap.FlagSeen)
	}
	for i := range 4 {
		b.addOn(box, when.Add(time.Duration(i+1)*time.Hour), twin, imap.FlagFlagged)
	}
	for i := range 3 {
		b.add(box, strings.Replace(b.head("Message-ID"), "MIME-Version", "Message-ID: \r\nMIME-Version", 1)+"x\r\n")
		b.add(box, strings.Replace(b.head(""), "MIME-Version", fmt.Sprintf("Message-ID: <second.%d@example.org>\r\nMIME-Version", i), 1)+"y\r\n")
	}
}

// octets are bodies and headers that are easily altered on the way.
func (b *postbag) octets() {
	const box = "Octets"
	var every strings.Builder
	for c := 1; c < 256; c++ {
		if c != '\r' && c != '\n' {
			every.WriteByte(byte(c))
		}
	}
	subject := func(s string) string { return strings.Replace(b.head(""), "Subject: ", "Subject: "+s, 1) }
	for i := range 5 {
		b.add(box, subject("Gr\xfc\xdfe \xe9 ")+"latin1 header\r\n", imap.FlagSeen)
		b.add(box, subject("Grüße ☃ ")+"utf8 header\r\n", imap.FlagSeen)
		b.add(box, b.head("")+strings.Repeat(every.String(), i+1)+"\r\n")
		b.add(box, strings.ReplaceAll(b.head("")+b.text(400), "\r\n", "\n"))
		b.add(box, b.head("")+"lines\r\nwith both\nends\r\n")
		b.add(box, b.head("")+"no line end at the last line")
		b.add(box, b.head(""), imap.FlagSeen)
		b.add(box, strings.TrimSuffix(b.head(""), "\r\n"))
		b.add(box, strings.TrimSuffix(b.head(""), "\r\n\r\n"))
		b.add(box, "\r\nno header at all, number "+fmt.Sprint(i)+"\r\n")
		b.add(box, b.head("Subject"))
		b.add(box, strings.Replace(b.head("Subject"), "Date: ", "Subject: \r\nDate: ", 1)+"empty subject\r\n")
		b.add(box, subject(`A1 OK {5} quo"te \ back `)+"* 1 FETCH (FLAGS ())\r\n)\r\n{10+}\r\nA1 OK done\r\n+ go\r\n")
	}
	for _, n := range []int{998, 999, 8191, 20000, 100000} {
		b.add(box, b.head("")+strings.Repeat("x", n)+"\r\nend\r\n")
		b.add(box, strings.Replace(b.head(""), "MIME-Version", "X-Long: "+strings.Repeat("y", n)+"\r\nMIME-Version", 1)+"long\r\n")
		b.add(box, strings.Replace(b.head(""), "MIME-Version", "References:"+strings.Repeat(" <zzzzzzzzzz@example.org>\r\n", n/26+1)+"MIME-Version", 1)+"folded\r\n")
	}
	b.add(box, "just a line\r\n")
	b.add(box, "X")
	b.add(box, b.head("")+">From here\r\nFrom there\r\n.\r\n..\r\n")
	b.add("INBOX", b.head("")+b.attachment(6<<20), imap.FlagSeen)
}

// attachment is base64 of about size octets.
func (b *postbag) attachment(size int) string {
	raw := make([]byte, 57)
	var t strings.Builder
	for t.Len() < size {
		for i := range raw {
			raw[i] = byte(b.r.Uint32())
		}
		t.WriteString(base64.StdEncoding.EncodeToString(raw) + "\r\n")
	}
	return t.String()
}

// dates are INTERNALDATEs at the edges, and Date fields that cannot be read.
func (b *postbag) dates() {
	const box = "Dates"
	zone := func(minutes int) *time.Location { return time.FixedZone("", minutes*60) }
	for _, when := range []time.Time{
		time.Date(1981, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(2000, 2, 29, 12, 0, 0, 0, zone(345)),
		time.Date(2019, 3, 31, 2, 30, 0, 0, zone(60)),
		time.Date(2019, 10, 27, 2, 30, 0, 0, zone(120)),
		time.Date(2019, 10, 27, 2, 30, 0, 0, zone(60)),
		time.Date(2013, 6, 3, 12, 0, 0, 0, zone(825)),
		time.Date(2013, 6, 3, 12, 0, 0, 0, zone(-720)),
		time.Date(2026, 1, 1, 0, 0, 1, 0, zone(-210)),
	} {
		b.addOn(box, when, b.head("")+"instant\r\n", imap.FlagSeen)
	}
	for _, odd := range []string{"Fri, 31 Feb 2012 25:61:61 +0000", "yesterday", "", "Mon, 3 Jun 0102 12:00:00 +0000", "Sat, 1 Jan 2050 00:00:00 +0000"} {
		b.add(box, strings.Replace(b.head("Date"), "MIME-Version", "Date: "+odd+"\r\nMIME-Version", 1)+"odd date\r\n")
	}
	b.add(box, b.head("Date")+"no date\r\n")
}

// flagSets are all sets of the system flags, and keywords of every spelling.
func (b *postbag) flagSets() {
	const box = "Flags & Keywords"
	system := []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}
	for set := range 1 << len(system) {
		var flags []imap.Flag
		for i, f := range system {
			if set>>i&1 == 1 {
				flags = append(flags, f)
			}
		}
		b.add(box, b.head("")+b.text(100), flags...)
	}
	keywords := []imap.Flag{"$Forwarded", "NonJunk", "$MDNSent", "$Phishing", "a_b.c", "Later-On", "Urgent!", imap.Flag(strings.Repeat("x", 50))}
	for _, k := range keywords {
		b.add(box, b.head("")+b.text(100), k)
	}
	b.add(box, b.head("")+b.text(100), append(system, keywords...)...)
}

// names are mailboxes whose names were mangled by one server or another.
func (b *postbag) names() {
	for _, p := range []path{
		"Äpfel & Birnen", "Ordner mit Leerzeichen|Über uns", "日本語|受信", "R&D", `quote"and'tick`, "2019", "trailing ~tilde",
		"[Brackets] (x)", "Emoji 📬", "Deep|a|b|c|d|e", "INBOX|Quittungen", "Entwürfe &-",
	} {
		b.add(p, b.head("")+b.text(200), b.marks()...)
		b.add(p, b.head("")+b.text(200), b.marks()...)
	}
	b.declare("Leer – nichts", "Empty|Empty too", "Trash", "Junk")
}
