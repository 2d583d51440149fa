package imaplab

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message/textproto"
)

// A view is a selected mailbox as one client knows it: sequence numbers are
// positions in known, and stay so until the client has been told otherwise.
type view struct {
	acct     *Account
	box      *mailbox
	readOnly bool
	known    []imap.UID
	version  uint64 // the mailbox's version that the client has been told of
	owed     bool   // except for messages gone, which it has not
}

var errReadOnly = &imap.Error{Type: imap.StatusResponseTypeNo, Text: "Mailbox is read-only"}

// changed returns a channel that is closed with the next change.
func (v *view) changed() <-chan struct{} {
	v.acct.mu.Lock()
	defer v.acct.mu.Unlock()
	return v.box.changed
}

// news returns the untagged responses that bring the client up to date. While
// EXPUNGE is not allowed, sequence numbers must not move (RFC 9051, section
// 7.5.1), and messages that are gone keep theirs until it is.
func (v *view) news(allowExpunge bool) []string {
	v.acct.mu.Lock()
	defer v.acct.mu.Unlock()
	if v.version == v.box.version && !(v.owed && allowExpunge) {
		return nil
	}
	var lines []string
	kept := v.known[:0:0]
	v.owed = false
	for _, uid := range v.known {
		m := v.box.find(uid)
		if m == nil && allowExpunge {
			lines = append(lines, fmt.Sprintf("* %d EXPUNGE", len(kept)+1))
			continue
		}
		kept = append(kept, uid)
		if m == nil {
			v.owed = true
		} else if m.mod > v.version && m.by != v {
			lines = append(lines, fmt.Sprintf("* %d FETCH (UID %d FLAGS (%s))", len(kept), uid, joinFlags(m.flags)))
		}
	}
	before := len(kept)
	for _, m := range v.box.msgs {
		if len(v.known) == 0 || m.uid > v.known[len(v.known)-1] {
			kept = append(kept, m.uid)
		}
	}
	if len(kept) > before {
		lines = append(lines, fmt.Sprintf("* %d EXISTS", len(kept)))
	}
	v.known, v.version = kept, v.box.version
	return lines
}

func joinFlags(flags []imap.Flag) string {
	words := make([]string, len(flags))
	for i, f := range flags {
		words[i] = string(f)
	}
	return strings.Join(words, " ")
}

// A hit is a message that a set of numbers meant.
type hit struct {
	seq uint32
	*stored
	flags []imap.Flag // as they were under the mutex
}

// hits finds the messages of a set among those that the client knows. They are
// written to the client after the mutex has been given back: one that does not
// read must not hold up deliveries.
func (v *view) hits(set imap.NumSet) []hit {
	v.acct.mu.Lock()
	defer v.acct.mu.Unlock()
	return v.hitsLocked(set)
}

func (v *view) hitsLocked(set imap.NumSet) []hit {
	set = v.static(set)
	var out []hit
	for i, uid := range v.known {
		seq := uint32(i) + 1
		in := false
		switch set := set.(type) {
		case imap.SeqSet:
			in = set.Contains(seq)
		case imap.UIDSet:
			in = set.Contains(uid)
		}
		if !in {
			continue
		}
		if m := v.box.find(uid); m != nil {
			out = append(out, hit{seq, m, m.flags})
		}
	}
	return out
}

// static replaces "*" by the last number in use, the lower number first.
func (v *view) static(set imap.NumSet) imap.NumSet {
	switch set := set.(type) {
	case imap.SeqSet:
		out := slices.Clone(set)
		for i := range out {
			out[i].Start, out[i].Stop = bounds(out[i].Start, out[i].Stop, uint32(len(v.known)))
		}
		return out
	case imap.UIDSet:
		last := imap.UID(0)
		if len(v.known) > 0 {
			last = v.known[len(v.known)-1]
		}
		out := slices.Clone(set)
		for i := range out {
			out[i].Start, out[i].Stop = bounds(out[i].Start, out[i].Stop, last)
		}
		return out
	}
	return set
}

// bounds puts the last number in place of "*", for which go-imap has 0. "n:*"
// therefore always means the last message, also where that is below n.
func bounds[N uint32 | imap.UID](start, stop, last N) (N, N) {
	if start == 0 {
		start = last
	}
	if stop == 0 {
		stop = last
	}
	return min(start, stop), max(start, stop)
}

// Fetch sets \Seen where a body is asked for without PEEK, and nothing at all
// after EXAMINE.
func (s *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	v := s.view
	if err := s.sync(false); err != nil {
		return err
	}
	if !v.readOnly && slices.ContainsFunc(o.BodySection, func(b *imap.FetchItemBodySection) bool { return !b.Peek }) {
		v.store(set, imap.StoreFlagsAdd, []imap.Flag{imap.FlagSeen})
		withFlags := *o
		withFlags.Flags = true
		o = &withFlags
	}
	for _, h := range v.hits(set) {
		if err := h.fetch(w.CreateMessage(h.seq), o); err != nil {
			return err
		}
	}
	return nil
}

