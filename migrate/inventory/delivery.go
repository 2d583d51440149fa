package inventory

import (
	"bytes"
	"strings"
	"time"
)

// delivered returns the address that a line of the log shows as accepted and
// delivered, and whether Dovecot wrote it; "" for all other lines. Of Postfix
// it is the address as the sender wrote it, before any alias.
func delivered(line []byte) (address string, dovecot bool) {
	if bytes.Contains(line, []byte("status=sent")) {
		return sent(line), false
	}
	if bytes.Contains(line, []byte("saved mail to")) || bytes.Contains(line, []byte("stored mail into mailbox")) {
		return saved(line), true
	}
	return "", false
}

// sent reads a line of a delivery agent of Postfix, such as
//
//	postfix/lmtp[12]: 4F2A: to=<anna@b.c>, orig_to=<info@b.c>, relay=..., status=sent (...)
//
// Attributes are read in their order: what stands in an address or in an
// answer is other people's text.
func sent(line []byte) string {
	head, rest, ok := bytes.Cut(line, []byte(": to=<"))
	if !ok || !bytes.Contains(head, []byte("postfix")) {
		return ""
	}
	to, rest, ok := bytes.Cut(rest, []byte(">, "))
	if !ok {
		return ""
	}
	orig, after, ok := bytes.Cut(rest, []byte(">, "))
	orig, named := bytes.CutPrefix(orig, []byte("orig_to=<"))
	if ok && named {
		rest = after
	} else {
		orig = nil
	}
	_, rest, ok = bytes.Cut(rest, []byte("status="))
	if !ok || !bytes.HasPrefix(rest, []byte("sent")) {
		return ""
	}
	// An alias of the system, such as root, says nothing of who wrote to it.
	if bytes.ContainsRune(orig, '@') {
		return string(orig)
	}
	return string(to)
}

// saved reads a line of Dovecot's delivery, such as
//
//	dovecot: lmtp(anna@b.c)<12><AbC>: msgid=<...>: saved mail to INBOX
//	dovecot: lda(12, anna@b.c): ...
func saved(line []byte) string {
	for _, agent := range []string{"lmtp(", "lda(", "deliver("} {
		_, rest, ok := bytes.Cut(line, []byte("dovecot: "+agent))
		if !ok {
			continue
		}
		user, _, ok := bytes.Cut(rest, []byte(")"))
		if !ok {
			return ""
		}
		if id, name, both := bytes.Cut(user, []byte(", ")); both {
			// Before 2.2 the process ID came first, later the session may follow.
			if user = name; bytes.ContainsRune(id, '@') || !digits(id) {
				user = id
			}
		}
		return strings.TrimSpace(string(user))
	}
	return ""
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// slack is by how much clocks and time zones may differ.
const slack = 24 * time.Hour

// lineTime reads the time that a line begins with: RFC 3339, the short form of
// journalctl, or the old one of syslog, which has no year and is taken for
// the latest time that is not after newest. A time after that is not believed.
func lineTime(line []byte, newest time.Time) (time.Time, bool) {
	if len(line) > 64 {
		line = line[:64]
	}
	text := string(line)
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		first, _, _ := strings.Cut(text, " ")
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
			if t, err := time.Parse(layout, first); err == nil {
				return t.UTC(), newest.IsZero() || !t.After(newest.Add(slack))
			}
		}
		return time.Time{}, false
	}
	if len(text) < len(time.Stamp) || newest.IsZero() {
		return time.Time{}, false
	}
	// A leap day is no day of year 0 plus one, so the year is parsed along.
	for year := newest.Year(); year > newest.Year()-5; year-- {
		t, err := time.Parse("2006 "+time.Stamp, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006 ")+text[:len(time.Stamp)])
		if err == nil && !t.After(newest.Add(slack)) {
			return t, true
		}
	}
	return time.Time{}, false
}
