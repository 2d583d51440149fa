package inventory

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of the logs.
const (
	maxLogLine  = 64 << 10
	maxLog      = 16 << 30 // octets of one log, unpacked
	maxObserved = 200_000  // distinct addresses
)

// A Log is one file of the mail log, plain or packed by gzip.
type Log struct {
	Name string // how evidence names it
	Open func() (io.ReadCloser, error)
	// Modified bounds the times in it, since most lines lack a year.
	Modified time.Time
}

// A tally is what the log says about one address. The two servers log the
// same delivery, so the larger count is the right one.
type tally struct {
	postfix, dovecot int
	last             time.Time
	source           string
}

// A watcher reads logs.
type watcher struct {
	moved        []string
	now          time.Time
	seen         map[string]*tally
	since, last  time.Time
	full, opened bool
}

func newWatcher(o Options) *watcher {
	return &watcher{moved: o.Domains, now: o.Now, seen: make(map[string]*tally)}
}

// read streams one log. It returns why the log could not be read whole; an
// error only when ctx has ended.
func (w *watcher) read(ctx context.Context, log Log) (string, error) {
	f, err := log.Open()
	if err != nil {
		return "it cannot be opened: " + unwrapped(err).Error(), nil
	}
	defer f.Close()
	r, err := unpacked(f)
	if err != nil {
		return err.Error(), nil
	}
	newest := w.now
	if !log.Modified.IsZero() && log.Modified.Before(newest) {
		newest = log.Modified
	}
	n := 0
	err = logLines(io.LimitReader(r, maxLog), func(line []byte) error {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		w.line(line, log.Name, n, newest)
		return nil
	})
	w.opened = true
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return fmt.Sprintf("it ends in the middle, after %d lines: %v", n, err), nil
	case w.full:
		return fmt.Sprintf("more than %d addresses are in the logs; the others are not counted", maxObserved), nil
	}
	return "", nil
}

// unpacked looks at the first octets, since names of rotated logs say little.
func unpacked(r io.Reader) (io.Reader, error) {
	br := bufio.NewReader(r)
	magic, _ := br.Peek(6) // a short log is not packed
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(br)
	case bytes.HasPrefix(magic, []byte("BZh")), bytes.HasPrefix(magic, []byte{0xfd, '7', 'z', 'X', 'Z'}), bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, errors.New("it is packed by something other than gzip")
	}
	return br, nil
}

// logLines calls fn with every line; of a line that is too long the rest is
// dropped.
func logLines(r io.Reader, fn func([]byte) error) error {
	br := bufio.NewReaderSize(r, maxLogLine)
	for {
		line, err := br.ReadSlice('\n')
		if len(line) > 0 {
			if err := fn(bytes.TrimRight(line, "\r\n")); err != nil {
				return err
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = br.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// line counts what one line says.
func (w *watcher) line(line []byte, log string, n int, newest time.Time) {
	address, dovecot := delivered(line)
	if address == "" {
		return
	}
	address, ok := w.ours(address, dovecot)
	if !ok {
		return
	}
	t := w.seen[address]
	if t == nil {
		if len(w.seen) >= maxObserved {
			w.full = true
			return
		}
		t = &tally{}
		w.seen[address] = t
	}
	if dovecot {
		t.dovecot++
	} else {
		t.postfix++
	}
	at, known := lineTime(line, newest)
	if t.source == "" || known && !at.Before(t.last) {
		t.source = place(log, n)
	}
	if !known {
		return
	}
	if at.After(t.last) {
		t.last = at
	}
	if w.since.IsZero() || at.Before(w.since) {
		w.since = at
	}
	if at.After(w.last) {
		w.last = at
	}
}

// ours returns an address of a domain that moves. Dovecot often knows its
// users without a domain.
func (w *watcher) ours(address string, dovecot bool) (string, bool) {
	if dovecot && !strings.Contains(address, "@") && len(w.moved) > 0 {
		address += "@" + w.moved[0]
	}
	address, ok := canonical(address)
	return address, ok && slices.Contains(w.moved, domainOf(address))
}

// into puts the counts into a set.
func (w *watcher) into(s *Set) {
	s.Logged, s.Since, s.Last = w.opened, w.since, w.last
	for _, address := range slices.Sorted(maps.Keys(w.seen)) {
		t := w.seen[address]
		s.Observed = append(s.Observed, Observation{
			Address: address, Count: max(t.postfix, t.dovecot), Last: t.last, Source: printable(t.source),
		})
	}
}
