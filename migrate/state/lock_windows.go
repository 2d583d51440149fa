package state

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks an open file, or reports that somebody else holds it. Locks
// are mandatory here, so an octet far behind the end is locked, and the
// holder can still be read.
func tryLock(f *os.File) (held bool, err error) {
	at := farBehind()
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return true, nil
	}
	return false, err
}

func unlock(f *os.File) error {
	at := farBehind()
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &at)
}

func farBehind() windows.Overlapped { return windows.Overlapped{OffsetHigh: 1 << 30} }
