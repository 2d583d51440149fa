package imapconn

import (
	"context"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// gmail is what Gmail calls its extensions, by which it is known.
const gmail = "X-GM-EXT-1"

// Labels tells the labels of all messages of the open mailbox, where the
// server is a Gmail, and calls fn for each as it comes. Those that stand for
// mailboxes of a special use begin with a backslash, such as \Inbox; the
// others are wire names. A message may have been left out. An error of fn ends
// the connection.
func (s *session) Labels(ctx context.Context, fn func(uid imap.UID, labels []string) error) error {
	if s.selected.Exists == 0 {
		return nil
	}
	take := func(p *wire.Response) error {
		if p.Name != "FETCH" {
			return nil
		}
		uid, labels, err := p.Labels()
		if err != nil || labels == nil || uid == 0 {
			return err
		}
		return fn(uid, labels)
	}
	if err := s.pipeline(ctx, take, fetchCommands(wire.From(1), "(UID X-GM-LABELS)")); err != nil {
		return fmt.Errorf("labels from %s: %w", show(s.mailbox), err)
	}
	return nil
}
