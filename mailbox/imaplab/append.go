package imaplab

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// dateLayout is the date-time of RFC 9051, section 9.
const dateLayout = "_2-Jan-2006 15:04:05 -0700"

// An appending is one APPEND command while it is read. Reading never stops at
// a mistake: the first one is kept, and what the client sends anyway is thrown
// away, so that the next command is found.
type appending struct {
	c       *conn
	line    string // the line that is being read
	rest    string // what is left of it
	log     strings.Builder
	mailbox string
	msgs    []Message
	refusal string // the tagged answer, without the tag, once it is known
}

// append reads and does an APPEND (RFC 9051, section 6.3.12) with one message
// or many (RFC 3502): all of them are stored, or none.
func (c *conn) append(tag, args string, action Action, given []string) error {
	a := &appending{c: c, line: args, rest: args}
	if action == Refuse {
		a.refusal = "NO refused"
	}
	if c.user() == "" {
		a.refuse("BAD log in first")
	}
	if len(given) > 0 {
		a.refuse(strings.TrimPrefix(given[0], "TAG "))
	}
	err := a.read()
	c.srv.logCommand("APPEND " + a.log.String())
	if err != nil {
		return err
	}
	if a.refusal == "" {
		a.refuse(c.srv.refusal(a.mailbox, a.msgs))
	}
	answer := a.refusal
	if answer == "" {
		answer = c.store(a.mailbox, a.msgs)
	}
	if action == Mute {
		c.cut()
		return errCut
	}
	return c.reply("%s %s", tag, answer)
}

// refuse keeps the first reason.
func (a *appending) refuse(text string) {
	if a.refusal == "" {
		a.refusal = text
	}
}

// read takes in the command. Afterwards it is either refused or complete.
func (a *appending) read() error {
	a.log.WriteString(a.rest)
	stop, err := a.readMailbox()
	if stop || err != nil {
		return err
	}
	for {
		m := a.readArguments()
		stop, err := a.readBody(&m)
		if stop || err != nil {
			return err
		}
		a.msgs = append(a.msgs, m)
		if a.rest == "" {
			return nil
		}
		if !a.c.speaks(imap.CapMultiAppend) {
			a.refuse("BAD one message at a time")
		}
		a.take(" ")
	}
}

// take removes a prefix that has to be there.
func (a *appending) take(prefix string) {
	rest, ok := strings.CutPrefix(a.rest, prefix)
	if !ok {
		a.refuse(fmt.Sprintf("BAD expected %q", prefix))
	}
	a.rest = rest
}

// readMailbox reads the name in any of its three forms.
func (a *appending) readMailbox() (stop bool, err error) {
	var name string
	switch {
	case strings.HasPrefix(a.rest, `"`):
		name = a.quoted()
	case strings.HasPrefix(a.rest, "{"):
		body, stop, err := a.literal(maxLiteral)
		if stop || err != nil {
			return stop, err
		}
		name = string(body)
	default:
		name, a.rest, _ = strings.Cut(a.rest, " ")
		a.rest = " " + a.rest
	}
	a.take(" ")
	name, ok := decodeUTF7(name)
	if !ok || name == "" {
		a.refuse("BAD invalid mailbox name")
	}
	a.mailbox = name
	if a.refusal == "" && !a.c.sess.has(name) {
		a.refuse("NO [TRYCREATE] no such mailbox")
	}
	return false, nil
}

// has reports whether there is a mailbox to append to.
func (s *session) has(name string) bool {
	s.acct.mu.Lock()
	defer s.acct.mu.Unlock()
	_, err := s.acct.box(name)
	return err == nil
}

// quoted reads a quoted string.
func (a *appending) quoted() string {
	var b strings.Builder
	for i := 1; i < len(a.rest); i++ {
		switch ch := a.rest[i]; ch {
		case '"':
			a.rest = a.rest[i+1:]
			return b.String()
		case '\\':
			i++
			if i < len(a.rest) {
				b.WriteByte(a.rest[i])
			}
		default:
			b.WriteByte(ch)
		}
	}
	a.refuse("BAD unfinished quoted string")
	a.rest = ""
	return ""
}

