package wire

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2"
)

var knownAttrs = []imap.MailboxAttr{
	imap.MailboxAttrNonExistent, imap.MailboxAttrNoInferiors, imap.MailboxAttrNoSelect,
	imap.MailboxAttrHasChildren, imap.MailboxAttrHasNoChildren, imap.MailboxAttrMarked,
	imap.MailboxAttrUnmarked, imap.MailboxAttrSubscribed, imap.MailboxAttrRemote,
	imap.MailboxAttrAll, imap.MailboxAttrArchive, imap.MailboxAttrDrafts,
	imap.MailboxAttrFlagged, imap.MailboxAttrJunk, imap.MailboxAttrSent,
	imap.MailboxAttrTrash, imap.MailboxAttrImportant,
}

// List reads the data of a LIST or LSUB response. The name may be a quoted
// string, a literal, or a word, with blanks and octets in it that the RFC
// forbids. ok is false when there is no name at all, or one of absurd length.
func (p *Response) List() (m Mailbox, ok bool, err error) {
	if more, err := p.more(); err != nil || !more {
		return m, false, err
	}
	if p.seg[0] == '(' {
		end := bytes.IndexByte(p.seg, ')')
		if end < 0 {
			return m, false, nil
		}
		m.Attrs = attrs(string(p.seg[1:end]))
		p.seg = p.seg[end+1:]
	}
	if m.Delim, err = p.delim(); err != nil {
		return m, false, err
	}
	name, err := p.mailboxName()
	if errors.Is(err, errOverlong) || (err == nil && (name == "" || len(name) > maxString)) {
		return m, false, nil
	}
	m.Wire, m.Name = name, DecodeName(name)
	for _, a := range m.Attrs {
		m.Subscribed = m.Subscribed || a == imap.MailboxAttrSubscribed
	}
	return m, err == nil, err
}

func attrs(list string) []imap.MailboxAttr {
	var as []imap.MailboxAttr
	for word := range strings.FieldsSeq(list) {
		attr := imap.MailboxAttr(word)
		for _, known := range knownAttrs {
			if strings.EqualFold(word, string(known)) {
				attr = known
			}
		}
		as = append(as, attr)
	}
	return as
}

// delim takes the hierarchy delimiter: a quoted character, or NIL or nothing
// between quotes where the names are flat.
func (p *Response) delim() (rune, error) {
	s, null, err := p.str(maxString)
	if err != nil || null || len(s) == 0 {
		return 0, ignoreOverlong(err)
	}
	r, size := utf8.DecodeRune(s)
	if r == utf8.RuneError || size != len(s) {
		return 0, nil
	}
	return r, nil
}

// mailboxName takes a mailbox name as its octets.
func (p *Response) mailboxName() (string, error) {
	p.skipBlanks()
	if len(p.seg) == 0 && p.lit != nil {
		s, err := p.literal(maxString)
		return string(s), err
	}
	if len(p.seg) > 0 && p.seg[0] == '"' {
		return p.quotedName(), nil
	}
	// A word: everything up to the extended data, as blanks occur in it.
	s := p.seg
	if i := bytes.Index(s, []byte(" (\"")); i >= 0 {
		s = s[:i]
	}
	p.seg = nil
	return string(bytes.TrimRight(s, " \t")), nil
}

// quotedName takes a quoted mailbox name. Some servers do not escape a quote
// within it; the name then goes on to the last quote of the line.
func (p *Response) quotedName() string {
	line := p.seg
	name := p.quoted()
	if rest := bytes.TrimLeft(p.seg, " \t"); len(rest) == 0 || rest[0] == '(' {
		return string(name)
	}
	if last := bytes.LastIndexByte(line, '"'); last > 0 {
		p.seg = nil
		return string(line[1:last])
	}
	return string(name)
}

func ignoreOverlong(err error) error {
	if errors.Is(err, errOverlong) {
		return nil
	}
	return err
}
