package mailbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestInternalDateIsChosen gives messages dates that cannot be. What a server
// says of a message without any is the day of the copy.
func TestInternalDateIsChosen(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 5, 1, 12, 0, 0, 0, time.UTC)
	later := now.Add(5 * 365 * 24 * time.Hour) // than our clock, which is behind
	stamp := func(t time.Time) string { return t.Format(time.RFC1123Z) + "\r\n" }
	good := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -5*3600))
	const (
		received = "Received: from a by b; Fri, 2 Jan 2026 10:00:00 +0100 (CET)\r\nReceived: from c\r\n by a;\r\n Sat, 3 Jan 2026 11:00:00 +0200\r\nReceived: x; Tue, 1 Jan 2075 00:00:00 +0000\r\n"
		date     = "Date: Mon, 5 Jan 2026 12:00:00 +0300\r\n"
	)
	for name, tt := range map[string]struct {
		have   time.Time
		header string
		want   string // empty: the day of the copy
	}{
		"a good one":                       {good, received + date, "2026-01-02 03:04:05 -0500"},
		"tomorrow":                         {now.Add(23 * time.Hour), date, now.Add(23 * time.Hour).Format("2006-01-02 15:04:05 -0700")},
		"1970":                             {time.Unix(0, 0).UTC(), received + date, "2026-01-03 11:00:00 +0200"},
		"year 102":                         {time.Date(102, 3, 4, 5, 6, 7, 0, time.UTC), date, "2026-01-05 12:00:00 +0300"},
		"to come":                          {now.Add(48 * time.Hour), date, "2026-01-05 12:00:00 +0300"},
		"clock behind, received":           {later, "Received: by a; " + stamp(later.Add(-time.Hour)) + date, later.Format("2006-01-02 15:04:05 -0700")},
		"clock behind, sent":               {later, "Date: " + stamp(later), later.Format("2006-01-02 15:04:05 -0700")},
		"only the sender says so":          {later, received + "Date: " + stamp(later), "2026-01-03 11:00:00 +0200"},
		"to come, and nothing known of it": {later, "", ""},
		"nothing believable":               {time.Unix(0, 0).UTC(), "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n", ""},
		"no field":                         {time.Unix(0, 0).UTC(), "", ""},
		"odd fields":                       {time.Unix(0, 0).UTC(), "Received: ;\r\nReceived\r\nDate: yesterday\r\n", ""},
		"Date behind the header":           {time.Unix(0, 0).UTC(), "\r\n" + date, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			l.options.Now = func() time.Time { return now }
			deliver(t, l.from, "INBOX", imaplab.Message{Body: []byte(tt.header + "Message-ID: <x@y>\r\nSubject: z\r\n\r\ntext\r\n"), Date: tt.have})
			began := time.Now().Add(-time.Minute)
			res := l.copy()
			got := l.to.Messages("INBOX")[0].Date
			if tt.want == "" && got.Before(began) || tt.want != "" && got.Format("2006-01-02 15:04:05 -0700") != tt.want {
				t.Errorf("the copy has the date %s, want %q", got, tt.want)
			}
			if f := fmt.Sprint(res.Accounts[0].Findings); (len(res.Accounts[0].Findings) == 0) != (name == "a good one" || name == "tomorrow" || strings.HasPrefix(name, "clock behind")) {
				t.Errorf("findings = %s", f)
			}
			l.forget()
			if res := l.copy(); res.Sent != 0 {
				t.Errorf("without memory %d messages were sent again", res.Sent)
			}
		})
	}
}

// TestClockThatIsYearsBehind believes no date of the header to be one to come
// that lies before this was written.
func TestClockThatIsYearsBehind(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.options.Now = func() time.Time { return time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC) }
	deliver(t, l.from, "INBOX", imaplab.Message{
		Body: []byte("Received: by a; Mon, 5 Jan 2026 12:00:00 +0300\r\nMessage-ID: <x@y>\r\n\r\ntext\r\n"), Date: time.Unix(0, 0),
	}, letter(1))
	l.copy()
	for i, want := range []string{"2026-01-05 12:00:00 +0300", letter(1).Date.Format("2006-01-02 15:04:05 -0700")} {
		if got := l.to.Messages("INBOX")[i].Date.Format("2006-01-02 15:04:05 -0700"); got != want {
			t.Errorf("the copy has the date %s, want %s", got, want)
		}
	}
}
