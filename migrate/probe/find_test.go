package probe_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate/probe"
)

// elsewhere starts a probe mailbox with old mail in it.
func elsewhere(t *testing.T) (*imaplab.Server, *imaplab.Account, *probe.Mailbox) {
	t.Helper()
	srv, err := imaplab.Start(imaplab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	a := srv.Account("probe", "secret")
	a.Create("Archive", "")
	a.Create("[X]/Spam", imap.MailboxAttrJunk)
	for range 130 {
		deliver(t, a, "INBOX", letter)
	}
	return srv, a, &probe.Mailbox{
		Endpoint: imapconn.Endpoint{Addr: srv.Addr(), Insecure: true},
		Login:    imapconn.Login{User: "probe", Password: "secret"},
	}
}

func deliver(t *testing.T, a *imaplab.Account, mailbox, msg string) {
	t.Helper()
	if _, err := a.Deliver(mailbox, imaplab.Message{Body: []byte(msg)}); err != nil {
		t.Fatal(err)
	}
}

var marked = strings.Replace(letter, "hello", "mxmove probe "+token, 1)

func TestFind(t *testing.T) {
	t.Parallel()
	for _, mailbox := range []string{"INBOX", "[X]/Spam"} {
		t.Run(mailbox, func(t *testing.T) {
			t.Parallel()
			srv, a, m := elsewhere(t)
			deliver(t, a, "Archive", marked) // nobody delivers there
			deliver(t, a, "INBOX", letter+token+"\r\n")
			if _, err := m.Find(t.Context(), token); !errors.Is(err, probe.ErrNotFound) {
				t.Fatalf("Find before it arrives = %v, want ErrNotFound", err)
			}
			deliver(t, a, mailbox, marked)
			deliver(t, a, "INBOX", letter)
			found, err := m.Find(t.Context(), token)
			if err != nil || found.Mailbox != mailbox || string(found.Message) != marked {
				t.Errorf("Find = %s %q, %v, want the message in %s", found.Mailbox, found.Message, err, mailbox)
			}
			once, err := probe.Find(t.Context(), m.Endpoint, m.Login, token)
			if err != nil || string(once) != marked {
				t.Errorf("Find without memory = %q, %v", once, err)
			}
			for _, msg := range a.Messages(mailbox) {
				if slices.Contains(msg.Flags, imap.FlagSeen) {
					t.Errorf("message %d was marked as seen", msg.UID)
				}
			}
			if n := bodies(srv); n == 0 {
				t.Error("no body was fetched")
			}
		})
	}
}

// bodies counts the FETCH commands of all connections.
func bodies(srv *imaplab.Server) int {
	n := 0
	for _, c := range srv.Commands() {
		if strings.Contains(c, "UID FETCH") {
			n++
		}
	}
	return n
}

func TestFindLooksOnlyAtWhatIsNew(t *testing.T) {
	t.Parallel()
	srv, a, m := elsewhere(t)
	look := func() int {
		before := bodies(srv)
		if _, err := m.Find(t.Context(), token); !errors.Is(err, probe.ErrNotFound) {
			t.Fatalf("Find = %v, want ErrNotFound", err)
		}
		return bodies(srv) - before
	}
	if n := look(); n != 10 {
		t.Errorf("first look fetched %d times, want 10 for the last 100 messages", n)
	}
	if n := look(); n != 0 {
		t.Errorf("second look fetched %d times, want none", n)
	}
	deliver(t, a, "INBOX", letter)
	if n := look(); n != 1 {
		t.Errorf("look after a message fetched %d times, want once", n)
	}
	if err := a.SetUIDValidity("INBOX", 4711); err != nil {
		t.Fatal(err)
	}
	if n := look(); n != 10 {
		t.Errorf("look at a new UIDVALIDITY fetched %d times, want 10", n)
	}
}

func TestFindPassesLargeMessages(t *testing.T) {
	t.Parallel()
	_, a, m := elsewhere(t)
	deliver(t, a, "INBOX", marked+strings.Repeat("x\r\n", 1<<19))
	if _, err := m.Find(t.Context(), token); !errors.Is(err, probe.ErrNotFound) {
		t.Errorf("Find of 1.5 MB = %v, want ErrNotFound", err)
	}
	deliver(t, a, "INBOX", marked)
	if found, err := m.Find(t.Context(), token); err != nil || string(found.Message) != marked {
		t.Errorf("Find beside it = %q, %v", found.Message, err)
	}
}

func TestFindRefusals(t *testing.T) {
	t.Parallel()
	_, _, m := elsewhere(t)
	if _, err := m.Find(t.Context(), "x"); !errors.Is(err, probe.ErrArgument) {
		t.Errorf("Find of a short token = %v, want ErrArgument", err)
	}
	m.Login.Password = "wrong"
	if _, err := m.Find(t.Context(), token); imapconn.Class(err) != imapconn.ClassLogin {
		t.Errorf("Find with a wrong password = %v, want a login error", err)
	}
}
