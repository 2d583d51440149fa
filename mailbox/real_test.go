package mailbox_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// A real move goes from a Dovecot with Maildir and "." to one with sdbox and
// "/". The source is filled by go-imap's client, and both are read by it.
type real struct {
	t              *testing.T
	source, target dovecot
	account        mailbox.Account
	state          string
	options        mailbox.Options
}

func newReal(t *testing.T, settings ...string) *real {
	t.Helper()
	r := &real{
		t:      t,
		source: newDovecot(t, "source", ".", "maildir:~/Maildir", settings...),
		target: newDovecot(t, "target", "/", "sdbox:~/sdbox", settings...),
		state:  filepath.Join(t.TempDir(), "state.db"),
	}
	r.account = mailbox.Account{Name: "anna@example.org", Source: r.source.side("anna"), Target: r.target.side("anna")}
	r.options = mailbox.Options{
		Settle: 50 * time.Millisecond, Refused: filepath.Join(t.TempDir(), "refused"),
		Names: map[imap.MailboxAttr]string{imap.MailboxAttrSent: "Sent"},
	}
	return r
}

func (d dovecot) client(t *testing.T) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(d.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Login("anna", "secret").Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// fill appends messages to a mailbox, which it makes.
func (d dovecot) fill(t *testing.T, name string, ms ...imaplab.Message) {
	t.Helper()
	c := d.client(t)
	if name != "INBOX" {
		if err := c.Create(name, nil).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	var sent []*imapclient.AppendCommand
	for _, m := range ms {
		cmd := c.Append(name, int64(len(m.Body)), &imap.AppendOptions{Flags: m.Flags, Time: m.Date})
		if _, err := cmd.Write(m.Body); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Close(); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, cmd)
	}
	for _, cmd := range sent {
		if _, err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// flag changes the flags of a few messages, as a user's client does.
func (d dovecot) flag(t *testing.T, name string, op imap.StoreFlagsOp, flags ...imap.Flag) {
	t.Helper()
	c := d.client(t)
	if _, err := c.Select(name, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Store(imap.UIDSetNum(3, 5), &imap.StoreFlags{Op: op, Silent: true, Flags: flags}, nil).Close(); err != nil {
		t.Fatal(err)
	}
}

// picture reads a mailbox: content, flags and date of every message, sorted.
func (d dovecot) picture(t *testing.T, name string) []string {
	t.Helper()
	c := d.client(t)
	defer func() { _ = c.Close() }()
	sel, err := c.Select(name, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatalf("select %s: %v", name, err)
	}
	if sel.NumMessages == 0 {
		return nil
	}
	section := &imap.FetchItemBodySection{Peek: true}
	ms, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{
		Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{section},
	}).Collect()
	if err != nil {
		t.Fatalf("fetch %s: %v", name, err)
	}
	var all []string
	for _, m := range ms {
		body := bytes.ReplaceAll(m.FindBodySection(section), []byte("\r\n"), []byte("\n"))
		flags := slices.DeleteFunc(m.Flags, func(f imap.Flag) bool { return f == `\Recent` })
		all = append(all, fmt.Sprintf("%x %s %d", sha256.Sum256(body), flagWords(flags), m.InternalDate.Unix()))
	}
	slices.Sort(all)
	return all
}

func (r *real) copier() *mailbox.Copier {
	return &mailbox.Copier{Journal: openJournal(r.t, r.state), Options: r.options}
}

func (r *real) copy() mailbox.Result {
	r.t.Helper()
	res, err := r.copier().Copy(r.t.Context(), []mailbox.Account{r.account})
	if err != nil || res.Err() != nil {
		r.t.Fatalf("Copy() = %v, %v", err, res.Err())
	}
	return res
}

// realPaths are the mailboxes of a real move and where they go.
var realPaths = map[string]string{
	"INBOX": "INBOX", "Gesendet": "Sent", "Gesendet.2019": "Sent/2019", "Größe & Gewicht": "Größe & Gewicht", "2019": "2019", "Empty": "Empty",
}

func (r *real) fillSource() {
	r.t.Helper()
	r.source.fill(r.t, "INBOX", letters(0, 400, imap.FlagSeen, "$Forwarded")...)
	r.source.fill(r.t, "Gesendet", letters(500, 600, imap.FlagSeen)...)
	awk := slices.DeleteFunc(awkward(), func(m imaplab.Message) bool { return len(m.Body) == 0 })
	r.source.fill(r.t, "Gesendet.2019", awk...)
	r.source.fill(r.t, "Größe & Gewicht", letters(700, 720, imap.FlagFlagged, imap.FlagDeleted, imap.FlagAnswered)...)
	r.source.fill(r.t, "2019", awk...)
	r.source.fill(r.t, "Empty")
}

// check requires that both sides are the same.
func (r *real) check() {
	r.t.Helper()
	for source, target := range realPaths {
		got, want := r.target.picture(r.t, target), r.source.picture(r.t, source)
		if !slices.Equal(got, want) {
			r.t.Errorf("%s holds %d messages, %s %d, and they are not the same", target, len(got), source, len(want))
		}
	}
}

func TestRealDovecot(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	r.fillSource()
	before := r.source.picture(t, "INBOX")
	began := time.Now()
	res := r.copy()
	t.Logf("%d messages in %s", res.Sent, time.Since(began).Round(time.Millisecond))
	r.check()
	if after := r.source.picture(t, "INBOX"); !slices.Equal(before, after) {
		t.Error("the copy changed the source")
	}
	if res := r.copy(); res.Sent != 0 {
		t.Errorf("a second run sent %d messages", res.Sent)
	}
	r.source.flag(t, "INBOX", imap.StoreFlagsAdd, imap.FlagFlagged, "work")
	r.source.flag(t, "Gesendet", imap.StoreFlagsDel, imap.FlagSeen)
	r.source.fill(t, "INBOX", letter(900))
	if res := r.copy(); res.Sent != 1 {
		t.Errorf("a run after a change sent %d messages, want 1", res.Sent)
	}
	r.check()
	r.state = filepath.Join(t.TempDir(), "state.db")
	if res := r.copy(); res.Sent != 0 {
		t.Errorf("a run without its state sent %d messages", res.Sent)
	}
	b, err := r.copier().Verify(t.Context(), []mailbox.Account{r.account}, mailbox.VerifyOptions{Copy: r.options, Hash: 100})
	if err != nil || !b.Balanced || b.Extra() != 0 {
		t.Errorf("Verify() = %+v, %v, want a balance", b, err)
	}
}

func TestRealDovecotKilled(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	r.fillSource()
	chance := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		ctx, kill := context.WithCancelCause(t.Context())
		var events atomic.Int32
		at := int32(chance.IntN(6))
		after := time.Duration(chance.IntN(2000)) * time.Microsecond
		r.options.Events = func(mailbox.Event) {
			if events.Add(1) == at+1 {
				time.AfterFunc(after, func() { kill(errors.New("killed")) })
			}
		}
		_, _ = r.copier().Copy(ctx, []mailbox.Account{r.account})
		kill(nil)
	}
	r.options.Events = nil
	r.copy()
	r.check()
	if res := r.copy(); res.Sent != 0 {
		t.Errorf("a further run sent %d messages", res.Sent)
	}
}