// fetch writes one response. The UID always comes first: imapclient loses a
// body that comes before it.
func (h hit) fetch(w *imapserver.FetchResponseWriter, o *imap.FetchOptions) error {
	w.WriteUID(h.uid)
	if o.Flags {
		w.WriteFlags(h.flags)
	}
	if o.InternalDate {
		w.WriteInternalDate(h.date)
	}
	if o.RFC822Size {
		w.WriteRFC822Size(int64(len(h.body)))
	}
	if o.Envelope {
		w.WriteEnvelope(imapserver.ExtractEnvelope(h.header()))
	}
	if o.BodyStructure != nil {
		w.WriteBodyStructure(imapserver.ExtractBodyStructure(bytes.NewReader(h.body)))
	}
	for _, b := range o.BodySection {
		text := section(h.body, b)
		wc := w.WriteBodySection(b, int64(len(text)))
		_, err := wc.Write(text)
		if cerr := wc.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			_ = w.Close() // or imapserver waits for itself for ever
			return err
		}
	}
	return w.Close()
}

func (m *stored) header() textproto.Header { return parseHeader(m.body) }

// Store answers with the flags as they are afterwards, which need not be those
// that were asked for.
func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, f *imap.StoreFlags, _ *imap.StoreOptions) error {
	v := s.view
	if v.readOnly {
		return errReadOnly
	}
	if err := s.sync(false); err != nil {
		return err
	}
	v.store(set, f.Op, s.srv.keep(f.Flags))
	if f.Silent {
		return nil
	}
	for _, h := range v.hits(set) {
		if err := h.fetch(w.CreateMessage(h.seq), &imap.FetchOptions{Flags: true}); err != nil {
			return err
		}
	}
	return nil
}

// store changes flags; those that stay as they are change nothing.
func (v *view) store(set imap.NumSet, op imap.StoreFlagsOp, flags []imap.Flag) {
	v.acct.mu.Lock()
	defer v.acct.mu.Unlock()
	for _, h := range v.hitsLocked(set) {
		next := unique(flags)
		switch op {
		case imap.StoreFlagsAdd:
			next = unique(append(slices.Clone(h.flags), flags...))
		case imap.StoreFlagsDel:
			next = slices.DeleteFunc(slices.Clone(h.flags), func(f imap.Flag) bool { return hasFlag(flags, f) })
		}
		if !slices.Equal(next, h.flags) {
			v.box.setFlags(h.stored, next, v)
		}
	}
}

// kept is a message as the server stores it.
func (s *Server) kept(m Message) Message {
	if s.opts.Keep == nil {
		return m
	}
	return s.opts.Keep(m)
}

// keep drops what the server cannot store, without a word, as servers do.
func (s *Server) keep(flags []imap.Flag) []imap.Flag {
	kept := s.opts.permanent()
	if kept == nil {
		return flags
	}
	return slices.DeleteFunc(slices.Clone(flags), func(f imap.Flag) bool { return !hasFlag(kept, f) })
}

// permanent are the only flags that are kept, nil where all are.
func (o Options) permanent() []imap.Flag {
	if o.Flags == nil && o.NoKeywords {
		return systemFlags
	}
	return o.Flags
}

// Expunge removes; the client is told by the poll that follows.
func (s *session) Expunge(_ *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	v := s.view
	if v.readOnly {
		return nil // CLOSE after EXAMINE removes nothing and is no mistake
	}
	v.acct.mu.Lock()
	defer v.acct.mu.Unlock()
	v.box.remove(func(m *stored) bool {
		return hasFlag(m.flags, imap.FlagDeleted) && (uids == nil || uids.Contains(m.uid))
	})
	return nil
}

func (s *session) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	data, _, err := s.view.copy(set, dest)
	if err == nil && (len(data.SourceUIDs) == 0 || !s.front.speaks(imap.CapUIDPlus)) {
		data = nil
	}
	return data, err
}

// Move tells the new UIDs before the messages go (RFC 6851, section 4.3).
func (s *session) Move(w *imapserver.MoveWriter, set imap.NumSet, dest string) error {
	v := s.view
	if v.readOnly {
		return errReadOnly
	}
	data, moved, err := v.copy(set, dest)
	if err != nil {
		return err
	}
	if len(moved) > 0 && s.front.speaks(imap.CapUIDPlus) {
		if err := w.WriteCopyData(data); err != nil {
			return err
		}
	}
	v.acct.mu.Lock()
	defer v.acct.mu.Unlock()
	v.box.remove(func(m *stored) bool { return slices.Contains(moved, m.uid) })
	return nil
}

// copy adds the messages of a set to another mailbox of the account.
func (v *view) copy(set imap.NumSet, dest string) (*imap.CopyData, []imap.UID, error) {
	v.acct.mu.Lock()
	defer v.acct.mu.Unlock()
	b, err := v.acct.box(dest)
	if err != nil {
		return nil, nil, no(imap.ResponseCodeTryCreate, "No such mailbox")
	}
	data := &imap.CopyData{UIDValidity: b.validity}
	var from []imap.UID
	for _, h := range v.hitsLocked(set) {
		from = append(from, h.uid)
		data.SourceUIDs.AddNum(h.uid)
		data.DestUIDs.AddNum(v.acct.add(b, Message{Body: h.body, Date: h.date, Flags: h.flags}))
	}
	return data, from, nil
}
