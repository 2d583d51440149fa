package journal_test

import (
	"database/sql"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	_ "modernc.org/sqlite"

	"github.com/mxmove/mxmove/mailbox/journal"
)

// open returns a journal in a database of its own, and the database.
func open(t *testing.T) (*journal.Journal, *sql.DB) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "state.db")+"?_txlock=immediate&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	// One connection, so that a query left open while another runs shows.
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	for _, statement := range journal.Schema {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v in %s", err, statement)
		}
	}
	return journal.Open(db), db
}

func page(t *testing.T, j *journal.Journal, k journal.Key) *journal.Page {
	t.Helper()
	p, err := j.Page(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var key = journal.Key{Account: "anna", Source: "INBOX", Target: "INBOX", SourceValidity: 7, TargetValidity: 9}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func runs(t *testing.T, p *journal.Page) journal.Runs {
	t.Helper()
	rs, err := p.Runs(t.Context())
	check(t, err)
	return rs
}

func TestConsecutiveBatchesAreOneRow(t *testing.T) {
	t.Parallel()
	j, db := open(t)
	p := page(t, j, key)
	for i := range 10 {
		id, err := p.Begin(t.Context(), journal.Intent{Look: 50, Made: time.Unix(0, 0)})
		check(t, err)
		first := imap.UID(i * 100)
		check(t, p.Done(t.Context(), []journal.Run{{Source: 1 + first, Target: 51 + first, Count: 100, Outcome: journal.Copied}}, id))
	}
	want := journal.Runs{{Source: 1, Target: 51, Count: 1000, Outcome: journal.Copied}}
	if got := runs(t, p); !reflect.DeepEqual(got, want) {
		t.Errorf("Runs() = %v, want %v", got, want)
	}
	var rows int
	check(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM copy_run").Scan(&rows))
	if rows != 1 {
		t.Errorf("1000 consecutive messages take %d rows, want 1", rows)
	}
}

func TestRunsFind(t *testing.T) {
	t.Parallel()
	rs := journal.Runs{}.Add(
		journal.Run{Source: 20, Target: 5, Count: 2, Outcome: journal.Copied},
		journal.Run{Source: 10, Target: 100, Count: 3, Outcome: journal.Present},
		journal.Run{Source: 13, Count: 2, Outcome: journal.Copied},
		journal.Run{Source: 15, Count: 1, Outcome: journal.Copied},
	)
	tests := []struct {
		uid, target imap.UID
		outcome     journal.Outcome
	}{
		{9, 0, ""}, {10, 100, journal.Present}, {12, 102, journal.Present},
		{13, 0, journal.Copied}, {15, 0, journal.Copied}, {16, 0, ""},
		{20, 5, journal.Copied}, {21, 6, journal.Copied}, {22, 0, ""},
	}
	for _, tt := range tests {
		run, target, ok := rs.Find(tt.uid)
		if ok != (tt.outcome != "") || run.Outcome != tt.outcome || target != tt.target {
			t.Errorf("Find(%d) = %q, %d, %v, want %q, %d", tt.uid, run.Outcome, target, ok, tt.outcome, tt.target)
		}
	}
	if got := rs.Messages(); got != 8 {
		t.Errorf("Messages() = %d, want 8", got)
	}
	without := rs.Without(func(uid imap.UID) bool { return uid == 11 || uid == 21 })
	want := journal.Runs{
		{Source: 10, Target: 100, Count: 1, Outcome: journal.Present},
		{Source: 12, Target: 102, Count: 1, Outcome: journal.Present},
		{Source: 13, Count: 3, Outcome: journal.Copied},
		{Source: 20, Target: 5, Count: 1, Outcome: journal.Copied},
	}
	if !reflect.DeepEqual(without, want) {
		t.Errorf("Without(11, 21) = %v, want %v", without, want)
	}
}

func TestRunsReplace(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	p := page(t, j, key)
	check(t, p.Found(t.Context(), []journal.Run{{Source: 1, Target: 1, Count: 9, Outcome: journal.Copied}}))
	want := runs(t, p).Without(func(uid imap.UID) bool { return uid == 5 })
	check(t, p.Replace(t.Context(), want))
	if got := runs(t, p); !reflect.DeepEqual(got, want) {
		t.Errorf("Runs() = %v, want %v", got, want)
	}
}

func TestAnotherUIDValidityIsAnotherPage(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	p := page(t, j, key)
	check(t, p.Found(t.Context(), []journal.Run{{Source: 1, Target: 1, Count: 3, Outcome: journal.Copied}}))
	check(t, p.Looked(t.Context(), 40))
	_, err := p.Begin(t.Context(), journal.Intent{Look: 4})
	check(t, err)
	for name, k := range map[string]journal.Key{
		"source": {Account: "anna", Source: "INBOX", Target: "INBOX", SourceValidity: 8, TargetValidity: 9},
		"target": {Account: "anna", Source: "INBOX", Target: "INBOX", SourceValidity: 7, TargetValidity: 10},
	} {
		q := page(t, j, k)
		known, err := q.Known(t.Context())
		check(t, err)
		ins, err := q.Intents(t.Context())
		check(t, err)
		spans, err := q.Targets(t.Context())
		check(t, err)
		if len(runs(t, q)) != 0 || known != 1 || len(ins) != 0 || len(spans) != 0 {
			t.Errorf("other %s UIDVALIDITY: runs %v, known %d, intents %v, targets %v, want nothing", name, runs(t, q), known, ins, spans)
		}
	}
	n, err := page(t, j, journal.Key{Account: "anna", Source: "INBOX", Target: "INBOX", SourceValidity: 7, TargetValidity: 10}).Stale(t.Context())
	if err != nil || n != 1 {
		t.Errorf("Stale() = %d, %v, want the one intent of the old page", n, err)
	}
}

func TestWayBackKnowsTheWayForth(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	forth := page(t, j, journal.Key{Account: "anna", Source: "Sent", Target: "Sent Mail", SourceValidity: 7, TargetValidity: 9})
	back := page(t, j, journal.Key{Account: "anna", Source: "Sent Mail", Target: "Sent", SourceValidity: 9, TargetValidity: 7, Reverse: true})
	check(t, forth.Found(t.Context(), []journal.Run{
		{Source: 3, Target: 30, Count: 4, Outcome: journal.Copied},
		{Source: 8, Count: 1, Outcome: journal.Copied},
	}))
	check(t, back.Found(t.Context(), []journal.Run{
		{Source: 50, Target: 90, Count: 1, Outcome: journal.Copied},
		{Source: 52, Count: 1, Outcome: journal.Copied},
		{Source: 54, Count: 1, Outcome: journal.Copied},
	}))
	check(t, forth.Looked(t.Context(), 77))
	_, err := forth.Begin(t.Context(), journal.Intent{Look: 60})
	check(t, err)

	wantBack := journal.Runs{
		{Source: 30, Target: 3, Count: 4, Outcome: journal.Copied},
		{Source: 50, Target: 90, Count: 1, Outcome: journal.Copied},
		{Source: 52, Count: 1, Outcome: journal.Copied},
		{Source: 54, Count: 1, Outcome: journal.Copied},
	}
	if got := runs(t, back); !reflect.DeepEqual(got, wantBack) {
		t.Errorf("runs on the way back = %v, want %v", got, wantBack)
	}
	wantForth := journal.Runs{
		{Source: 3, Target: 30, Count: 4, Outcome: journal.Copied},
		{Source: 8, Count: 1, Outcome: journal.Copied},
		{Source: 90, Target: 50, Count: 1, Outcome: journal.Copied},
	}
	if got := runs(t, forth); !reflect.DeepEqual(got, wantForth) {
		t.Errorf("runs on the way forth = %v, want %v", got, wantForth)
	}
	known, err := back.Known(t.Context())
	check(t, err)
	ins, err := back.Intents(t.Context())
	check(t, err)
	if known != 1 || len(ins) != 0 {
		t.Errorf("the way back begins with known %d and intents %v, want a look at everything", known, ins)
	}
}

func TestTargetsOfMailboxesPouredTogether(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	a := page(t, j, journal.Key{Account: "anna", Source: "Sent", Target: "Sent Mail", SourceValidity: 7, TargetValidity: 9})
	b := page(t, j, journal.Key{Account: "anna", Source: "Gesendet", Target: "Sent Mail", SourceValidity: 8, TargetValidity: 9})
	check(t, a.Found(t.Context(), []journal.Run{{Source: 1, Target: 10, Count: 10, Outcome: journal.Copied}}))
	check(t, b.Found(t.Context(), []journal.Run{
		{Source: 1, Target: 12, Count: 2, Outcome: journal.Present},
		{Source: 9, Target: 30, Count: 1, Outcome: journal.Copied},
	}))
	spans, err := b.Targets(t.Context())
	check(t, err)
	for uid, want := range map[imap.UID]bool{9: false, 10: true, 13: true, 19: true, 20: false, 30: true, 31: false} {
		if got := spans.Has(uid); got != want {
			t.Errorf("Targets() = %v, has %d = %v, want %v", spans, uid, got, want)
		}
	}
}

func TestKnownIsTheLowestLookOfAnOpenIntent(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	p := page(t, j, key)
	known := func(want imap.UID) {
		t.Helper()
		if got, err := p.Known(t.Context()); err != nil || got != want {
			t.Errorf("Known() = %d, %v, want %d", got, err, want)
		}
	}
	known(1)
	check(t, p.Looked(t.Context(), 40))
	known(40)
	first, err := p.Begin(t.Context(), journal.Intent{Look: 40})
	check(t, err)
	second, err := p.Begin(t.Context(), journal.Intent{Look: 60})
	check(t, err)
	check(t, p.Looked(t.Context(), 80))
	known(40)
	check(t, p.Drop(t.Context(), first))
	known(60)
	check(t, p.Stored(t.Context(), second, nil))
	known(60)
	check(t, p.Done(t.Context(), nil, second))
	known(80)
	check(t, p.Inventoried(t.Context(), 12))
	check(t, p.SetFlags(t.Context(), "x"))
	known(80)
	if got, err := p.Inventory(t.Context()); err != nil || got != 12 {
		t.Errorf("Inventory() = %d, %v, want 12", got, err)
	}
	if got, err := p.Flags(t.Context()); err != nil || got != "x" {
		t.Errorf("Flags() = %q, %v, want x", got, err)
	}
	check(t, p.Forget(t.Context()))
	known(1)
}

func TestIntentKeepsWhatIsNeededToFindItsMessages(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	p := page(t, j, key)
	in := journal.Intent{
		Look: 5, Made: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Messages: []journal.Message{
			{UID: 1, Size: 10, Date: time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), Header: [32]byte{1, 2, 31: 9}},
			{UID: 4294967295, Size: 0},
		},
	}
	id, err := p.Begin(t.Context(), in)
	check(t, err)
	check(t, p.Stored(t.Context(), id, in.Messages[:1]))
	in.ID, in.Stored, in.Messages = id, true, in.Messages[:1]
	got, err := p.Intents(t.Context())
	if err != nil || !reflect.DeepEqual(got, []journal.Intent{in}) {
		t.Errorf("Intents() = %+v, %v, want %+v", got, err, in)
	}
}

func TestDamagedIntentIsAnError(t *testing.T) {
	t.Parallel()
	for _, messages := range []string{"x", "1 2 -", "1 2 yesterday 00", "1 2 - 00", strings.Repeat("9", 99) + " 1 - -"} {
		j, db := open(t)
		p := page(t, j, key)
		_, err := p.Begin(t.Context(), journal.Intent{Look: 1})
		check(t, err)
		_, err = db.ExecContext(t.Context(), "UPDATE copy_intent SET messages = $1", messages)
		check(t, err)
		if _, err := p.Intents(t.Context()); err == nil {
			t.Errorf("Intents() with %q = nil, want an error", messages)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	p := page(t, j, key)
	check(t, p.Refuse(t.Context(), journal.Refusal{UID: 3, Size: 10, Reason: "too big", File: "1/1-7-3.eml"}))
	want := journal.Refusal{UID: 3, Size: 10, Reason: "virus \x00\xff", File: "1/1-7-3.eml"}
	check(t, p.Refuse(t.Context(), want))
	want.Reason = `"virus \x00\xff"`
	got, err := p.Refusals(t.Context())
	if err != nil || len(got) != 1 || got[3] != want {
		t.Errorf("Refusals() = %v, %v, want %v", got, err, want)
	}
	check(t, p.Pardon(t.Context(), 3))
	if got, err := p.Refusals(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("Refusals() after Pardon = %v, %v, want none", got, err)
	}
}

func TestDoubtIsWatchedForTwoAudits(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	p := page(t, j, key)
	m := journal.Message{Size: 5, Date: time.Unix(99, 0).UTC(), Header: [32]byte{7}}
	check(t, p.Doubt(t.Context(), []journal.Message{m}))
	for audit, want := range []int{1, 1, 0} {
		got, err := p.Doubts(t.Context())
		check(t, err)
		if len(got) != want || want > 0 && got[0] != m {
			t.Errorf("Doubts() after %d audits = %v, want %d of %v", audit, got, want, m)
		}
		check(t, p.Audited(t.Context()))
	}
}

func TestOddNames(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	k := journal.Key{Account: "anna", Source: "Entw\xfcrfe", Target: "Entwürfe", SourceValidity: 1, TargetValidity: 1}
	check(t, page(t, j, k).Looked(t.Context(), 9))
	if known, err := page(t, j, k).Known(t.Context()); err != nil || known != 9 {
		t.Errorf("Known() under a Latin-1 name = %d, %v, want 9", known, err)
	}
	k.Source = "Entw\xf6rfe"
	if known, err := page(t, j, k).Known(t.Context()); err != nil || known != 1 {
		t.Errorf("Known() under another name = %d, %v, want 1", known, err)
	}
}

func TestPageWritesNothingByItself(t *testing.T) {
	t.Parallel()
	j, db := open(t)
	p := page(t, j, key)
	if rs := runs(t, p); len(rs) != 0 {
		t.Errorf("Runs() = %v, want none", rs)
	}
	var rows int
	check(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM copy_pair").Scan(&rows))
	if rows != 0 {
		t.Errorf("reading a page wrote %d rows", rows)
	}
	check(t, p.Looked(t.Context(), 5))
	check(t, page(t, j, journal.Key{Account: "anna", Source: "Sent", Target: "Sent"}).Looked(t.Context(), 6))
	q := page(t, j, journal.Key{Account: "bert", Source: "Sent", Target: "Sent"})
	check(t, q.Looked(t.Context(), 7))
	if account, pair, err := q.Numbers(t.Context()); err != nil || account != 3 || pair != 3 {
		t.Errorf("Numbers() = %d, %d, %v, want 3, 3", account, pair, err)
	}
	if account, pair, err := page(t, j, key).Numbers(t.Context()); err != nil || account != 1 || pair != 1 {
		t.Errorf("Numbers() = %d, %d, %v, want 1, 1", account, pair, err)
	}
}

func TestRenumbered(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	check(t, page(t, j, key).Found(t.Context(), []journal.Run{{Source: 1, Target: 1, Count: 1, Outcome: journal.Copied}}))
	other := key
	other.SourceValidity++
	for k, want := range map[journal.Key]bool{key: false, other: true, {Account: "bert"}: false} {
		if got, err := page(t, j, k).Renumbered(t.Context()); err != nil || got != want {
			t.Errorf("Renumbered() of %v = %v, %v, want %v", k, got, err, want)
		}
	}
}

func TestRests(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	p := page(t, j, key)
	check(t, p.Rested(t.Context(), "mark", "note"))
	check(t, p.Rested(t.Context(), "later", "note"))
	other := key
	other.SourceValidity = 8
	for _, reverse := range []bool{false, true} {
		got, err := j.Rests(t.Context(), "anna", reverse)
		check(t, err)
		want := []journal.Rest{{Source: "INBOX", Target: "INBOX", SourceValidity: 7, TargetValidity: 9, Mark: "later", Note: "note"}}
		if reverse {
			want = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Rests(reverse %v) = %+v, want %+v", reverse, got, want)
		}
	}
	check(t, page(t, j, other).Stirred(t.Context()))
	if got, err := j.Rests(t.Context(), "anna", false); err != nil || len(got) != 0 {
		t.Errorf("Rests() of a pair that was stirred = %+v, %v", got, err)
	}
}
