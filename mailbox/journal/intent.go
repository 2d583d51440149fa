package journal

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// A Message is what an intent remembers of a message, enough to find it at
// the target when it is no longer at the source.
type Message struct {
	UID    imap.UID // at the source
	Size   int64
	Date   time.Time // INTERNALDATE as it was sent; zero when none was
	Header [32]byte  // fingerprint of the header
}

// An Intent is a batch that was about to be sent. While it is open, nobody
// knows whether its messages are at the target.
type Intent struct {
	ID       int64
	Look     imap.UID // UIDNEXT of the target at the look before it
	Stored   bool     // the target said OK, without naming UIDs
	Made     time.Time
	Messages []Message
}

// Begin writes an intent down and returns its number. When it returns, the
// intent is durable and the batch may be sent.
func (p *Page) Begin(ctx context.Context, in Intent) (int64, error) {
	var id int64
	err := p.change(ctx, func(tx *transaction) error {
		return tx.row(ctx, `INSERT INTO copy_intent
			(id, pair, reverse, source_validity, target_validity, look, stored, made, messages)
			SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5, 0, $6, $7 FROM copy_intent WHERE true
			RETURNING id`, p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity,
			in.Look, stamp(in.Made), pack(in.Messages)).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("journal intent: %w", err)
	}
	return id, nil
}

// Stored notes that the target took these messages of a batch but did not name
// their UIDs: the intent stays open until a look finds them.
func (p *Page) Stored(ctx context.Context, id int64, taken []Message) error {
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `UPDATE copy_intent SET stored = 1, messages = $1
			WHERE id = $2 AND pair = $3`, pack(taken), id, p.pair)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal intent: %w", err)
	}
	return nil
}

// Done closes intents and notes what is now known to be at the target. With
// no runs the batch is known not to be there.
func (p *Page) Done(ctx context.Context, runs []Run, ids ...int64) error {
	err := p.change(ctx, func(tx *transaction) error {
		for _, id := range ids {
			if _, err := tx.exec(ctx, `DELETE FROM copy_intent WHERE id = $1 AND pair = $2`, id, p.pair); err != nil {
				return err
			}
		}
		return p.addRuns(ctx, tx, runs)
	})
	if err != nil {
		return fmt.Errorf("journal batch: %w", err)
	}
	return nil
}

// Drop closes an intent whose batch is known not to be at the target: it was
// never sent, or refused as a whole.
func (p *Page) Drop(ctx context.Context, id int64) error { return p.Done(ctx, nil, id) }

// Intents returns the open intents of the page, oldest first.
func (p *Page) Intents(ctx context.Context) ([]Intent, error) {
	var ins []Intent
	err := p.j.rows(ctx, `SELECT id, look, stored, made, messages FROM copy_intent
		WHERE pair = $1 AND reverse = $2 AND source_validity = $3 AND target_validity = $4 ORDER BY id`,
		[]any{p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity},
		func(scan func(...any) error) error {
			var in Intent
			var made, messages string
			var stored int
			if err := scan(&in.ID, &in.Look, &stored, &made, &messages); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			in.Stored = stored != 0
			var err error
			if in.Made, err = unstamp(made); err != nil {
				return err
			}
			in.Messages, err = unpack(messages)
			ins = append(ins, in)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("journal intents: %w", err)
	}
	return ins, nil
}

// Stale closes the intents of the pair that were made under other
// UIDVALIDITYs and returns how many there were. The look at the whole mailbox
// that a new UIDVALIDITY brings decides about their messages.
func (p *Page) Stale(ctx context.Context) (int64, error) {
	var n int64
	other := `FROM copy_intent WHERE pair = $1 AND reverse = $2
		AND (source_validity <> $3 OR target_validity <> $4)`
	args := []any{p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity}
	err := p.j.row(ctx, `SELECT COUNT(*) `+other, args...).Scan(&n)
	if err == nil && n == 0 {
		return 0, nil // the usual case costs no write
	}
	err = p.change(ctx, func(tx *transaction) error {
		res, err := tx.exec(ctx, `DELETE `+other, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("journal intents: %w", err)
	}
	return n, nil
}

// pack writes messages as lines of UID, size, date and header fingerprint.
// One column holds a batch: a hundred rows written and deleted per batch
// would cost more than the batch itself.
func pack(ms []Message) string {
	b := make([]byte, 0, 112*len(ms))
	for _, m := range ms {
		b = strconv.AppendUint(b, uint64(m.UID), 10)
		b = strconv.AppendInt(append(b, ' '), m.Size, 10)
		b = append(append(append(b, ' '), stamp(m.Date)...), ' ')
		b = append(hex.AppendEncode(b, m.Header[:]), '\n')
	}
	return string(b)
}

// unpack reads what pack wrote.
func unpack(s string) ([]Message, error) {
	var ms []Message
	for lines := bufio.NewScanner(strings.NewReader(s)); lines.Scan(); {
		var m Message
		var date, header string
		if _, err := fmt.Sscanf(lines.Text(), "%d %d %s %s", &m.UID, &m.Size, &date, &header); err != nil {
			return nil, fmt.Errorf("%w: message of an intent: %w", ErrCorrupt, err)
		}
		var err error
		if m.Date, err = unstamp(date); err != nil {
			return nil, err
		}
		if m.Header, err = digest(header); err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// stamp writes a time, "-" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// unstamp reads what stamp wrote.
func unstamp(s string) (time.Time, error) {
	if s == "-" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return t, nil
}

// digest reads a fingerprint in hexadecimal.
func digest(s string) ([32]byte, error) {
	var d [32]byte
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, fmt.Errorf("%w: fingerprint %.80q", ErrCorrupt, s)
	}
	copy(d[:], b)
	return d, nil
}
