package wire

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Select takes up what an untagged response, or the tagged OK, of SELECT or
// EXAMINE tells.
func (p *Response) Select(s *Selected) {
	switch p.Name {
	case "EXISTS":
		s.Exists = p.Num
	case "FLAGS":
		s.Flags, _ = Flags(inside(p.Rest()))
	case "OK":
		p.selectCode(s)
	}
}

func (p *Response) selectCode(s *Selected) {
	n, err := strconv.ParseUint(strings.TrimSpace(p.Args), 10, 64)
	small := err == nil && n <= 1<<32-1
	switch {
	case p.Code == "UIDVALIDITY" && small:
		s.UIDValidity = uint32(n)
	case p.Code == "UIDNEXT" && small:
		s.UIDNext = imap.UID(n)
	case p.Code == "HIGHESTMODSEQ" && err == nil:
		s.HighestModSeq = n
	case p.Code == "PERMANENTFLAGS":
		s.PermanentFlags, _ = Flags(inside(p.Args))
	case p.Code == "READ-ONLY":
		s.ReadOnly = true
	case p.Code == "READ-WRITE":
		s.ReadOnly = false
	}
}

// inside is the text between the first opening and the last closing
// parenthesis.
func inside(list string) string {
	first, last := strings.IndexByte(list, '('), strings.LastIndexByte(list, ')')
	if first < 0 || last < first {
		return ""
	}
	return list[first+1 : last]
}

// Status reads the data of a STATUS response.
func (p *Response) Status() (s Status, err error) {
	name, err := p.mailboxWord()
	if err != nil {
		return s, err
	}
	open := bytes.LastIndexByte(p.seg, '(')
	if s.Name = string(name); name == nil {
		s.Name = statusName(p.seg[:max(open, 0)])
	}
	f := strings.Fields(strings.TrimRight(string(p.seg[open+1:]), ") "))
	for i := 0; i+1 < len(f); i += 2 {
		n, err := strconv.ParseUint(f[i+1], 10, 63)
		if err != nil {
			continue
		}
		size, small := int64(n), uint32(min(n, 1<<32-1))
		uid := imap.UID(small)
		switch name := strings.ToUpper(f[i]); {
		case name == "SIZE":
			s.Size = &size
		case name == "HIGHESTMODSEQ":
			s.HighestModSeq = &n
		case n != uint64(small):
		case name == "MESSAGES":
			s.Messages = &small
		case name == "UIDNEXT":
			s.UIDNext = &uid
		case name == "UIDVALIDITY":
			s.UIDValidity = &small
		}
	}
	return s, nil
}

// statusName reads a mailbox name that is no literal.
func statusName(word []byte) string {
	word = bytes.TrimSpace(word)
	if len(word) < 2 || word[0] != '"' || word[len(word)-1] != '"' {
		return string(word)
	}
	var name []byte
	for i, body := 0, word[1:len(word)-1]; i < len(body); i++ {
		if body[i] == '\\' && i+1 < len(body) {
			i++
		}
		name = append(name, body[i])
	}
	return string(name)
}

// mailboxWord goes over a mailbox name that is a literal; a name in quotes or
// bare stands before the list and needs no reading.
func (p *Response) mailboxWord() ([]byte, error) {
	p.skipBlanks()
	if len(p.seg) > 0 || p.lit == nil {
		return nil, nil
	}
	s, err := p.literal(maxString)
	return s, ignoreOverlong(err)
}

// Search reads the UIDs of a SEARCH or ESEARCH response, at most limit.
func (p *Response) Search(limit int) []imap.UID {
	var uids []imap.UID
	f := strings.Fields(p.Rest())
	for i, word := range f {
		if p.Name == "ESEARCH" {
			if i == 0 || !strings.EqualFold(f[i-1], "ALL") {
				continue
			}
			if set, ok := ParseSet(word); ok {
				uids, _ = set.UIDs(limit)
			}
			break
		}
		if strings.HasPrefix(word, "(") { // (MODSEQ n)
			break
		}
		if uid, ok := parseUID(word); ok && uid != 0 && len(uids) < limit {
			uids = append(uids, uid)
		}
	}
	return uids
}

// A Namespace is one prefix of mailbox names; Prefix holds wire octets.
type Namespace struct {
	Prefix string
	Delim  rune
}

// Namespaces reads the data of a NAMESPACE response (RFC 2342): the personal
// namespaces, those of other users, and the shared ones.
func (p *Response) Namespaces() (lists [3][]Namespace, err error) {
	for i := 0; i < len(lists); i++ {
		ok, err := p.more()
		if err != nil || !ok {
			return lists, err
		}
		if p.seg[0] != '(' {
			p.word(" \t(") // NIL
			continue
		}
		p.seg = p.seg[1:]
		if lists[i], err = p.namespaceList(); err != nil {
			return lists, err
		}
	}
	return lists, nil
}

const maxNamespaces = 64

func (p *Response) namespaceList() (list []Namespace, err error) {
	for {
		ok, err := p.more()
		if err != nil || !ok {
			return list, err
		}
		if p.seg[0] == ')' {
			p.seg = p.seg[1:]
			return list, nil
		}
		if p.seg[0] != '(' {
			p.seg = p.seg[1:]
			continue
		}
		p.seg = p.seg[1:]
		prefix, _, err := p.str(maxString)
		if ignoreOverlong(err) != nil {
			return list, err
		}
		delim, err := p.delim()
		if err != nil {
			return list, err
		}
		if len(list) < maxNamespaces {
			list = append(list, Namespace{string(prefix), delim})
		}
		if err := p.endList(); err != nil {
			return list, err
		}
	}
}

// endList goes to behind the parenthesis that closes the list within which the
// reading stands.
func (p *Response) endList() error {
	for {
		ok, err := p.more()
		if err != nil || !ok {
			return err
		}
		switch p.seg[0] {
		case '"':
			p.quoted()
		case '(':
			if err := p.skipList(); err != nil {
				return err
			}
		case ')':
			p.seg = p.seg[1:]
			return nil
		default:
			p.seg = p.seg[1:]
		}
	}
}

// AppendUID reads the arguments of an APPENDUID code (RFC 4315): the
// UIDVALIDITY and the UIDs in the order of the messages sent.
func AppendUID(args string) (validity uint32, uids Set, ok bool) {
	first, set, _ := strings.Cut(strings.TrimSpace(args), " ")
	n, err := strconv.ParseUint(first, 10, 32)
	uids, ok = ParseSet(strings.TrimSpace(set))
	if err != nil || n == 0 || !ok {
		return 0, nil, false
	}
	return uint32(n), uids, true
}

// CopyUID reads the arguments of a COPYUID code (RFC 4315): the UIDVALIDITY of
// the destination, and the old and new UIDs, at most limit, in one order.
func CopyUID(args string, limit int) (validity uint32, from, to []imap.UID, ok bool) {
	f := strings.Fields(args)
	if len(f) != 3 {
		return 0, nil, nil, false
	}
	validity, old, ok := AppendUID(f[0] + " " + f[1])
	fresh, ok2 := ParseSet(f[2])
	if !ok || !ok2 {
		return 0, nil, nil, false
	}
	from, ok = old.UIDs(limit)
	to, ok2 = fresh.UIDs(limit)
	return validity, from, to, ok && ok2 && len(from) == len(to)
}
