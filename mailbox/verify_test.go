package mailbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// verify compares both sides and returns the marks of the messages that are
// not simply on both sides, as "sign subject state".
func (l *lab) verify(o mailbox.VerifyOptions) (mailbox.Balance, []string) {
	l.t.Helper()
	var mu sync.Mutex
	var marks []string
	o.Copy = l.options
	o.Message = func(m mailbox.Mark) {
		mu.Lock()
		defer mu.Unlock()
		if m.Sign != '=' {
			marks = append(marks, fmt.Sprintf("%c %s %d %s", m.Sign, m.Mailbox, m.Message.UID, m.State))
		}
	}
	b, err := l.copier().Verify(l.t.Context(), []mailbox.Account{l.account}, o)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, a := range b.Accounts {
		for _, m := range a.Mailboxes {
			sum := m.Copied + m.Present + m.Merged + m.Skipped + m.Refused + m.Gone + m.New + m.Doubt + m.Missing
			if m.Messages != sum {
				l.t.Errorf("%s: %d messages, the sum is %d", m.Source, m.Messages, sum)
			}
		}
	}
	slices.Sort(marks)
	return b, marks
}

func TestVerifyBalances(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"kept", "lost"} {
		l := start(t, imaplab.Options{}, imaplab.Options{})
		fill(t, l)
		l.copy()
		want := mailbox.Tally{Messages: 275, Copied: 275}
		if state == "lost" {
			l.forget()
			want = mailbox.Tally{Messages: 275, Present: 275}
		}
		l.source.ResetCommands()
		l.target.ResetCommands()
		b, marks := l.verify(mailbox.VerifyOptions{Hash: 100})
		if got := b.Tally(); !b.Balanced || got != want || len(marks) > 0 || b.Extra() != 0 {
			t.Errorf("state %s: balanced %v, %+v, extra %d, marks %v, want %+v", state, b.Balanced, got, b.Extra(), marks, want)
		}
		for _, c := range append(l.source.Commands(), l.target.Commands()...) {
			verb, _, _ := strings.Cut(c, " ")
			if !slices.Contains([]string{"LOGIN", "AUTHENTICATE", "CAPABILITY", "NAMESPACE", "LIST", "STATUS", "EXAMINE", "UID", "LOGOUT"}, strings.ToUpper(verb)) ||
				strings.HasPrefix(strings.ToUpper(c), "UID STORE") {
				t.Errorf("verify sent %q", c)
			}
		}
	}
}

func TestVerifyTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 20)...)
	deliver(t, l.from, "INBOX", letter(20, imap.FlagDeleted))
	l.options.Deleted = mailbox.DeletedSkip
	l.copy()
	remove := func(uid imap.UID) {
		t.Helper()
		if err := l.to.Remove("INBOX", uid); err != nil {
			t.Fatal(err)
		}
	}
	changed := letter(7)
	changed.Body = bytes.Replace(changed.Body, []byte("This"), []byte("Thas"), 1)
	remove(8) // letter 7
	deliver(t, l.to, "INBOX", changed, letter(100))
	remove(4) // letter 3
	deliver(t, l.from, "INBOX", letter(30))

	b, marks := l.verify(mailbox.VerifyOptions{})
	want := "[+ INBOX 21 skipped + INBOX 22 new + INBOX 4 missing - INBOX 22 extra]"
	if got := fmt.Sprint(marks); got != want || b.Balanced || b.Tally().Missing != 1 || b.Extra() != 1 {
		t.Errorf("marks = %s, balance %+v, want %s", got, b, want)
	}
	b, marks = l.verify(mailbox.VerifyOptions{Hash: 100})
	want = "[! INBOX 8 differs " + want[1:]
	if got := fmt.Sprint(marks); got != want || b.Accounts[0].Mailboxes[0].Differs != 1 {
		t.Errorf("with content, marks = %s, balance %+v, want %s", got, b, want)
	}
	l.options.Additions = true
	b, marks = l.verify(mailbox.VerifyOptions{})
	want = "[+ INBOX 21 skipped + INBOX 22 new + INBOX 4 gone - INBOX 22 extra]"
	if got := fmt.Sprint(marks); got != want || !b.Balanced {
		t.Errorf("after the switch, marks = %s, balanced %v, want %s and balanced", got, b.Balanced, want)
	}
}

func TestVerifyCountsTwins(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", awkward()...)
	l.copy()
	if err := l.to.Remove("INBOX", 2); err != nil { // one of two twins
		t.Fatal(err)
	}
	b, _ := l.verify(mailbox.VerifyOptions{})
	if got := b.Tally(); got.Missing != 1 || got.Copied != len(awkward())-1 {
		t.Errorf("tally = %+v, want one missing", got)
	}
}

func TestVerifyDocument(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letter(1))
	l.from.Create("INBOX.Broken", "")
	l.source.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if strings.Contains(c.Args, "Broken") {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}})
	b, _ := l.verify(mailbox.VerifyOptions{})
	for _, a := range b.Accounts {
		for i := range a.Mailboxes {
			if a.Mailboxes[i].Unread != "" {
				a.Mailboxes[i].Unread = "REASON"
			}
		}
	}
	got, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"accounts":[{"address":"anna@example.org","mailboxes":[` +
		`{"source":"INBOX","target":"INBOX","messages":1,"copied":0,"present":0,"merged":0,"skipped":0,"refused":0,"gone":0,"new":0,"doubt":0,"missing":1,"extra":0,"repaired":0,"differs":0},` +
		`{"source":"INBOX.Broken","target":"Broken","messages":null,"copied":0,"present":0,"merged":0,"skipped":0,"refused":0,"gone":0,"new":0,"doubt":null,"missing":0,"extra":0,"repaired":0,"differs":0,"unread":"REASON"}` +
		`]}],"balanced":false}`
	if string(got) != want {
		t.Errorf("Balance marshals to %s, want %s", got, want)
	}
	var back mailbox.Balance
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(back); err != nil || string(again) != want {
		t.Errorf("read back and written again: %s, %v, want %s", again, err, want)
	}
}

func TestVerifyOfAnAccountWithoutLogin(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.account.Target.Login.Password = "wrong"
	b, _ := l.verify(mailbox.VerifyOptions{})
	if b.Balanced || b.Accounts[0].Unread == "" || b.Accounts[0].Err == nil || b.Unread() != 1 {
		t.Errorf("Verify() = %+v, want an unread account", b)
	}
}
