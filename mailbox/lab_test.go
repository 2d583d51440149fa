package mailbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	_ "modernc.org/sqlite"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// A lab is two servers with one account on each, and the state of a move.
type lab struct {
	t              testing.TB
	source, target *imaplab.Server
	from, to       *imaplab.Account
	account        mailbox.Account
	state          string
	books          *journal.Journal // in place of state, where a test opens it once
	options        mailbox.Options
}

// start starts a source with "." and a prefix, as Courier and older Dovecots
// have it, and a target with "/".
func start(t testing.TB, source, target imaplab.Options) *lab {
	t.Helper()
	if source.Delim == 0 {
		source.Delim, source.Prefix = '.', "INBOX."
	}
	l := &lab{t: t, state: filepath.Join(t.TempDir(), "state.db")}
	l.source, l.target = serve(t, source), serve(t, target)
	l.from, l.to = l.source.Account("anna", "a"), l.target.Account("anna", "b")
	l.account = mailbox.Account{
		Name:   "anna@example.org",
		Source: side(l.source, "anna", "a"),
		Target: side(l.target, "anna", "b"),
	}
	l.options = mailbox.Options{Settle: time.Millisecond, Refused: filepath.Join(t.TempDir(), "refused")}
	return l
}

func serve(t testing.TB, o imaplab.Options) *imaplab.Server {
	t.Helper()
	s, err := imaplab.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func side(s *imaplab.Server, user, password string) mailbox.Side {
	return mailbox.Side{
		Endpoint: imapconn.Endpoint{Addr: s.Addr(), Insecure: true, Timeout: 20 * time.Second, Dial: (&net.Dialer{}).DialContext},
		Login:    imapconn.Login{User: user, Password: password},
	}
}

// copier opens the state, as each new process does.
func (l *lab) copier() *mailbox.Copier {
	l.t.Helper()
	if l.books != nil {
		return &mailbox.Copier{Journal: l.books, Options: l.options}
	}
	return &mailbox.Copier{Journal: openJournal(l.t, l.state), Options: l.options}
}

func openJournal(t testing.TB, path string) *journal.Journal {
	t.Helper()
	db, err := openDB(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var n int
	if err := db.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM sqlite_master").Scan(&n); err != nil {
		t.Fatal(err)
	}
	for _, statement := range journal.Schema {
		if n > 0 {
			break
		}
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return journal.Open(db)
}

func dsn(path string) string {
	return path + "?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(5000)"
}

func openDB(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path))
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// copy runs a copy that must end well.
func (l *lab) copy() mailbox.Result {
	l.t.Helper()
	res, err := l.copier().Copy(l.t.Context(), []mailbox.Account{l.account})
	if err != nil || res.Err() != nil {
		l.t.Fatalf("Copy() = %v, %v", err, res.Err())
	}
	return res
}

// forget loses the state.
func (l *lab) forget() { l.state = filepath.Join(l.t.TempDir(), "state.db") }

// appends counts the messages that the target was sent.
func appends(s *imaplab.Server) int {
	n := 0
	for _, c := range s.Commands() {
		if strings.Contains(strings.ToUpper(c), "APPEND") {
			n++
		}
	}
	return n
}

// deliver puts messages into a mailbox of an account.
func deliver(t testing.TB, a *imaplab.Account, name string, ms ...imaplab.Message) []imap.UID {
	t.Helper()
	var uids []imap.UID
	for _, m := range ms {
		uid, err := a.Deliver(name, m)
		if err != nil {
			t.Fatal(err)
		}
		uids = append(uids, uid)
	}
	return uids
}

// letter is an ordinary message with a number.
func letter(n int, flags ...imap.Flag) imaplab.Message {
	return imaplab.Message{
		Body: fmt.Appendf(nil, "Message-ID: <%d@example.org>\r\nDate: Fri, 2 Jan 2026 10:00:00 +0100\r\n"+
			"From: bert@example.org\r\nTo: anna@example.org\r\nSubject: letter %d\r\n\r\nThis is letter %d.\r\n", n, n, n),
		Date:  time.Date(2026, 1, 2, 10, 0, n%60, 0, time.FixedZone("", 3600)).Add(time.Duration(n) * time.Hour),
		Flags: flags,
	}
}

func letters(from, to int, flags ...imap.Flag) []imaplab.Message {
	var ms []imaplab.Message
	for n := from; n < to; n++ {
		ms = append(ms, letter(n, flags...))
	}
	return ms
}

// same compares the messages of two mailboxes: each exactly as often on both
// sides, with octets, date and flags.
func same(t *testing.T, from *imaplab.Account, source string, to *imaplab.Account, target string) {
	t.Helper()
	got, want := picture(to.Messages(target)), picture(from.Messages(source))
	if len(got) != len(want) {
		t.Errorf("%s holds %d messages, %s %d", target, len(got), source, len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s holds %.300q, %s %.300q", target, got[i], source, want[i])
			return
		}
	}
}

func picture(ms []imaplab.Message) []string {
	var all []string
	for _, m := range ms {
		var flags []string
		for _, f := range m.Flags {
			if f != `\Recent` {
				flags = append(flags, string(f))
			}
		}
		slices.Sort(flags)
		all = append(all, fmt.Sprintf("%s %v %s", m.Body, flags, m.Date.Format("2006-01-02 15:04:05 -0700")))
	}
	slices.Sort(all)
	return all
}
