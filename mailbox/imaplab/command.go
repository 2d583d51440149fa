package imaplab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a command, apart from the messages that APPEND brings.
const (
	maxLine    = 64 << 10
	maxLiteral = 4096 // imapserver's own
)

var (
	errTooLong  = errors.New("imaplab: line too long")
	literalTail = regexp.MustCompile(`(~?)\{(\d{1,18})(\+?)\}[\r\n]*$`)
)

// readLine reads to the end of the line. One that does not end is not skipped
// but ends the connection: nothing behind it could be trusted.
func (c *conn) readLine() (string, error) {
	line, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errTooLong
	}
	return string(line), err
}

// next reads one command and answers it, or leaves it pending for imapserver.
func (c *conn) next() error {
	line, err := c.readLine()
	if err != nil {
		return err
	}
	if c.awaitsLine() {
		c.pending = []byte(line)
		return nil
	}
	tag, verb, args := parse(line)
	shown := tellable(verb, args)
	if verb != "APPEND" { // logged when it has been read
		c.srv.logCommand(strings.TrimSpace(verb + " " + shown))
	}
	wait, action, answer := c.srv.faults.before(Command{Verb: verb, User: c.user(), Args: shown})
	if wait > 0 {
		time.Sleep(wait)
	}
	if noise(answer) {
		if err := c.writeLines(answer); err != nil {
			return err
		}
		answer = nil
	}
	refusal := c.refuses(verb, args)
	switch {
	case c.sess != nil && c.sess.over():
		return errors.Join(c.reply("* BYE session expired, please log in again"), io.EOF)
	case action == Cut:
		c.cut()
		return errCut
	case action == Bye:
		return errors.Join(c.reply("* BYE closing"), io.EOF)
	case verb == "APPEND":
		return c.append(tag, args, action, answer)
	case len(answer) > 0:
		return c.given(tag, line, answer)
	case action == Refuse:
		refusal = "NO refused"
	case (verb == "LOGIN" || verb == "AUTHENTICATE") && c.srv.faults.crowded(c.srv.connected()):
		refusal = "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded"
	}
	if refusal == "" {
		return c.hand(tag, verb, args, line, action)
	}
	if err := c.swallow(line); err != nil {
		return err
	}
	return c.reply("%s %s", tag, refusal)
}

// noise reports whether lines end no command: they come before it is done.
func noise(lines []string) bool {
	return !slices.ContainsFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "TAG ") || strings.HasPrefix(line, "* BYE")
	})
}

// given answers a command as the test says.
func (c *conn) given(tag, line string, answer []string) error {
	if err := c.swallow(line); err != nil {
		return err
	}
	lines := make([]string, len(answer))
	var end error
	for i, text := range answer {
		lines[i] = text
		if rest, ok := strings.CutPrefix(text, "TAG "); ok {
			lines[i] = tag + " " + rest
		} else if strings.HasPrefix(text, "* BYE") {
			end = io.EOF
		}
	}
	return errors.Join(c.writeLines(lines), end)
}

// awaitsLine reports whether the next line is no command but the client's
// part of an AUTHENTICATE. DONE, which ends IDLE, needs no such care: it looks
// like a command without a verb and is handed on.
func (c *conn) awaitsLine() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.auth != ""
}

// user returns who has logged in, or nothing.
func (c *conn) user() string {
	if c.sess == nil || c.sess.acct == nil {
		return ""
	}
	return c.sess.acct.user
}

// tellable returns the arguments without secrets.
func tellable(verb, args string) string {
	switch verb {
	case "LOGIN":
		return "***"
	case "AUTHENTICATE":
		mech, _, _ := strings.Cut(args, " ")
		return mech + " ***"
	}
	return args
}

// parse takes a command line apart; the verb is in upper case.
func parse(line string) (tag, verb, args string) {
	line = strings.TrimRight(line, "\r\n")
	tag, rest, _ := strings.Cut(line, " ")
	verb, args, _ = strings.Cut(rest, " ")
	verb = strings.ToUpper(verb)
	if verb == "UID" {
		var sub string
		sub, args, _ = strings.Cut(args, " ")
		verb += " " + strings.ToUpper(sub)
	}
	return tag, verb, args
}

// mechanismOf is what an AUTHENTICATE asks for.
func mechanismOf(line string) string {
	_, _, args := parse(line)
	name, _, _ := strings.Cut(args, " ")
	return strings.ToUpper(name)
}

// hand passes a command on to imapserver, or does those that it must not see.
func (c *conn) hand(tag, verb, args, line string, action Action) error {
	switch verb {
	case "STARTTLS":
		return c.startTLS(tag)
	case "COMPRESS":
		return c.compress(tag, args)
	case "ENABLE":
		if c.user() != "" { // imapserver would switch on what is not announced
			return errors.Join(c.reply("* ENABLED"), c.reply("%s OK done", tag))
		}
	case "UID FETCH":
		if f, ok := parseOwnFetch(line); ok && c.sess.view != nil {
			return c.ownFetch(tag, f, action)
		}
	}
	whole, err := c.whole(tag, line)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch verb {
	case "CAPABILITY", "LOGIN":
		c.caps = true
	case "AUTHENTICATE":
		c.caps = true
		// With a token the server may go on after the initial response.
		if len(strings.Fields(line)) < 4 || mechanismOf(line) != "PLAIN" {
			c.auth = tag
		}
	}
	if action == Mute {
		c.mute = tag
	}
	c.pending = c.withoutHighest(verb, whole)
	return nil
}

// whole reads the literals of a command. imapserver gets them as if none had
// to be waited for. It returns nothing for a command that was refused.
func (c *conn) whole(tag, line string) ([]byte, error) {
	var buf bytes.Buffer
	for {
		m := literalTail.FindStringSubmatchIndex(line)
		if m == nil {
			buf.WriteString(line)
			return buf.Bytes(), nil
		}
		size, plus := literalSize(line, m)
		if size > maxLiteral || buf.Len() > maxLine {
			if plus {
				if err := c.swallow(line); err != nil {
					return nil, err
				}
			}
			return nil, c.reply("%s BAD literal too long for this command", tag)
		}
		if !plus {
			if err := c.reply("+ go on"); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(&buf, "%s{%d+}\r\n", line[:m[0]], size)
		if _, err := io.CopyN(&buf, c.in, size); err != nil {
			return nil, err
		}
		var err error
		if line, err = c.readLine(); err != nil {
			return nil, err
		}
	}
}

// literalSize reads a match of literalTail: the size, and whether the client
// sends without waiting.
func literalSize(line string, m []int) (int64, bool) {
	size, _ := strconv.ParseInt(line[m[4]:m[5]], 10, 64) // at most 18 digits
	return size, m[6] < m[7]
}

// swallow reads to the end of a command that has been given up: literals that
// the client sends without waiting, and the lines behind them.
func (c *conn) swallow(line string) error {
	for {
		m := literalTail.FindStringSubmatchIndex(line)
		if m == nil {
			return nil
		}
		size, plus := literalSize(line, m)
		if !plus {
			return nil
		}
		if _, err := io.CopyN(io.Discard, c.in, size); err != nil {
			return err
		}
		var err error
		if line, err = c.readLine(); err != nil {
			return err
		}
	}
}
