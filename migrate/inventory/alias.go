package inventory

import (
	"errors"
	"io"
	"io/fs"
	"strings"
)

// unwrapped returns the cause of an error about a path.
func unwrapped(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// readAliases reads the text form of aliases(5): a name, a colon, and where
// its mail goes, separated by commas.
func readAliases(r io.Reader, shown string, add func(pair)) error {
	return logical(r, func(n int, line string) error {
		var name, value string
		var ok bool
		if strings.HasPrefix(line, `"`) {
			var rest string
			name, rest = quoted(line)
			value, ok = strings.CutPrefix(strings.TrimSpace(rest), ":")
		} else {
			name, value, ok = strings.Cut(line, ":")
		}
		if name = strings.ToLower(strings.TrimSpace(name)); ok && name != "" {
			add(pair{key: name, value: strings.TrimSpace(value), source: place(shown, n)})
		}
		return nil
	})
}

// A lead is where one alias leads to.
type lead struct {
	to      []string
	program bool // to a command or a file
}

// follow takes the right side of an alias apart. The members of an :include:
// file are its own targets, as far as the file can be read.
func (p *postfix) follow(value string) lead {
	var l lead
	for _, t := range targets(value) {
		file, include := strings.CutPrefix(t, ":include:")
		switch {
		case include:
			members, err := p.include(strings.TrimSpace(file))
			if err != nil {
				members = []string{t}
			}
			for _, m := range members {
				l.program = l.program || delivers(m)
			}
			l.to = append(l.to, members...)
		default:
			l.program = l.program || delivers(t)
			l.to = append(l.to, t)
		}
		if len(l.to) > maxTargets {
			break
		}
	}
	return l
}

// delivers reports whether a target is a command or a file.
func delivers(target string) bool {
	return strings.HasPrefix(target, "|") || strings.HasPrefix(target, "/")
}

// targets splits the right side of an alias at commas outside quotation marks.
func targets(value string) []string {
	var items []string
	var b strings.Builder
	flush := func() {
		if item := strings.TrimSpace(b.String()); item != "" {
			items = append(items, item)
		}
		b.Reset()
	}
	inside := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && i+1 < len(value):
			i++
			b.WriteByte(value[i])
		case c == '"':
			inside = !inside
		case c == ',' && !inside:
			flush()
		default:
			b.WriteByte(c)
		}
	}
	flush()
	return items
}

// include reads the members of a list. An include inside it stands as it is
// written: the members are for people to read, and no address hangs on them.
func (p *postfix) include(file string) ([]string, error) {
	if p.includes--; p.includes < 0 {
		return nil, errTooLarge
	}
	f, _, err := p.files.open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var members []string
	err = lines(f, func(_ int, line string) error {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && len(members) <= maxTargets {
			members = append(members, targets(line)...)
		}
		return nil
	})
	return members, err
}