// readArguments reads the flags and the date, both of which may be missing.
func (a *appending) readArguments() Message {
	var m Message
	if strings.HasPrefix(a.rest, "(") {
		list, rest, ok := strings.Cut(a.rest[1:], ")")
		a.rest = rest
		if !ok {
			a.refuse("BAD unfinished list of flags")
		}
		for _, f := range strings.Fields(list) {
			if !validFlag(f) {
				a.refuse("BAD invalid flag")
			}
			m.Flags = append(m.Flags, imap.Flag(f))
		}
		m.Flags = a.c.srv.keep(m.Flags)
		a.take(" ")
	}
	if strings.HasPrefix(a.rest, `"`) {
		date, err := time.Parse(dateLayout, a.quoted())
		if err != nil {
			a.refuse("BAD invalid date")
		}
		m.Date = date
		a.take(" ")
	}
	return m
}

// validFlag accepts keywords and the system flags that a client may set.
func validFlag(f string) bool {
	if strings.HasPrefix(f, `\`) {
		return hasFlag(systemFlags, imap.Flag(f))
	}
	return !strings.ContainsAny(f, "(){%*\"\\]") && strings.IndexFunc(f, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// readBody reads one message.
func (a *appending) readBody(m *Message) (stop bool, err error) {
	limit := a.c.srv.opts.AppendLimit
	if limit <= 0 {
		limit = defaultAppendLimit
	}
	m.Body, stop, err = a.literal(limit)
	if !stop && err == nil && len(m.Body) == 0 {
		a.refuse("NO a message of no octets cannot be saved") // as Dovecot has it
	}
	return stop, err
}

// literal reads the literal that ends the line, and the next line. It stops
// where the client waits for a continuation request that is not coming: there
// the tagged answer stands in its place, before a single octet is sent.
func (a *appending) literal(limit int64) (body []byte, stop bool, err error) {
	m := literalTail.FindStringSubmatchIndex(a.rest)
	if m == nil || m[0] != 0 || m[2] < m[3] {
		a.refuse("BAD expected a literal")
		return nil, true, a.c.swallow(a.line)
	}
	size, plus := literalSize(a.rest, m)
	switch {
	case size > limit:
		a.refuse("NO [TOOBIG] message too large")
	case plus && !a.c.nonSync(size):
		a.refuse("BAD non-synchronizing literal not offered")
	}
	if a.refusal != "" && !plus {
		return nil, true, nil
	}
	if !plus {
		if err := a.c.reply("+ go on"); err != nil {
			return nil, true, err
		}
	}
	if a.refusal != "" {
		_, err = io.CopyN(io.Discard, a.c.in, size)
	} else {
		body = make([]byte, size)
		_, err = io.ReadFull(a.c.in, body)
	}
	if err != nil {
		return nil, true, err
	}
	next, err := a.c.readLine()
	a.line = strings.TrimRight(next, "\r\n")
	a.rest = a.line
	a.log.WriteString(a.rest)
	return body, false, err
}

// nonSync reports whether a literal of that size may come without waiting.
func (c *conn) nonSync(size int64) bool {
	if c.speaks(imap.CapLiteralPlus) {
		return true
	}
	for _, extra := range c.srv.opts.Extra {
		if extra == imap.CapLiteralMinus {
			return size <= 4096 // RFC 7888, section 5
		}
	}
	return false
}

// refusal asks the hook about each message, and returns the answer that its
// error makes, or nothing.
func (s *Server) refusal(mailbox string, msgs []Message) string {
	if s.opts.RefuseAppend == nil {
		return ""
	}
	for _, m := range msgs {
		err := s.opts.RefuseAppend(mailbox, m.Body)
		if err == nil {
			continue
		}
		var ie *imap.Error
		if errors.As(err, &ie) && ie.Code != "" {
			return fmt.Sprintf("%s [%s] %s", ie.Type, ie.Code, ie.Text)
		}
		return "NO " + err.Error()
	}
	return ""
}

// store adds the messages in one step and returns the answer.
func (c *conn) store(name string, msgs []Message) string {
	a := c.sess.acct
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil { // deleted meanwhile
		return "NO [TRYCREATE] no such mailbox"
	}
	first := b.next
	last := first
	for _, m := range msgs {
		last = a.add(b, c.srv.kept(m))
	}
	uids := fmt.Sprint(first)
	if last != first {
		uids = fmt.Sprintf("%d:%d", first, last)
	}
	if !c.speaks(imap.CapUIDPlus) {
		return "OK done"
	}
	return fmt.Sprintf("OK [APPENDUID %d %s] done", b.validity, uids)
}
