package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// deliverLate appends to the old server until the returned function is
// called, which tells what the server has accepted.
func (d *domain) deliverLate(t *testing.T) func() map[string][]letter {
	t.Helper()
	accepted := map[string][]letter{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			user, l := d.lateLetter(i)
			// A letter under way is delivered even when the postman is stopped.
			if err := d.append(t.Context(), d.source, user, l); err != nil {
				t.Errorf("the old server refused late mail: %v", err)
				return
			}
			accepted[user] = append(accepted[user], l)
			select {
			case <-ctx.Done():
				return
			case <-time.After(30 * time.Millisecond):
			}
		}
	}()
	stop := func() map[string][]letter {
		cancel()
		<-ended
		return accepted
	}
	t.Cleanup(func() { stop() })
	return stop
}

// arrivedLate adds to the story what the old server has accepted late.
func (d *domain) arrivedLate(t *testing.T, late map[string][]letter) {
	t.Helper()
	total := 0
	for user, letters := range late {
		h := d.has[user]
		h.Letters = append(h.Letters, letters...)
		d.has[user] = h
		total += len(letters)
	}
	if total == 0 {
		t.Error("no letter came late")
	}
	t.Logf("%d letters came late to the old server", total)
}

// lateLetter is the i-th letter from somebody who knows only the old MX, and
// whose it is.
func (d *domain) lateLetter(i int) (string, letter) {
	user := d.accounts[i%len(d.accounts)]
	l := letter{Mailbox: "INBOX", Date: time.Now(), Raw: []byte(fmt.Sprintf(
		"From: late@example.net\r\nTo: %s\r\nSubject: late %d\r\nMessage-ID: <late.%d@example.net>\r\n\r\nletter %d\r\n", at(user), i, i, i))}
	if i%5 == 0 {
		l.Mailbox = "Archive|2019" // a rule of the user's files it there
	}
	return user, l
}

func (d *domain) append(ctx context.Context, s *dovecot, user string, l letter) error {
	login := d.login(s, user)
	c, err := s.dial(ctx, login, s.users[login])
	if err != nil {
		return err
	}
	return errors.Join(s.deliver(c, l), c.Close())
}

// peopleGoOn reads a letter and receives another at the old server, which is
// still the one that counts.
func (d *domain) peopleGoOn(t *testing.T) {
	t.Helper()
	d.mark(t, d.source, "bert", imap.FlagSeen)
	d.mark(t, d.source, "anna", imap.FlagFlagged)
	l := letter{Mailbox: "Drafts", Date: time.Now(), Raw: []byte("Subject: written meanwhile\r\n\r\nstill at the old server\r\n"), Flags: []imap.Flag{imap.FlagDraft}}
	if err := d.append(t.Context(), d.source, "info", l); err != nil {
		t.Fatal(err)
	}
	h := d.has["info"]
	h.Letters = append(h.Letters, l)
	d.has["info"] = h
}

// mark sets a flag on the first letter of INBOX that has none of the kind, at
// one server and in what the story expects.
func (d *domain) mark(t *testing.T, s *dovecot, user string, flag imap.Flag) {
	t.Helper()
	box := d.dumps(t, s)[user]["INBOX"]
	i := slices.IndexFunc(box.Messages, func(m stored) bool { return !strings.Contains(m.Flags, string(flag)) })
	if i < 0 {
		t.Fatalf("%s has no letter without %s in INBOX", user, flag)
	}
	login := d.login(s, user)
	c, err := s.dial(t.Context(), login, s.users[login])
	if err != nil {
		t.Fatal(err)
	}
	_, serr := c.Select("INBOX", nil).Wait()
	store := c.Store(imap.UIDSetNum(box.Messages[i].UID), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{flag}, Silent: true}, nil)
	if err := errors.Join(serr, store.Close(), c.Close()); err != nil {
		t.Fatal(err)
	}
	d.expect(t, user, box.Messages[i], flag)
}

// expect adds a flag to the letter that m is.
func (d *domain) expect(t *testing.T, user string, m stored, flag imap.Flag) {
	t.Helper()
	for i, l := range d.has[user].Letters {
		s := storedLetter(l)
		if s.UID = m.UID; l.Mailbox == "INBOX" && s == m {
			d.has[user].Letters[i].Flags = append(slices.Clone(l.Flags), flag)
			return
		}
	}
	t.Fatalf("uid %d of %s is no letter of the story", m.UID, user)
}

func storedLetter(l letter) stored { return store(l.Raw, l.Date, l.Flags) }
