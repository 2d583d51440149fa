package migrate_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// A stored message is what the checker compares: no field that the product
// has written or remembers.
type stored struct {
	UID   imap.UID
	Date  int64 // INTERNALDATE, seconds
	Flags string
	Head  [32]byte
	Sum   [32]byte
}

// A box is the content of one mailbox.
type box struct {
	Subscribed bool
	Messages   []stored
}

// A dump is the content of one account, by the server's mailbox names.
type dump map[string]*box

func store(raw []byte, date time.Time, flags []imap.Flag) stored {
	raw = normal(raw)
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	var names []string
	for _, f := range flags {
		if !strings.EqualFold(string(f), `\Recent`) {
			names = append(names, string(f))
		}
	}
	slices.Sort(names)
	return stored{
		Date: date.Unix(), Flags: strings.Join(slices.Compact(names), " "),
		Head: sha256.Sum256([]byte(head)), Sum: sha256.Sum256(raw),
	}
}

// dial opens an IMAP connection of the checker's own, logged in.
func (d *dovecot) dial(ctx context.Context, user, password string) (*imapclient.Client, error) {
	nc, err := (&tls.Dialer{Config: d.tls.Clone()}).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	c := imapclient.New(nc, nil)
	context.AfterFunc(ctx, func() { nc.Close() })
	if err := c.Login(user, password).Wait(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: login %s: %w", d.name, user, err), c.Close())
	}
	return c, nil
}

// dump reads a whole account without changing it.
func (d *dovecot) dump(ctx context.Context, user string) (dump, error) {
	c, err := d.dial(ctx, user, d.users[user])
	if err != nil {
		return nil, err
	}
	list, err := c.List("", "*", &imap.ListOptions{ReturnSubscribed: true}).Collect()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: list: %w", d.name, err), c.Close())
	}
	all := dump{}
	for _, l := range list {
		if slices.Contains(l.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(l.Attrs, imap.MailboxAttrNonExistent) {
			continue
		}
		b := &box{Subscribed: slices.Contains(l.Attrs, imap.MailboxAttrSubscribed)}
		if b.Messages, err = readBox(c, l.Mailbox); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %s %q: %w", d.name, user, l.Mailbox, err), c.Close())
		}
		all[l.Mailbox] = b
	}
	return all, c.Close()
}

func readBox(c *imapclient.Client, name string) (_ []stored, err error) {
	sel, err := c.Select(name, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil || sel.NumMessages == 0 {
		return nil, err
	}
	whole := &imap.FetchItemBodySection{Peek: true}
	cmd := c.Fetch(imap.UIDSet{imap.UIDRange{Start: 1}}, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{whole},
	})
	defer func() { err = errors.Join(err, cmd.Close()) }()
	var ms []stored
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		m, err := readMessage(msg)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	if len(ms) != int(sel.NumMessages) {
		return nil, fmt.Errorf("%d messages announced, %d received", sel.NumMessages, len(ms))
	}
	slices.SortFunc(ms, func(a, b stored) int { return cmp.Compare(a.UID, b.UID) })
	return ms, nil
}

func readMessage(msg *imapclient.FetchMessageData) (stored, error) {
	var (
		uid   imap.UID
		date  time.Time
		flags []imap.Flag
		raw   []byte
	)
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			uid = item.UID
		case imapclient.FetchItemDataInternalDate:
			date = item.Time
		case imapclient.FetchItemDataFlags:
			flags = item.Flags
		case imapclient.FetchItemDataBodySection:
			raw = make([]byte, item.Literal.Size())
			if _, err := io.ReadFull(item.Literal, raw); err != nil {
				return stored{}, fmt.Errorf("body of uid %d: %w", uid, err)
			}
		}
	}
	if uid == 0 || date.IsZero() || raw == nil {
		return stored{}, fmt.Errorf("incomplete FETCH response for uid %d", uid)
	}
	m := store(raw, date, flags)
	m.UID = uid
	return m, nil
}

// fill creates the mailboxes of h and appends its letters.
func (d *dovecot) fill(ctx context.Context, user string, h holding) (err error) {
	c, err := d.dial(ctx, user, d.users[user])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, p := range h.Mailboxes {
		if p == "INBOX" {
			continue
		}
		if err := c.Create(d.wire(p), nil).Wait(); err != nil {
			return fmt.Errorf("%s: create %q: %w", d.name, p, err)
		}
	}
	for _, p := range h.Subscribed {
		if err := c.Subscribe(d.wire(p)).Wait(); err != nil {
			return fmt.Errorf("%s: subscribe %q: %w", d.name, p, err)
		}
	}
	for i, l := range h.Letters {
		if err := d.deliver(c, l); err != nil {
			return fmt.Errorf("letter %d: %w", i, err)
		}
	}
	return nil
}

// deliver appends one letter. No error means that the server has accepted it.
func (d *dovecot) deliver(c *imapclient.Client, l letter) error {
	cmd := c.Append(d.wire(l.Mailbox), int64(len(l.Raw)), &imap.AppendOptions{Flags: l.Flags, Time: l.Date})
	_, werr := cmd.Write(l.Raw)
	cerr := cmd.Close()
	if _, err := cmd.Wait(); err != nil || werr != nil || cerr != nil {
		return fmt.Errorf("%s: append to %q: %w", d.name, l.Mailbox, errors.Join(err, werr, cerr))
	}
	return nil
}
