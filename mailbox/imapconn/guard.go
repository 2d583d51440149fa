package imapconn

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// sourceVerbs are the commands that cannot change a mailbox. UID FETCH and UID
// SEARCH are judged by themselves.
var sourceVerbs = []string{
	"CAPABILITY", "NOOP", "LOGOUT", "ID", "ENABLE",
	"LOGIN", "AUTHENTICATE", "STARTTLS",
	"NAMESPACE", "LIST", "LSUB", "STATUS", "EXAMINE", "UNSELECT", "COMPRESS",
}

// maxCommand bounds a command line of ours.
const maxCommand = 64 << 10

// guard stands where the source's octets leave. It holds back what is not yet
// a whole command line, and lets only commands out that cannot write. After a
// refusal nothing leaves any more.
type guard struct {
	w       io.Writer
	line    []byte // begun and not yet complete
	literal int64  // octets of a literal still to come
	within  bool   // the line goes on with a command after a literal
	err     error
}

// Write implements io.Writer. It passes on everything that became complete, or
// nothing.
func (g *guard) Write(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	var pass []byte
	for rest := p; len(rest) > 0; {
		if g.literal > 0 {
			n := min(int64(len(rest)), g.literal)
			pass = append(pass, rest[:n]...)
			g.literal -= n
			rest = rest[n:]
			continue
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest) - 1
		}
		g.line = append(g.line, rest[:end+1]...)
		rest = rest[end+1:]
		if len(g.line) > maxCommand {
			return 0, g.refuse("line too long")
		}
		if !bytes.HasSuffix(g.line, []byte("\n")) {
			break
		}
		if why := g.judge(strings.TrimRight(string(g.line), "\r\n")); why != "" {
			return 0, g.refuse(why)
		}
		pass = append(pass, g.line...)
		g.line = g.line[:0]
	}
	if len(pass) > 0 {
		if _, err := g.w.Write(pass); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (g *guard) refuse(why string) error {
	g.err = fmt.Errorf("%w: %s", ErrForbidden, why)
	return g.err
}

// judge says why a line may not leave, or nothing.
func (g *guard) judge(line string) string {
	within := g.within
	g.literal, g.within = literalAtEnd(line)
	if within || saslLine(line) {
		return ""
	}
	f := strings.SplitN(line, " ", 4)
	if len(f) < 2 || f[0] == "" || strings.ContainsAny(line, "\x00\r") {
		return "no command"
	}
	verb := strings.ToUpper(f[1])
	if slices.Contains(sourceVerbs, verb) {
		return ""
	}
	if verb != "UID" || len(f) < 4 {
		return "command " + printable(verb)
	}
	switch sub := strings.ToUpper(f[2]); {
	case g.within:
		return "command UID " + printable(sub) + " with a literal"
	case sub == "SEARCH":
		return ""
	case sub == "FETCH":
		return peeks(strings.ToUpper(f[3]))
	default:
		return "command UID " + printable(sub)
	}
}

// peeks says why the items of a FETCH would set \Seen, or nothing.
func peeks(items string) string {
	for _, item := range []string{"BODY[", "BINARY["} {
		if strings.Contains(items, item) {
			return "UID FETCH " + item + "] without PEEK"
		}
	}
	for _, item := range strings.FieldsFunc(items, func(r rune) bool { return strings.ContainsRune(" ()", r) }) {
		if item == "RFC822" || item == "RFC822.TEXT" {
			return "UID FETCH " + item
		}
	}
	return ""
}

// saslLine reports whether the line is the answer to a challenge, which has no
// blank and so cannot be a command.
func saslLine(line string) bool {
	return line == "*" || !strings.ContainsFunc(line, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("+/=", r)
	})
}

// literalAtEnd reads "{n}" or "{n+}" at the end of a line of ours. A number in
// another form than ours, such as {00}, may be read in two ways: what follows
// it has to be a command that may leave.
func literalAtEnd(line string) (size int64, ok bool) {
	open := strings.LastIndexByte(line, '{')
	if open < 0 || !strings.HasSuffix(line, "}") {
		return 0, false
	}
	digits := strings.TrimSuffix(line[open+1:len(line)-1], "+")
	size, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || size < 0 || digits != strconv.FormatInt(size, 10) {
		return 0, false
	}
	return size, true
}
