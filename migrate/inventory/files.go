package inventory

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Bounds of what is read: a copy may come from a machine that somebody else
// rules.
const (
	maxFile    = 64 << 20 // octets of a table
	maxLine    = 1 << 20  // octets of a logical line
	maxEntries = 500_000  // lines of all tables together
)

var (
	errTooLarge = fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	errLongLine = fmt.Errorf("a line is longer than %d octets", maxLine)
	errNoFile   = errors.New("it is no regular file")
)

// A Mount is a directory of the old server, or a copy of one.
type Mount struct {
	At    string // where it lay, such as "/etc/postfix"
	Shown string // how evidence names it
	FS    fs.FS
}

// Files are the files of the old server as far as they are known. The first
// mount that has a path decides.
type Files []Mount

// open opens a regular file by the path that it had on the old server, and
// returns how evidence names it.
func (fsys Files) open(name string) (fs.File, string, error) {
	name = path.Clean(name)
	for _, m := range fsys {
		rest, ok := below(name, m.At)
		if !ok || !fs.ValidPath(rest) {
			continue
		}
		info, err := fs.Stat(m.FS, rest)
		if missing(err) {
			continue
		}
		shown := path.Join(m.Shown, rest)
		switch {
		case err != nil:
			return nil, shown, err
		case !info.Mode().IsRegular(): // a pipe would never end
			return nil, shown, errNoFile
		case info.Size() > maxFile:
			return nil, shown, errTooLarge
		}
		f, err := m.FS.Open(rest)
		return f, shown, err
	}
	return nil, name, fs.ErrNotExist
}

// glob lists the files that a pattern matches, by their old paths and sorted.
// Only the last element may hold a wildcard.
func (fsys Files) glob(pattern string) []string {
	dir, last := path.Split(path.Clean(pattern))
	if !strings.ContainsAny(last, "*?[") {
		return []string{path.Join(dir, last)}
	}
	var names []string
	for _, m := range fsys {
		rest, ok := below(path.Clean(dir), m.At)
		if !ok || !fs.ValidPath(rest) {
			continue
		}
		entries, err := fs.ReadDir(m.FS, rest)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if ok, err := path.Match(last, e.Name()); err == nil && ok {
				names = append(names, path.Join(dir, e.Name()))
			}
		}
		break
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// below returns name relative to dir.
func below(name, dir string) (string, bool) {
	if name == dir {
		return ".", true
	}
	if !strings.HasSuffix(dir, "/") {
		dir += "/"
	}
	return strings.CutPrefix(name, dir)
}

// lines calls fn with every line of a text and its number.
func lines(r io.Reader, fn func(n int, line string) error) error {
	sc := bufio.NewScanner(io.LimitReader(r, maxFile))
	sc.Buffer(make([]byte, 0, 4096), maxLine)
	for n := 1; sc.Scan(); n++ {
		if n > maxEntries {
			return fmt.Errorf("it has more than %d lines", maxEntries)
		}
		if err := fn(n, strings.TrimSuffix(sc.Text(), "\r")); err != nil {
			return err
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return errLongLine
	}
	return sc.Err()
}

// logical calls fn with every logical line of a Postfix file: a line that
// begins with white space continues the one before, and neither comments nor
// empty lines in between end it.
func logical(r io.Reader, fn func(n int, line string) error) error {
	var text strings.Builder
	first := 0
	flush := func() error {
		if first == 0 {
			return nil
		}
		err := fn(first, text.String())
		text.Reset()
		first = 0
		return err
	}
	err := lines(r, func(n int, line string) error {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#':
			return nil
		case line[0] == ' ' || line[0] == '\t':
			if first == 0 { // it continues nothing, and Postfix drops it
				return nil
			}
			text.WriteByte(' ')
		default:
			if err := flush(); err != nil {
				return err
			}
			first = n
		}
		text.WriteString(trimmed)
		if text.Len() > maxLine {
			return errLongLine
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// place is the evidence for a line.
func place(shown string, n int) string { return fmt.Sprintf("%s:%d", shown, n) }
