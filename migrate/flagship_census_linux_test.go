package migrate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// A resident is a message as the census finds it.
type resident struct {
	mailbox string
	date    time.Time
	sum     [32]byte // of the body
}

// census reads every mailbox of an account and lists the messages by their
// Message-ID.
func (d *dovecot) census(ctx context.Context, user string) (map[string][]resident, error) {
	c, err := d.dial(ctx, user, d.users[user])
	if err != nil {
		return nil, err
	}
	list, err := c.List("", "*", nil).Collect()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	found := map[string][]resident{}
	for _, l := range list {
		if slices.Contains(l.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(l.Attrs, imap.MailboxAttrNonExistent) {
			continue
		}
		sel, err := c.Select(l.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %q: %w", d.name, l.Mailbox, err), c.Close())
		}
		if sel.NumMessages == 0 {
			continue
		}
		whole := &imap.FetchItemBodySection{Peek: true}
		all, err := c.Fetch(imap.UIDSet{imap.UIDRange{Start: 1}}, &imap.FetchOptions{
			UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{whole},
		}).Collect()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %q: %w", d.name, l.Mailbox, err), c.Close())
		}
		for _, m := range all {
			raw := normal(m.FindBodySection(whole))
			head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
			id := identity(head)
			found[id] = append(found[id], resident{l.Mailbox, m.InternalDate, sha256.Sum256(body)})
		}
	}
	return found, c.Close()
}

// identity is the Message-ID of a header, or the header where it has none.
func identity(head []byte) string {
	m, err := mail.ReadMessage(bytes.NewReader(append(slices.Clone(head), "\r\n\r\n"...)))
	if err != nil || m.Header.Get("Message-ID") == "" {
		return string(head)
	}
	return m.Header.Get("Message-ID")
}

// everybodyAtHome wants every message that was accepted from anybody to be at
// one server exactly once, as it was sent, and nothing else.
func (r *realm) everybodyAtHome(t *testing.T, d *dovecot) {
	t.Helper()
	total := 0
	for _, user := range realmUsers {
		found, err := d.census(t.Context(), r.login(d, user))
		if err != nil {
			t.Fatal(err)
		}
		total += len(found)
		report(t, d.name+" of "+user, strayed(r.flow.accepted[user], found))
	}
	t.Logf("%d messages sent, %d at the %s", r.flow.count(), total, d.name)
}

// strayed compares what was accepted with what a census has found.
func strayed(accepted map[string][32]byte, found map[string][]resident) []string {
	var fs []string
	for id, sum := range accepted {
		switch rs := found[id]; {
		case len(rs) == 0:
			fs = append(fs, "lost: "+id)
		case len(rs) > 1:
			fs = append(fs, fmt.Sprintf("doubled: %s is in %q and %q", id, rs[0].mailbox, rs[1].mailbox))
		case rs[0].sum != sum:
			fs = append(fs, fmt.Sprintf("altered: %s in %q", id, rs[0].mailbox))
		}
	}
	for id, rs := range found {
		if _, ok := accepted[id]; !ok {
			fs = append(fs, fmt.Sprintf("strange: %q in %q", id, rs[0].mailbox))
		}
	}
	slices.Sort(fs)
	return fs
}

// filed wants the old server to have filed mail of the flow by its filter.
func (r *realm) filed(t *testing.T) {
	t.Helper()
	count := map[string]int{}
	for _, user := range realmUsers {
		found, err := r.source.census(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		for _, rs := range found {
			count[rs[0].mailbox]++
		}
	}
	for _, name := range []string{"Lists.Internet", "Invoices"} {
		if count[name] == 0 {
			t.Errorf("the filter of the old server has filed nothing into %q: %v", name, count)
		}
	}
}

// cameAfter counts what has come to a server since a time, and not been copied
// there.
func (r *realm) cameAfter(t *testing.T, d *dovecot, since time.Time) int {
	t.Helper()
	n := 0
	for _, user := range realmUsers {
		found, err := d.census(t.Context(), r.login(d, user))
		if err != nil {
			t.Fatal(err)
		}
		for _, rs := range found {
			if rs[0].date.After(since) {
				n++
			}
		}
	}
	return n
}

func (r *realm) login(d *dovecot, user string) string {
	if d == r.target {
		return at(user)
	}
	return user
}

// noBounce wants no server to have given up on a message.
func (r *realm) noBounce(t *testing.T) {
	t.Helper()
	for _, p := range r.everybody() {
		if lines := p.logged(t, "status=bounced", "status=expired", "non-delivery notification"); len(lines) > 0 {
			t.Errorf("%s has sent %d messages back, the first: %s", p.host, len(lines), lines[0])
		}
	}
}

func TestCensusFindsPlantedFaults(t *testing.T) {
	t.Parallel()
	one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	here := func(sums ...[32]byte) (rs []resident) {
		for _, s := range sums {
			rs = append(rs, resident{mailbox: "INBOX", sum: s})
		}
		return rs
	}
	for _, tt := range []struct {
		name  string
		found map[string][]resident
		want  string
	}{
		{"all at home", map[string][]resident{"<1>": here(one), "<2>": here(two)}, ""},
		{"lost", map[string][]resident{"<1>": here(one)}, "lost: <2>"},
		{"doubled", map[string][]resident{"<1>": here(one, one), "<2>": here(two)}, `doubled: <1> is in "INBOX" and "INBOX"`},
		{"altered", map[string][]resident{"<1>": here(two), "<2>": here(two)}, `altered: <1> in "INBOX"`},
		{"a bounce", map[string][]resident{"<1>": here(one), "<2>": here(two), "<b>": here(one)}, `strange: "<b>" in "INBOX"`},
	} {
		fs := strayed(map[string][32]byte{"<1>": one, "<2>": two}, tt.found)
		if got := fmt.Sprint(fs); got != fmt.Sprint([]string{tt.want}) && !(tt.want == "" && len(fs) == 0) {
			t.Errorf("%s: strayed = %q, want %q", tt.name, fs, tt.want)
		}
	}
}
