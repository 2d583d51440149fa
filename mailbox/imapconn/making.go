package imapconn

import (
	"context"
	"fmt"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// A Making is a mailbox to be created, subscribed to, or both, by its wire
// name.
type Making struct {
	Name      string
	Create    bool
	Subscribe bool

	Existed      bool  // it was there, or one that the server takes for the same
	CreateErr    error // why the server does not create it; nil where it was there
	SubscribeErr error
}

// Make creates mailboxes and subscribes to them, without waiting in between.
// What the server refuses stands in the makings; an error is the end of the
// connection.
func (t *Target) Make(ctx context.Context, makings ...*Making) error {
	var steps []*step
	for _, m := range makings {
		if m.Create {
			steps = append(steps, &step{parts: []part{text("CREATE "), str(m.Name)}, done: func(_ *wire.Response, err error) error {
				if m.Existed = err != nil && exists(err); err != nil && !m.Existed {
					m.CreateErr = fmt.Errorf("create %s: %w", show(m.Name), err)
				}
				return nil
			}})
		}
		if m.Subscribe {
			steps = append(steps, &step{parts: []part{text("SUBSCRIBE "), str(m.Name)}, done: func(_ *wire.Response, err error) error {
				if err != nil {
					m.SubscribeErr = fmt.Errorf("subscribe to %s: %w", show(m.Name), err)
				}
				return nil
			}})
		}
	}
	if err := t.all(ctx, steps); err != nil {
		return fmt.Errorf("making of mailboxes: %w", err)
	}
	return nil
}
