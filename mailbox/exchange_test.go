package mailbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// exchanges are sources that are an Exchange, or are not, and how that shows.
var exchanges = map[string]struct {
	source imaplab.Options
	id     string
	is     bool
}{
	"greeting":          {source: imaplab.Options{Greeting: "The Microsoft Exchange IMAP4 service is ready. [QQA=]"}, is: true},
	"ID behind a proxy": {source: imaplab.Options{Extra: []imap.Cap{"IMAP4", "ID"}}, id: `("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")`, is: true},
	"ID of another":     {source: imaplab.Options{Extra: []imap.Cap{"IMAP4", "ID"}}, id: `("name" "Dovecot")`},
	"ID says nothing":   {source: imaplab.Options{Extra: []imap.Cap{"IMAP4", "ID"}}, id: "NIL"},
	"neither":           {},
}

func TestMailboxesOfAnExchangeThatHoldNoMail(t *testing.T) {
	t.Parallel()
	for name, tt := range exchanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.source.Delim = '/'
			l := start(t, tt.source, imaplab.Options{})
			l.source.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
				if c.Verb == "ID" {
					return []string{"* ID " + tt.id, "TAG OK done"}
				}
				return nil
			}})
			others := []string{"Calendar", "Kontakte", "Journal", "Notas", "Tâches", "Conversation History", "Outbox", "Sync Issues/Conflicts", "予定表"}
			for i, box := range append(others, "Letters", "Letters/Calendar") {
				l.from.Create(box, "")
				deliver(t, l.from, box, letter(i))
			}
			res := l.copy()
			want := mailbox.Tally{Messages: 11, Copied: 2, Skipped: 9}
			if !tt.is {
				want = mailbox.Tally{Messages: 11, Copied: 11}
			}
			if got := res.Tally(); got != want {
				t.Errorf("tally = %+v, want %+v", got, want)
			}
			told := fmt.Sprint(res.Accounts[0].Findings)
			for _, box := range others {
				if strings.Contains(told, box) != tt.is {
					t.Errorf("findings %s, want one of %s: %v", told, box, tt.is)
				}
			}
			same(t, l.from, "Letters/Calendar", l.to, "Letters/Calendar")
			logins := mailbox.Logins(t.Context(), []mailbox.Account{l.account}, mailbox.LoginOptions{Inventory: true, Copy: l.options})
			if got := logins[0].Messages; got != want.Copied {
				t.Errorf("the inventory counts %d messages, want %d", got, want.Copied)
			}
			l.options.Mailboxes = map[string]string{"Journal": "Diary"}
			if got := l.copy().Tally(); tt.is && got.Copied != 3 {
				t.Errorf("with a pair for one of them, tally %+v, want three copied", got)
			}
		})
	}
}
