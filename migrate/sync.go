package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/step"
)

// SyncOptions say what a copy covers and where it stops.
type SyncOptions struct {
	Accounts      []string // addresses or users; none: all
	MaxTime       time.Duration
	MaxBytes      int64
	Bandwidth     int64 // octets in a second; 0: not bounded
	RecopyMissing bool
	Wait          bool            // wait and go on where an account has to rest
	Stop          <-chan struct{} // closed: finish what is in flight, then stop

	allowance bool // keep to what the provider takes in a day
	trace     bool // remember which messages were sent
}

// A CopyRecord is what is remembered of a copy of all accounts.
type CopyRecord struct {
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`
	Messages int       `json:"messages"`
	Missing  int       `json:"missing"`
	Doubt    int       `json:"doubt"`
	New      int       `json:"new"`
	Refused  int       `json:"refused"`
	Unread   int       `json:"unread"` // mailboxes that could not be read
}

// copyKind is the kind of observation that holds a CopyRecord.
const copyKind = "copy"

// Sync copies the accounts, or continues copying. It may be stopped, killed
// and repeated at any point.
func (m *Move) Sync(ctx context.Context, o SyncOptions) (mailbox.Result, error) {
	// A delta around the switch does not: it is small, and the figure is not exact.
	o.allowance = true
	return m.copyOn(ctx, o)
}

func (m *Move) syncOnce(ctx context.Context, o SyncOptions) (mailbox.Result, error) {
	var result mailbox.Result
	err := m.locked(ctx, "sync", func(r *run) (err error) {
		result, err = r.sync(ctx, o)
		return err
	})
	return result, err
}

func (r *run) sync(ctx context.Context, o SyncOptions) (mailbox.Result, error) {
	p, _, err := r.provider()
	if err != nil {
		return mailbox.Result{}, err
	}
	accounts, err := r.accounts(p, o.Accounts)
	if err != nil {
		return mailbox.Result{}, err
	}
	additions, why, err := r.additionsOnly(ctx, p)
	if err != nil {
		return mailbox.Result{}, err
	}
	if why != "" {
		r.say("%s", why)
	}
	options := r.copyOptions(p)
	options.Additions = additions
	options.MaxTime, options.MaxBytes, options.Stop = o.MaxTime, o.MaxBytes, o.Stop
	options.Bandwidth = o.Bandwidth
	if o.allowance && r.atProvider(p) {
		options.Allowance = p.Limits.DailyBytes
	}
	options.RecopyMissing, options.DryRun, options.Trace = o.RecopyMissing, r.o.DryRun, o.trace
	began := r.o.Clock.Now()
	result, err := r.copier(options).Copy(ctx, accounts)
	if err != nil {
		return result, err
	}
	if r.o.DryRun {
		r.say("dry run: %s would be sent", Plural(result.Sent, "message"))
		return result, result.Err()
	}
	if len(o.Accounts) == 0 {
		if err := r.rememberCopy(ctx, began, result); err != nil {
			return result, err
		}
	}
	return result, settledResult(result)
}

// settledResult turns what is left of a copy into an error: failures first,
// then what needs a person.
func settledResult(result mailbox.Result) error {
	var t mailbox.Tally
	for _, a := range result.Accounts {
		own := a.Tally
		if a.Rest() != nil {
			own.Missing = 0 // still to come
		}
		t = t.Add(own)
	}
	var items []string
	for _, n := range []struct {
		count int
		what  string
	}{
		{t.Refused, "refused by the target, kept under .mxmove/refused"},
		{t.Doubt, "in doubt"},
		{t.Missing, "missing"},
	} {
		if n.count > 0 {
			items = append(items, Plural(n.count, "message")+" "+n.what)
		}
	}
	var person error
	if len(items) > 0 {
		person = &PersonError{What: "copied, and some messages need a person", Items: items}
	}
	return errors.Join(result.Err(), person)
}

// rememberCopy stores what the gates will ask for. A copy that could not read
// an account counts what it does not know as unread.
func (r *run) rememberCopy(ctx context.Context, began time.Time, result mailbox.Result) error {
	t := result.Tally()
	c := CopyRecord{
		Began: began, Ended: r.o.Clock.Now(),
		Messages: t.Messages, Missing: t.Missing, Doubt: t.Doubt, New: t.New, Refused: t.Refused,
	}
	for _, a := range result.Accounts {
		if a.Err != nil {
			c.Unread++
		}
		for _, mb := range a.Mailboxes {
			if mb.Err != nil && !(errors.Is(mb.Err, mailbox.ErrAllowance) && mb.Tally.Missing > 0) { // looked at, and still to come
				c.Unread++
			}
		}
	}
	return r.remember(ctx, copyKind, "", c)
}

// remember stores a value as an observation, as JSON.
func (r *run) remember(ctx context.Context, kind, subject string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("observation %s: %w", kind, err)
	}
	return r.observe(context.WithoutCancel(ctx), kind, subject, string(data))
}

// recall reads the latest observation of a kind that remember has stored.
func recall[T any](ctx context.Context, r *run, kind, subject string) (*T, error) {
	o, ok, err := r.state.Latest(ctx, kind, subject)
	if err != nil || !ok {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal([]byte(o.Value), v); err != nil {
		return nil, fmt.Errorf("observation %s of %s: %w", kind, stamp(o.At), err)
	}
	return v, nil
}

// copier returns the engine with its memory.
func (r *run) copier(o mailbox.Options) *mailbox.Copier {
	return &mailbox.Copier{Journal: journal.Open(r.state.DB()), Options: o}
}

// copyOptions translates the configuration and the provider's facts. On a host
// other than the provider's own its limits and names do not apply.
func (r *run) copyOptions(p *provider.Provider) mailbox.Options {
	s := r.Config.Sync
	o := mailbox.Options{
		Connections: s.Connections, Accounts: s.Accounts, Memory: s.Memory,
		Exclude: s.Exclude, Deleted: mailbox.Deleted(s.Deleted), Gone: mailbox.Gone(s.Gone), Mailboxes: s.Mailboxes,
		Refused: r.state.RefusedDir(), Events: r.forward, Log: r.o.Log, Now: r.o.Clock.Now,
	}
	if r.atProvider(p) {
		o.Names = make(map[imap.MailboxAttr]string)
		for use, name := range p.Mailboxes.Names {
			o.Names[imap.MailboxAttr(use)] = name
		}
		o.Reserved, o.AppendLimit = p.Mailboxes.Reserved, p.Limits.MessageSize
		if most := p.Limits.Connections; most > 0 {
			o.Connections = min(o.Connections, most)
		}
	}
	return o
}

// atProvider reports whether the target is the provider's own host.
func (r *run) atProvider(p *provider.Provider) bool {
	e := r.Config.Target.IMAP
	return e == nil || e.Host == p.IMAP.Host
}

// forward passes an event of the copy on.
func (r *run) forward(e mailbox.Event) {
	r.emit(Event{
		Type: EventType(e.Type), Account: e.Account, Mailbox: e.Mailbox, Text: e.Text,
		Tally: e.Tally, Bytes: e.Bytes, Listed: e.Listed, Total: e.Total, Done: e.Done, Hold: e.Hold, Wait: e.Wait.Seconds(),
	})
}

// An mxState says which side the live MX points to.
type mxState string

const (
	mxOld     mxState = "old"
	mxNew     mxState = "new"
	mxMixed   mxState = "mixed"
	mxUnknown mxState = "unknown"
)

// additionsOnly decides who owns the truth at the target: from the phase and
// from the live MX. Only an old MX that was seen lets the source rule.
func (r *run) additionsOnly(ctx context.Context, p *provider.Provider) (bool, string, error) {
	phase, err := r.phase(ctx)
	if err != nil || phase.Additions() {
		return true, "", err
	}
	live := r.liveMX(ctx, p)
	if ctx.Err() != nil {
		return true, "", context.Cause(ctx)
	}
	if live == mxOld {
		return false, "", nil
	}
	return true, fmt.Sprintf("the live MX is %s while the move is %s: this run only adds (MX003)", live, phaseName(phase)), nil
}

func phaseName(p step.Phase) string {
	if p == step.None {
		return "not planned yet"
	}
	return string(p)
}

// liveMX asks every authoritative server of every domain.
func (r *run) liveMX(ctx context.Context, p *provider.Provider) mxState {
	client, err := r.client()
	if err != nil {
		return mxUnknown
	}
	var states []mxState
	for _, domain := range r.domains() {
		records, err := p.Expand(domain, r.vars(domain))
		if err != nil {
			return mxUnknown
		}
		apex, err := client.Zone(ctx, domain)
		if err != nil {
			return mxUnknown
		}
		servers, err := client.Authoritative(ctx, apex)
		if err != nil {
			return mxUnknown
		}
		answered := false
		for _, s := range servers {
			set, err := client.Ask(ctx, s, zone.Canonical(domain), dns.TypeMX)
			if err != nil {
				continue // a lame server says nothing; the others decide
			}
			answered = true
			states = append(states, mxOf(set, records))
		}
		if !answered {
			return mxUnknown
		}
	}
	return joined(states)
}

// mxOf compares one MX RRset with the provider's hosts.
func mxOf(set *zone.RRset, records provider.Records) mxState {
	if set == nil {
		return mxOld
	}
	var states []mxState
	for _, data := range set.Data {
		host := zone.Canonical(data[strings.LastIndexByte(data, ' ')+1:])
		if records.Theirs(host) {
			states = append(states, mxNew)
		} else {
			states = append(states, mxOld)
		}
	}
	return joined(states)
}

func joined(states []mxState) mxState {
	if len(states) == 0 {
		return mxUnknown
	}
	for _, s := range states {
		if s != states[0] {
			return mxMixed
		}
	}
	return states[0]
}
