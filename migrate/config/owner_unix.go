//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ours refuses what somebody else owns or can write. Root is trusted, but as
// root nobody else is: a user's directory may name commands.
func ours(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if me := uint32(os.Geteuid()); stat.Uid != me && stat.Uid != 0 {
		return &Error{File: path, Text: fmt.Sprintf("this belongs to somebody else (user %d)", stat.Uid), Fix: "it may name commands to run; use a directory and files of your own"}
	}
	open := info.Mode().Perm() & 0o022
	if privateGroup(stat) {
		open &^= 0o020
	}
	if open != 0 {
		return &Error{File: path, Text: "others can write this", Fix: "it may name commands to run; run chmod go-w " + printable(path)}
	}
	return nil
}

// privateGroup reports whether the group is the user's own, as systems make
// them that also let it write by default (umask 002).
func privateGroup(stat *syscall.Stat_t) bool {
	return stat.Uid != 0 && stat.Gid == stat.Uid
}

// readableByOthers reports whether group or others can read the file.
func readableByOthers(info fs.FileInfo) bool {
	return info.Mode().Perm()&0o044 != 0
}
