package wire

import "github.com/emersion/go-imap/v2"

// These bound the labels of one message; more are left out.
const (
	maxLabels = 1024
	maxLabel  = 1024
)

// Labels reads the UID and the labels of a FETCH response (X-GM-LABELS of
// Gmail), as sent: those that stand for mailboxes of a special use begin with
// a backslash, the others are names as LIST gives them. Labels that were not
// told are nil.
func (p *Response) Labels() (imap.UID, []string, error) {
	var m Message
	p.want = true
	_, err := p.Fetch(&m, nil)
	return m.UID, p.labels, err
}

func (p *Response) fetchLabels() error {
	p.skipBlanks()
	if len(p.seg) == 0 || p.seg[0] != '(' {
		return nil // NIL, or the next item
	}
	if !p.want {
		return p.skipList()
	}
	p.seg, p.labels = p.seg[1:], []string{}
	for {
		if p.skipBlanks(); len(p.seg) > 0 || p.lit == nil { // more would go over a literal
			ok, err := p.more()
			if err != nil || !ok {
				return err
			}
			switch p.seg[0] {
			case ')':
				p.seg = p.seg[1:]
				return nil
			case '(':
				if err := p.skipList(); err != nil {
					return err
				}
				continue
			}
		}
		label, _, err := p.str(maxLabel)
		if ignoreOverlong(err) != nil {
			return err
		}
		if err == nil && len(label) <= maxLabel && len(p.labels) < maxLabels {
			p.labels = append(p.labels, string(label))
		}
	}
}
