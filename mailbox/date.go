package mailbox

import (
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/mxmove/mxmove/mailbox/internal/repair"
	"github.com/mxmove/mxmove/migrate/finding"
)

// firstDate is the earliest INTERNALDATE that is believed. Before it there was
// no mail that is kept today; what servers say is 1970, or the year 102.
var firstDate = time.Date(1981, 1, 1, 0, 0, 0, 0, time.UTC)

// sane reports whether a message can have come at a time.
func sane(t, now time.Time) bool {
	return !t.Before(firstDate) && t.Before(now.Add(24*time.Hour))
}

// A dated message is where the date of a message came from that the source
// gives no date for, or one that cannot be.
type dated string

// The places where a date is looked for, in this order.
const (
	datedReceived dated = "its newest Received field"
	datedDate     dated = "its Date field"
	datedNowhere  dated = "nowhere: the target puts the day of the copy in its place"
)

// redate gives a message the date that the source should have given. The
// target would put the day of the move in the place of none. It is called by
// the reader alone.
func (d *delta) redate(m *Message, octets []byte) {
	now := d.began
	if sane(m.InternalDate, now) {
		return
	}
	var from dated
	m.InternalDate, from = headerDate(octets, now)
	if d.redated == nil {
		d.redated = make(map[dated]int)
	}
	d.redated[from]++
}

// headerDate reads when a message came out of its header.
func headerDate(octets []byte, now time.Time) (time.Time, dated) {
	octets = octets[:min(len(octets), 64<<10)]
	var received, date time.Time
	for _, field := range unfolded(string(octets[:len(octets)-len(repair.Body(octets))])) {
		name, value, _ := strings.Cut(field, ":")
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "Received"):
			value = value[strings.LastIndexByte(value, ';')+1:]
			if t, err := mail.ParseDate(strings.TrimSpace(value)); err == nil && sane(t, now) && t.After(received) {
				received = t
			}
		case strings.EqualFold(name, "Date") && date.IsZero():
			if t, err := mail.ParseDate(strings.TrimSpace(value)); err == nil && sane(t, now) {
				date = t
			}
		}
	}
	switch {
	case !received.IsZero():
		return received, datedReceived
	case !date.IsZero():
		return date, datedDate
	}
	return time.Time{}, datedNowhere
}

// noteDates tells how many messages got another date.
func (d *delta) noteDates() {
	if len(d.redated) == 0 {
		return
	}
	f := finding.Finding{
		Severity: finding.Note, Code: finding.DateChosen, Subject: d.account.Name + " " + d.pair.Source,
		Text: "the source gives no date for some messages, or one that cannot be; another was chosen",
		Fix:  "nothing is to be done",
	}
	for _, from := range []dated{datedReceived, datedDate, datedNowhere} {
		if n := d.redated[from]; n > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%d from %s", n, from))
		}
	}
	d.note(f)
}
