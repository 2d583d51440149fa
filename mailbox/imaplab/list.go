package imaplab

import (
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// List also serves LSUB, which asks for the subscriptions alone.
func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, o *imap.ListOptions) error {
	if len(patterns) == 0 { // asks for the delimiter (RFC 9051, section 6.3.9)
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: s.srv.opts.Delim})
	}
	for _, data := range s.listing(ref, patterns, o) {
		if err := w.WriteList(data); err != nil {
			return err
		}
	}
	return nil
}

// listing collects first and lets go of the account, so that a client that
// does not read holds up nobody else.
func (s *session) listing(ref string, patterns []string, o *imap.ListOptions) []*imap.ListData {
	a := s.acct
	a.mu.Lock()
	defer a.mu.Unlock()
	names := sortedKeys(a.boxes)
	if o.SelectSubscribed {
		names = sortedKeys(a.subscribed)
	}
	var out []*imap.ListData
	for _, name := range names {
		matches := slices.ContainsFunc(patterns, func(pattern string) bool {
			return imapserver.MatchList(name, s.srv.opts.Delim, ref, pattern)
		})
		if matches {
			if data := s.listed(name, o); data != nil {
				out = append(out, data)
			}
		}
	}
	return out
}

// listed describes one mailbox, or returns nil when it was not asked for. Of
// the attributes, those for which RFC 5258 and RFC 6154 want a request are
// given only on request, as old clients choke on them. The caller holds mu.
func (s *session) listed(name string, o *imap.ListOptions) *imap.ListData {
	a := s.acct
	data := &imap.ListData{Mailbox: name, Delim: s.srv.opts.Delim}
	b := a.boxes[name]
	switch {
	case b == nil:
		data.Attrs = append(data.Attrs, imap.MailboxAttrNonExistent)
	case b.noSelect:
		data.Attrs = append(data.Attrs, imap.MailboxAttrNoSelect)
	}
	if a.children(name) {
		data.Attrs = append(data.Attrs, imap.MailboxAttrHasChildren)
	} else {
		data.Attrs = append(data.Attrs, imap.MailboxAttrHasNoChildren)
	}
	if a.subscribed[name] && (o.ReturnSubscribed || o.SelectSubscribed) {
		data.Attrs = append(data.Attrs, imap.MailboxAttrSubscribed)
	}
	use := b != nil && b.use != "" && (s.front.speaks(imap.CapSpecialUse) || s.srv.opts.PlainUses)
	if o.SelectSpecialUse && !use {
		return nil
	}
	if use && (o.ReturnSpecialUse || o.SelectSpecialUse || s.srv.opts.PlainUses) {
		data.Attrs = append(data.Attrs, b.use)
	}
	if o.ReturnStatus != nil && b != nil && !b.noSelect {
		data.Status = s.status(b, o.ReturnStatus)
	}
	return data
}
