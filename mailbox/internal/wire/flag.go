package wire

import (
	"bytes"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// systemFlags are the flags with a backslash that a client may store. Servers
// refuse a whole message for any other (Dovecot: "Invalid system flag").
var systemFlags = []imap.Flag{
	imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft,
}

// ValidKeyword reports whether the name can be sent as a keyword: an atom of
// RFC 9051 without a backslash.
func ValidKeyword(name imap.Flag) bool {
	return name != "" && len(name) <= 255 && !strings.ContainsFunc(string(name), notAtom)
}

// ValidFlag reports whether the name can be sent with a message: a system flag
// or a valid keyword. \Recent belongs to the server and cannot.
func ValidFlag(name imap.Flag) bool {
	return ValidKeyword(name) || slices.Contains(systemFlags, name)
}

// maxFlags is how many flags of one message count; more are odd.
const maxFlags = 1024

func notAtom(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune(`(){%*"\]`, c)
}

// Flags reads the inside of a flag list as served. Names that cannot be sent
// are left out and counted; \Recent is left out silently; \* stays, as
// PERMANENTFLAGS uses it.
func Flags(list string) (flags []imap.Flag, odd int) {
	swallow := false
	for name := range strings.FieldsSeq(list) {
		flag := canonical(name)
		switch {
		case swallow && !strings.HasPrefix(name, "$") && ValidKeyword(flag):
			// The second half of "[Gmail]/All Mail".
		case flag == `\Recent`:
			swallow = false
		case len(flags) < maxFlags && (ValidFlag(flag) || flag == imap.FlagWildcard):
			swallow = false
			if !slices.Contains(flags, flag) {
				flags = append(flags, flag)
			}
		default:
			odd++
			swallow = unfinished(name)
		}
	}
	return slices.Clip(flags), odd
}

// canonical gives system flags the spelling of the RFC.
func canonical(name string) imap.Flag {
	if strings.EqualFold(name, `\Recent`) {
		return `\Recent`
	}
	for _, f := range systemFlags {
		if strings.EqualFold(name, string(f)) {
			return f
		}
	}
	return imap.Flag(name)
}

// unfinished reports whether an odd keyword is the first half of a Gmail
// mailbox name with a blank in it (seen: "OIB-Seen-[Gmail]/All Mail"). Its
// second half would pass for a keyword that the user never set.
func unfinished(name string) bool {
	_, leaf, ok := strings.Cut(name, "[Gmail]/")
	if !ok {
		return false
	}
	switch leaf {
	case "Trash", "Bin", "Spam", "Drafts", "Starred", "Important", "Chats":
		return false
	}
	return true
}

// flagList cuts a flag list off the beginning of a FETCH line that starts at
// its opening parenthesis. A keyword may contain parentheses, so the list ends
// at the first one behind which the line goes on as a FETCH response would.
func flagList(line []byte) (list string, rest []byte) {
	end := -1
	tail := len(bytes.TrimRight(line, " \t)"))
	for i, c := range line {
		if c != ')' {
			continue
		}
		if i >= tail || itemFollows(line[i+1:]) {
			end = i
			break
		}
		if end < 0 {
			end = i // unless a better one comes
		}
	}
	if end < 0 {
		return string(line[1:]), nil
	}
	return string(line[1:end]), line[end+1:]
}

// itemFollows reports whether another item begins here. It looks no further
// than a name is long, since it is asked at every parenthesis of a line.
func itemFollows(line []byte) bool {
	const longest = 64
	line = bytes.TrimLeft(line, " \t")
	end := bytes.IndexAny(line[:min(len(line), longest)], " \t([")
	if end <= 0 {
		return false
	}
	name := line[:end]
	return knownItem(string(name)) || !bytes.ContainsFunc(name, func(c rune) bool {
		return (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-'
	})
}
