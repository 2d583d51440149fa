package imapconn

import (
	"context"
	"fmt"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// Select opens a mailbox for writing, by its wire name.
func (t *Target) Select(ctx context.Context, name string) (wire.Selected, error) {
	return t.choose(ctx, "SELECT", name)
}

// Create makes a mailbox, by its name in UTF-8. One that exists already is no
// error. Parents come into being with it (RFC 9051, section 6.3.4).
func (t *Target) Create(ctx context.Context, name string) error {
	err := t.control.create(ctx, name)
	if err != nil && !exists(err) {
		return fmt.Errorf("create %s: %w", printable(name), err)
	}
	return nil
}

// Subscribe subscribes to a mailbox, by its wire name.
func (t *Target) Subscribe(ctx context.Context, name string) error {
	err := error(nil)
	if decoded := wire.DecodeName(name); wire.EncodeName(decoded) == name {
		err = t.control.subscribe(ctx, decoded)
	} else {
		// imapclient writes names in its own way; this one must go back as it
		// came.
		_, err = t.run(ctx, nil, text("SUBSCRIBE "), str(name))
	}
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", show(name), err)
	}
	return nil
}

// Store adds or removes flags of messages in the selected mailbox. Flags that
// no server takes are left out; the caller compares with PermanentFlags.
//
// It speaks for itself instead of through imapclient: the FLAGS line of SELECT
// ends imapclient's connection where one keyword of the mailbox is odd.
func (t *Target) Store(ctx context.Context, uids []imap.UID, add bool, flags []imap.Flag) error {
	var names []string
	for _, f := range flags {
		if wire.ValidFlag(f) {
			names = append(names, string(f))
		}
	}
	if len(names) == 0 {
		return nil
	}
	sign := "+"
	if !add {
		sign = "-"
	}
	item := " " + sign + "FLAGS.SILENT (" + strings.Join(names, " ") + ")"
	var commands []string
	for _, part := range wire.SetOf(uids...).Split(wire.MaxSet) {
		commands = append(commands, "UID STORE "+part.String()+item)
	}
	if err := t.pipeline(ctx, nil, commands); err != nil {
		return fmt.Errorf("store in %s: %w", show(t.mailbox), err)
	}
	return nil
}

// Move moves messages of the selected mailbox to another, by its wire name.
// Only UID MOVE does it; without MOVE there is no way that never expunges, and
// the answer is ErrNoMove. It gives the UIDVALIDITY of the other mailbox and
// the new UIDs by the old ones, where the server names them (COPYUID).
func (t *Target) Move(ctx context.Context, uids []imap.UID, name string) (validity uint32, places map[imap.UID]imap.UID, err error) {
	if !t.caps.Has("MOVE") && !t.caps.Has("IMAP4REV2") {
		return 0, nil, fmt.Errorf("move to %s: %w", show(name), ErrNoMove)
	}
	places = make(map[imap.UID]imap.UID)
	take := func(p *wire.Response) error {
		if p.Code == "COPYUID" {
			if v, from, to, ok := wire.CopyUID(p.Args, len(uids)); ok {
				validity = v
				for i := range from {
					places[from[i]] = to[i]
				}
			}
		}
		return nil
	}
	for _, part := range wire.SetOf(uids...).Split(wire.MaxSet) {
		p, err := t.run(ctx, take, text("UID MOVE "+part.String()+" "), str(name))
		if err != nil {
			return 0, nil, fmt.Errorf("move to %s: %w", show(name), err)
		}
		_ = take(p) // never fails
	}
	return validity, places, nil
}

// Close closes both connections.
func (t *Target) Close() error {
	t.control.close()
	return t.session.Close()
}
