package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// exchange puts a new text in the place of a file in one step: whoever reads
// the file sees the old one or the new one, and so does a machine that loses
// its power meanwhile. Mode and owner stay.
func exchange(path, before, after string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".mxmove-*")
	if err != nil {
		return unwritable(path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone already when all went well
	err = fill(f, path, after)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return unwritable(path, err)
	}
	// Somebody may have saved the file in an editor since it was read.
	now, err := readMaster(path)
	if err != nil {
		return err
	}
	if now != before {
		return fmt.Errorf("write %s: %w: the file was changed meanwhile", path, ErrUnavailable)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return unwritable(path, err)
	}
	return syncDir(filepath.Dir(path))
}

// fill writes the text and gives the new file the mode and owner of the old
// one.
func fill(f *os.File, path, text string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err := keepOwner(f, info); err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes the rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

func unwritable(path string, err error) error {
	kind := ErrUnavailable
	if errors.Is(err, fs.ErrPermission) {
		kind = ErrRefused
	}
	return fmt.Errorf("write %s: %w: %w", path, kind, err)
}
