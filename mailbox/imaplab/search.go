package imaplab

import (
	"bytes"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
)

// Search answers for SEARCH and ESEARCH alike; imapserver writes what was asked
// for.
func (s *session) Search(kind imapserver.NumKind, c *imap.SearchCriteria, _ *imap.SearchOptions) (*imap.SearchData, error) {
	v := s.view
	if err := s.sync(false); err != nil {
		return nil, err
	}
	everything := imap.UIDSet{{Start: 1, Stop: 0}}
	data := &imap.SearchData{}
	var seqs imap.SeqSet
	var uids imap.UIDSet
	for _, h := range v.hits(everything) {
		if !h.matches(v, c) {
			continue
		}
		num := h.seq
		if kind == imapserver.NumKindUID {
			num = uint32(h.uid)
			uids.AddNum(h.uid)
		} else {
			seqs.AddNum(h.seq)
		}
		if data.Min == 0 {
			data.Min = num
		}
		data.Max = num
		data.Count++
	}
	data.All = seqs
	if kind == imapserver.NumKindUID {
		data.All = uids
	}
	return data, nil
}

// matches reports whether a message meets all criteria.
func (h hit) matches(v *view, c *imap.SearchCriteria) bool {
	for _, set := range c.SeqNum {
		if set, ok := v.static(set).(imap.SeqSet); !ok || !set.Contains(h.seq) {
			return false
		}
	}
	for _, set := range c.UID {
		if set, ok := v.static(set).(imap.UIDSet); !ok || !set.Contains(h.uid) {
			return false
		}
	}
	for _, f := range c.Flag {
		if !hasFlag(h.flags, f) {
			return false
		}
	}
	for _, f := range c.NotFlag {
		if hasFlag(h.flags, f) {
			return false
		}
	}
	if size := int64(len(h.body)); c.Larger > 0 && size <= c.Larger || c.Smaller > 0 && size >= c.Smaller {
		return false
	}
	if !within(h.date, c.Since, c.Before) || !h.matchesText(c) {
		return false
	}
	for _, n := range c.Not {
		if h.matches(v, &n) {
			return false
		}
	}
	for _, or := range c.Or {
		if !h.matches(v, &or[0]) && !h.matches(v, &or[1]) {
			return false
		}
	}
	return true
}

// matchesText looks into header and body as they are stored, encoded words and
// transfer encodings undone by nobody.
func (h hit) matchesText(c *imap.SearchCriteria) bool {
	header := h.header()
	for _, want := range c.Header {
		found := false
		for f := header.FieldsByKey(want.Key); f.Next(); {
			found = found || containsFold([]byte(f.Value()), want.Value)
		}
		if !found {
			return false
		}
	}
	if !c.SentSince.IsZero() || !c.SentBefore.IsZero() {
		mh := mail.Header{Header: message.Header{Header: header}}
		sent, err := mh.Date()
		if err != nil || !within(sent, c.SentSince, c.SentBefore) {
			return false
		}
	}
	_, text := split(h.body)
	for _, want := range c.Body {
		if !containsFold(text, want) {
			return false
		}
	}
	for _, want := range c.Text {
		if !containsFold(h.body, want) {
			return false
		}
	}
	return true
}

func containsFold(text []byte, want string) bool {
	return bytes.Contains(bytes.ToLower(text), []byte(strings.ToLower(want)))
}

// within compares calendar days alone, without zones (RFC 9051, section 6.4.4).
func within(t, since, before time.Time) bool {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return (since.IsZero() || !day.Before(since)) && (before.IsZero() || day.Before(before))
}
