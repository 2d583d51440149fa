package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CheckDir refuses a move directory, or the files in it that are read, when
// they belong to somebody else or others can write them, since they may name
// commands to run, and a directory on a network file system, since locks do
// not hold there. What it complains about is an *Error.
func CheckDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{File: dir, Text: "there is no such directory", Err: err}
	case err != nil:
		return unreadable(dir, err)
	case !info.IsDir():
		return &Error{File: dir, Text: "this is no directory", Fix: "name the directory that holds " + File}
	}
	if err := ours(dir, info); err != nil {
		return err
	}
	if name := network(dir); name != "" {
		return &Error{File: dir, Text: fmt.Sprintf("the directory is on a network file system (%s), where locks do not hold", name), Fix: "move it to a local disk"}
	}
	for _, name := range []string{File, "accounts.csv"} {
		if err := CheckFile(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// CheckFile refuses a file that belongs to somebody else or that others can
// write: accounts.csv elsewhere, or a provider file. One that does not exist
// passes.
func CheckFile(file string) error {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unreadable(file, err)
	}
	return ours(file, info)
}
