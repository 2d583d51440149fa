package wire

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// maxHeader bounds the header fields taken into memory for a fingerprint.
const maxHeader = 1 << 20

// itemNames are the names that start an item of a FETCH response.
var itemNames = []string{"UID", "RFC822.SIZE", "INTERNALDATE", "FLAGS", "BODY", "RFC822", "MODSEQ", "X-GM-LABELS"}

func knownItem(name string) bool { return slices.Contains(itemNames, strings.ToUpper(name)) }

// Items says which items a FETCH response held, readable or not.
type Items uint8

// The items of a FETCH response.
const (
	ItemUID    Items = 1 << 0
	ItemFlags  Items = 1 << 1
	ItemDate   Items = 1 << 2
	ItemSize   Items = 1 << 3
	ItemHeader Items = 1 << 4
	ItemBody   Items = 1 << 5
)

// A BodyFunc takes the octets of a message in place. It may leave some unread;
// its error ends the reading of the response.
type BodyFunc func(size int64, body io.Reader) error

// Fetch reads the data of a FETCH response into m, item by item in the order
// of the server, so that body, when it is called, finds in m what came before
// it: the UID usually, though not always. A nil body skips message bodies.
// Chosen header fields become m.Header. What cannot be read costs itself only:
// the field stays as it was. An error means that the stream is broken, or is
// the one of body.
func (p *Response) Fetch(m *Message, body BodyFunc) (got Items, err error) {
	unknown := false // the last word was no item that we know
	for {
		ok, err := p.more()
		if err != nil || !ok {
			return got, err
		}
		switch c := p.seg[0]; {
		case c == '(' && unknown:
			err, unknown = p.skipList(), false
		case c == '(' || c == ')' || c == '[':
			p.seg, unknown = p.seg[1:], false
		case c == '"':
			p.quoted()
			unknown = false
		default:
			name := string(p.word(" \t()[\""))
			unknown = !knownItem(name)
			var item Items
			item, err = p.item(strings.ToUpper(name), m, body)
			got |= item
		}
		if err != nil {
			return got, err
		}
	}
}

// item reads the value of an item whose name was read.
func (p *Response) item(name string, m *Message, body BodyFunc) (Items, error) {
	switch name {
	case "UID":
		if n, ok := p.number(32); ok && n != 0 {
			m.UID = imap.UID(n)
		}
		return ItemUID, nil
	case "RFC822.SIZE":
		if n, ok := p.number(63); ok {
			m.Size = int64(n)
		}
		return ItemSize, nil
	case "INTERNALDATE":
		return ItemDate, p.fetchDate(m)
	case "FLAGS":
		p.fetchFlags(m)
		return ItemFlags, nil
	case "BODY", "RFC822":
		return p.fetchBody(m, body)
	case "X-GM-LABELS":
		return 0, p.fetchLabels()
	case "MODSEQ":
		if p.skipBlanks(); len(p.seg) > 0 && p.seg[0] == '(' {
			return 0, p.skipList()
		}
	}
	return 0, nil
}

// number takes a decimal number. Anything else is left where it is, as it may
// be the next item.
func (p *Response) number(bits int) (uint64, bool) {
	p.skipBlanks()
	end := wordEnd(p.seg, " \t()")
	n, err := strconv.ParseUint(string(p.seg[:end]), 10, bits)
	if err != nil {
		return 0, false
	}
	p.seg = p.seg[end:]
	return n, true
}

func (p *Response) fetchDate(m *Message) error {
	s, _, err := p.str(maxString)
	if errors.Is(err, errOverlong) {
		return nil
	}
	if t, ok := ParseDate(string(s)); ok {
		m.InternalDate = t
	}
	return err
}

func (p *Response) fetchFlags(m *Message) {
	p.skipBlanks()
	if len(p.seg) == 0 || p.seg[0] != '(' {
		return // NIL, or the next item
	}
	list, rest := flagList(p.seg)
	p.seg = rest
	m.Flags, m.OddFlags = p.r.flags(list)
}

// fetchBody reads "BODY[section]<origin> nstring" behind its name.
func (p *Response) fetchBody(m *Message, body BodyFunc) (Items, error) {
	section := ""
	if len(p.seg) > 0 && p.seg[0] == '[' {
		end := bytes.IndexByte(p.seg, ']')
		if end < 0 {
			return 0, nil
		}
		section = strings.ToUpper(string(p.seg[1:end]))
		p.seg = p.seg[end+1:]
		if len(p.seg) > 0 && p.seg[0] == '<' {
			p.word(" \t")
		}
	} else if p.skipBlanks(); len(p.seg) > 0 && p.seg[0] == '(' {
		return 0, p.skipList() // BODY alone is a structure
	}
	switch {
	case strings.HasPrefix(section, "HEADER.FIELDS"):
		return ItemHeader, p.fetchHeader(m)
	case section == "" && body != nil:
		return ItemBody, p.stream(body)
	}
	_, _, err := p.str(-1)
	return 0, ignoreOverlong(err)
}

func (p *Response) fetchHeader(m *Message) error {
	s, null, err := p.str(maxHeader)
	if errors.Is(err, errOverlong) {
		return nil
	}
	switch {
	case err != nil || null:
	case p.want:
		p.fields = bytes.Clone(s)
	default:
		m.Header, m.Named = Fingerprint(s), Named(s)
	}
	return err
}

func (p *Response) stream(body BodyFunc) error {
	p.skipBlanks()
	if len(p.seg) > 0 || p.lit == nil {
		s, null, err := p.str(0)
		if err != nil || null {
			return err
		}
		return body(int64(len(s)), bytes.NewReader(s))
	}
	if err := body(p.lit.Size, p.lit); err != nil {
		return err
	}
	return p.next()
}

// These bound the memory of flags; a mailbox has a handful of combinations,
// and a hostile one shall not have millions.
const (
	maxFlagLists = 4096
	maxFlagList  = 1024
)

type flagSet struct {
	flags []imap.Flag
	odd   int
}

// flags reads a flag list once and hands the same slice out again: a million
// messages share a handful of combinations.
func (r *Reader) flags(list string) ([]imap.Flag, int) {
	if set, ok := r.seen[list]; ok {
		return set.flags, set.odd
	}
	flags, odd := Flags(list)
	if r.seen == nil {
		r.seen = make(map[string]flagSet)
	}
	if len(r.seen) < maxFlagLists && len(list) <= maxFlagList {
		r.seen[list] = flagSet{flags, odd}
	}
	return flags, odd
}
