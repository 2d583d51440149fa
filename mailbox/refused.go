package mailbox

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A refusal is a message that the target does not take.
type refusal struct {
	message Message
	reason  string
	err     error // what the target said; nil: there is no use in sending it again
}

// refuse keeps a message that the target does not take as a file, and notes
// it. One that streams through is fetched again for it, later.
func (w *writer) refuse(ctx context.Context, l *load, place int, reason error) error {
	r := refusal{l.messages[place], clean(reason.Error()), reason}
	if l.stream != nil {
		l.d.unkept = append(l.d.unkept, r)
		return nil
	}
	octets := l.origin(place).octets
	r.message.Size = int64(len(octets))
	return l.d.keep(ctx, r, bytes.NewReader(octets))
}

// keep writes a refused message into its file, then into the journal, then
// into the list that people read.
func (d *delta) keep(ctx context.Context, r refusal, body io.Reader) error {
	name, err := d.write(ctx, r.message.UID, body)
	if err != nil {
		return err
	}
	if err := d.unrepaired(ctx, r.message.UID); err != nil {
		return err
	}
	jr := journal.Refusal{UID: r.message.UID, Size: r.message.Size, Reason: r.reason, File: name}
	if err := d.page.Refuse(ctx, jr); err != nil {
		return err
	}
	d.refusals[r.message.UID] = jr
	if err := d.listRefused(r.message, r.reason, name); err != nil {
		return err
	}
	d.emit(Event{Type: MessageRefused, Account: d.account.Name, Mailbox: d.pair.Source, Text: r.reason})
	d.note(finding.Finding{
		Severity: finding.Warn, Code: finding.MessageRefused, Subject: d.account.Name + " " + d.pair.Source,
		Text:     fmt.Sprintf("the target refuses the message with UID %d (%d octets)", r.message.UID, r.message.Size),
		Evidence: []string{r.reason, "kept as " + name},
		Fix:      "hand the file to its owner, or run mxmove sync --recopy-missing when the target takes it",
	})
	return nil
}

// file writes a message that is about to be sent changed into its file.
func (d *delta) file(ctx context.Context, uid imap.UID, octets []byte) (name string, err error) {
	return d.write(ctx, uid, bytes.NewReader(octets))
}

// write writes a message into its file, and returns the file's name below the
// directory of refused ones, empty where there is none.
func (d *delta) write(ctx context.Context, uid imap.UID, body io.Reader) (name string, err error) {
	if d.o.Refused == "" {
		return "", nil
	}
	if name, err = d.refusedName(ctx, uid); err != nil {
		return "", err
	}
	if err := writeRefused(filepath.Join(d.o.Refused, filepath.FromSlash(name)), body); err != nil {
		return "", fmt.Errorf("keep refused message: %w", err)
	}
	return name, nil
}

// refusedName makes a file name out of numbers: nothing of a message or of a
// mailbox name shall choose where a file is written.
func (d *delta) refusedName(ctx context.Context, uid imap.UID) (string, error) {
	account, pair, err := d.page.Numbers(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d/%d-%d-%d.eml", account, pair, d.source.UIDValidity, uid), nil
}

// writeRefused writes a file that only its owner can read, whole or not at all.
func writeRefused(path string, body io.Reader) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error that led here is told
		}
	}()
	_, err = io.Copy(f, body)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// refusedColumns is the head of the list of refused messages.
var refusedColumns = []string{"file", "account", "mailbox", "uidvalidity", "uid", "octets", "date", "reason"}

// listRefused adds a line to index.csv beside the refused messages.
func (d *delta) listRefused(m Message, reason, name string) (err error) {
	if d.o.Refused == "" {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("list refused message: %w", err)
		}
	}()
	d.run.mu.Lock()
	defer d.run.mu.Unlock()
	path := filepath.Join(d.o.Refused, "index.csv")
	_, err = os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	if fresh {
		_ = w.Write(refusedColumns) // told by Flush
	}
	_ = w.Write([]string{
		name, cell(d.account.Name), cell(d.pair.Source), strconv.FormatUint(uint64(d.source.UIDValidity), 10),
		strconv.FormatUint(uint64(m.UID), 10), strconv.FormatInt(m.Size, 10),
		m.InternalDate.UTC().Format(time.RFC3339), cell(reason),
	})
	w.Flush()
	return errors.Join(w.Error(), f.Close())
}

// cell makes text from outside safe in a spreadsheet, which would take some
// of it for a formula.
func cell(s string) string {
	s = clean(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
