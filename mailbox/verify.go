package mailbox

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// VerifyOptions say how Verify compares. Copy holds the options that the
// accounts are copied with.
type VerifyOptions struct {
	Copy Options
	Hash int // percent of the messages whose content is compared: 0 none, 100 all

	// Message is told about every message, from several goroutines but never
	// two at once; nil: nobody.
	Message func(Mark)
}

// A Mark is the verdict on one message.
type Mark struct {
	Account, Mailbox string  // the source mailbox; the target's for '-'
	Sign             byte    // '=' on both sides, '+' not at the target, '-' at the target only, '!' different, '?' in doubt or unreadable
	State            string  // the word of the tally, "repaired" for what is there with a repair, "extra" for '-'
	Message          Message // without its flags
	Title            Title   // empty for '=', and where there are very many
}

// Verify compares both sides of the accounts. Both are opened for reading
// only. Whether a message is at the target is decided from the two servers;
// the journal, which may be nil, only says why. An error means that the run
// as a whole ended early; an account or a mailbox that cannot be read stands
// in the Balance.
func (c *Copier) Verify(ctx context.Context, accounts []Account, o VerifyOptions) (Balance, error) {
	r := newRun(c, o.Copy)
	b := Balance{Version: 1, Accounts: make([]AccountBalance, len(accounts))}
	var g errgroup.Group
	g.SetLimit(r.o.Accounts)
	for i := range accounts {
		v := &verifier{carrier: carrier{run: r, account: r.over(accounts[i]), result: new(AccountResult), verifies: true}, o: o, balance: &b.Accounts[i]}
		g.Go(func() error {
			v.verify(ctx)
			return nil
		})
	}
	_ = g.Wait() // errors are in the balance
	b.Balanced = b.balanced()
	return b, context.Cause(ctx)
}

// A verifier compares one account.
type verifier struct {
	carrier
	o       VerifyOptions
	balance *AccountBalance
}

// eyes are two connections that can only read.
type eyes struct {
	source, target *imapconn.Source
}

func (v *verifier) open(ctx context.Context) (e *eyes, err error) {
	e = new(eyes)
	if e.source, err = imapconn.DialSource(ctx, v.account.Source.Endpoint, v.account.Source.Login); err != nil {
		return nil, fmt.Errorf("source of %s: %w", v.account.Name, err)
	}
	if e.target, err = imapconn.DialSource(ctx, v.account.Target.Endpoint, v.account.Target.Login); err != nil {
		e.close()
		return nil, fmt.Errorf("target of %s: %w", v.account.Name, err)
	}
	return e, nil
}

func (e *eyes) close() {
	if e == nil {
		return
	}
	for _, s := range []*imapconn.Source{e.source, e.target} {
		if s != nil {
			_ = s.Close() // nothing is under way
		}
	}
}

// verify fills the balance of the account in.
func (v *verifier) verify(ctx context.Context) {
	v.balance.Address, v.balance.Mailboxes = v.account.Name, []MailboxBalance{}
	e, pairs, err := v.start(ctx)
	if err != nil {
		v.balance.Unread, v.balance.Err = clean(err.Error()), err
		return
	}
	v.balance.Mailboxes = make([]MailboxBalance, len(pairs))
	jobs := byTarget(pairs, func(name string) string { return name })
	queue := make(chan []int, len(jobs))
	for _, job := range jobs {
		queue <- job
	}
	close(queue)
	var g errgroup.Group
	for i := range max(1, min(v.run.o.Connections, len(jobs))) {
		mine := e
		if i > 0 {
			mine = nil
		}
		g.Go(func() (err error) {
			defer func() { mine.close() }()
			if mine == nil {
				if mine, err = v.open(ctx); err != nil {
					return nil // the first pair, which is there, takes what this one would have
				}
			}
			for job := range queue {
				mine = v.job(ctx, mine, pairs, job)
			}
			return nil
		})
	}
	_ = g.Wait() // errors are in the balance
}

// start connects and pairs, and begins again where a server was only busy.
func (v *verifier) start(ctx context.Context) (*eyes, []Pair, error) {
	for attempt := 1; ; attempt++ {
		e, err := v.open(ctx)
		var pairs []Pair
		if err == nil {
			pairs, _, err = v.pairs(ctx, e.source, e.target)
		}
		if err == nil {
			return e, pairs, nil
		}
		e.close()
		if attempt == tries || !v.pause(ctx, err, attempt) {
			return nil, nil, err
		}
	}
}

// job compares the mailboxes that lead into one target, and returns the
// connections for the next job, nil when they were lost.
func (v *verifier) job(ctx context.Context, e *eyes, pairs []Pair, places []int) *eyes {
	for attempt := 1; ; attempt++ {
		var err error
		if e == nil {
			e, err = v.open(ctx)
		}
		if err == nil {
			err = v.compare(ctx, e, pairs, places)
		}
		if err == nil {
			return e
		}
		if _, passes := again(err, attempt, v.run.o.Settle); passes || ctx.Err() != nil {
			e.close()
			e = nil
		}
		if attempt < tries && v.pause(ctx, err, attempt) {
			continue
		}
		for _, i := range places {
			v.balance.Mailboxes[i] = v.unreadBalance(ctx, e, pairs[i], err)
		}
		return e
	}
}

// unreadBalance is the balance of a mailbox that could not be read: what
// STATUS says of it is in doubt.
func (v *verifier) unreadBalance(ctx context.Context, e *eyes, p Pair, err error) MailboxBalance {
	b := MailboxBalance{Source: p.Source, Target: p.Target, Unread: clean(err.Error()), Err: err, Unknown: true}
	if e == nil || ctx.Err() != nil {
		return b
	}
	if st, err := e.source.Status(ctx, p.SourceWire); err == nil && st.Messages != nil {
		n := int(*st.Messages)
		b.Tally, b.Unknown = Tally{Messages: n, Doubt: n}, false
	}
	return b
}

// mark tells whoever listens about a message.
func (v *verifier) mark(mailbox string, sign byte, state string, m candidate, t Title) {
	if v.o.Message == nil {
		return
	}
	v.run.mu.Lock()
	defer v.run.mu.Unlock()
	v.o.Message(Mark{Account: v.account.Name, Mailbox: mailbox, Sign: sign, State: state, Message: m.message(), Title: t})
}
