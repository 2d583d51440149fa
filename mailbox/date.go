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

// written is when this was: a clock that says less is wrong.
var written = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

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
// target would put the day of the move in the place of none. A date to come is
// the source's all the same where the message bears it too: then it is our own
// clock that is behind. It is called by the reader alone.
func (d *delta) redate(m *Message, octets []byte) {
	now := d.began
	if now.Before(written) {
		now = written
	}
	if sane(m.InternalDate, now) {
		return
	}
	dates := headerDates(octets, now)
	if !m.InternalDate.Before(firstDate) && dates.bear(m.InternalDate) {
		return
	}
	var from dated
	m.InternalDate, from = dates.choose()
	if d.redated == nil {
		d.redated = make(map[dated]int)
	}
	d.redated[from]++
}

// stamps are the dates in a header.
type stamps struct {
	arrived  time.Time // of the first Received field, which the source has put there; zero: none
	received time.Time // the newest of those that can be; zero: none
	date     time.Time // of the first Date field; zero: none
	dateSane bool      // that it can be
}

// headerDates reads when a message came out of its header.
func headerDates(octets []byte, now time.Time) (s stamps) {
	octets = octets[:min(len(octets), 64<<10)]
	for _, field := range unfolded(string(octets[:len(octets)-len(repair.Body(octets))])) {
		name, value, _ := strings.Cut(field, ":")
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "Received"):
			value = value[strings.LastIndexByte(value, ';')+1:]
			t, err := mail.ParseDate(strings.TrimSpace(value))
			if err == nil && s.arrived.IsZero() {
				s.arrived = t
			}
			if err == nil && sane(t, now) && t.After(s.received) {
				s.received = t
			}
		case strings.EqualFold(name, "Date") && !s.dateSane:
			if t, err := mail.ParseDate(strings.TrimSpace(value)); err == nil && (s.date.IsZero() || sane(t, now)) {
				s.date, s.dateSane = t, sane(t, now)
			}
		}
	}
	return s
}

// bear reports whether a message has come within a day of t by its own words.
func (s stamps) bear(t time.Time) bool {
	told := s.arrived
	if told.IsZero() {
		told = s.date // it was never delivered: a draft, or one that was sent
	}
	return !told.IsZero() && t.Sub(told).Abs() < 24*time.Hour
}

// choose returns the likeliest date.
func (s stamps) choose() (time.Time, dated) {
	switch {
	case !s.received.IsZero():
		return s.received, datedReceived
	case s.dateSane:
		return s.date, datedDate
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
