package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// ErrLocked is returned by TakeLock when another run holds the lock; the
// error is then a *LockedError.
var ErrLocked = errors.New("state: another run holds the lock")

// A Holder says who holds the lock, as far as could be read.
type Holder struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
}

// A LockedError says who holds the lock; errors.Is finds ErrLocked.
type LockedError struct {
	Holder
}

// Error names the holder.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return "another run holds the lock"
	}
	return fmt.Sprintf("another run holds the lock: %s, process %d, since %s", e.Command, e.PID, e.Since.UTC().Format(time.RFC3339))
}

// Is reports whether target is ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// A Lock is held until it is closed or the process ends, however it ends: the
// file stays, and says nothing by being there.
type Lock struct {
	file *os.File
}

// TakeLock takes the lock of a move directory, at once or not at all. The
// command is what the next one is told; it holds no secret.
func TakeLock(dir, command string, now time.Time) (*Lock, error) {
	dir = filepath.Join(dir, Dir)
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	f, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	who, err := json.Marshal(Holder{PID: os.Getpid(), Since: now.UTC(), Command: command})
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(who, '\n'), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the move directory: %w", errors.Join(err, f.Close()))
	}
	return &Lock{file: f}, nil
}

// lockFile opens a file and locks it.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock the move directory: %w", err)
		}
		held, err := tryLock(f)
		if err != nil {
			return nil, fmt.Errorf("lock the move directory: %w", errors.Join(err, f.Close()))
		}
		if held {
			who := holder(f)
			return nil, errors.Join(&LockedError{who}, f.Close())
		}
		if sameFile(f, path) {
			return f, nil
		}
		// Somebody removed the file between our opening and locking it: the
		// next run would lock another one.
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("lock the move directory: %w", err)
		}
	}
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// holder reads who holds the lock. The holder may be writing that just now,
// so what cannot be read is left out.
func holder(f *os.File) Holder {
	var h Holder
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	if err != nil || json.Unmarshal(data, &h) != nil {
		return Holder{}
	}
	h.Command = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, h.Command)
	return h
}

// Close gives the lock back. It may run twice.
func (l *Lock) Close() error {
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	// Closing alone would leave the lock to a child process that was forked
	// and has not begun its own program yet.
	return errors.Join(f.Truncate(0), unlock(f), f.Close())
}
