package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/probe"
)

// An Inbound is what became of messages from outside, one for each of the
// domain's exchangers, as check inbound --json prints it: pass when what they
// took is at the target and not at the old server.
type Inbound struct {
	Version    int           `json:"version"`
	Time       time.Time     `json:"time"`
	Address    string        `json:"address"`
	MX         string        `json:"mx"`     // the most wanted exchanger that took one, empty where none did
	Result     probe.Outcome `json:"result"` // pass, fail or not-measured
	Target     string        `json:"target"` // the mailbox that one was found in, empty where none was
	Old        string        `json:"old"`
	Seconds    int           `json:"seconds"`    // until the last was found
	Exchangers []InboundAt   `json:"exchangers"` // the most wanted first; never nil
	Reasons    []string      `json:"reasons"`
}

// inboundKind is the kind of observation that holds an Inbound.
const inboundKind = "inbound"

// CheckInbound sends one message to each of the domain's exchangers as somebody
// outside does, and looks for it on both servers. A result other than pass is
// also a *PersonError.
func (m *Move) CheckInbound(ctx context.Context, o DMARCOptions) (Inbound, error) {
	var in Inbound
	err := m.locked(ctx, "check inbound", func(r *run) (err error) {
		in, err = r.checkInbound(ctx, o)
		return err
	})
	return in, err
}

func (r *run) checkInbound(ctx context.Context, o DMARCOptions) (Inbound, error) {
	phase, err := r.phase(ctx)
	if err != nil {
		return Inbound{}, err
	}
	if beforeSwitch(phase) {
		return Inbound{}, &PhaseError{Command: "check inbound", Phase: phase, Fix: "before the switch all mail goes to the old server"}
	}
	p, _, err := r.provider()
	if err != nil {
		return Inbound{}, err
	}
	in := Inbound{Version: 1, Time: r.o.Clock.Now(), Result: probe.NotMeasured, Exchangers: []InboundAt{}, Reasons: []string{}}
	target, old, err := r.inboxes(p, o.Account, &in)
	if err != nil {
		return Inbound{}, err
	}
	if err := r.sendIn(ctx, &in); err != nil {
		return Inbound{}, err
	}
	messages := make([][]byte, len(in.Exchangers))
	for i := range in.Exchangers {
		at := &in.Exchangers[i]
		if !at.Taken {
			continue
		}
		if messages[i], err = r.seek(ctx, in.Time, target, old, at); err != nil {
			return Inbound{}, err
		}
	}
	in.sum()
	return in, r.keepInbound(ctx, in, messages)
}

// inboxes returns the account's mailboxes on both sides.
func (r *run) inboxes(p *provider.Provider, account string, in *Inbound) (target, old *probe.Mailbox, err error) {
	var names []string
	if account != "" {
		names = []string{account}
	}
	accounts, err := r.accounts(p, names)
	if err != nil {
		return nil, nil, err
	}
	rows, err := config.LoadAccounts(r.Config.Accounts, r.Config.Domain)
	if err != nil {
		return nil, nil, err
	}
	a := accounts[0]
	i := slices.IndexFunc(rows, func(row config.Account) bool { return row.Name() == a.Name })
	in.Address = rows[i].Address
	return &probe.Mailbox{Endpoint: a.Target.Endpoint, Login: a.Target.Login}, &probe.Mailbox{Endpoint: a.Source.Endpoint, Login: a.Source.Login}, nil
}

// seek looks on both servers until the message is there. The old server is
// looked at last, and once more a moment later: a copy that goes there besides
// may be behind. It has to answer for a pass.
func (r *run) seek(ctx context.Context, sent time.Time, target, old *probe.Mailbox, in *InboundAt) ([]byte, error) {
	sighted, token := false, in.token
	for deadline := sent.Add(probeFor); ; {
		found, err := target.Find(ctx, token)
		if err != nil && !errors.Is(err, probe.ErrNotFound) {
			return nil, err
		}
		here, oldErr := old.Find(ctx, token)
		switch {
		case oldErr == nil:
			in.Result, in.Old, in.Target = probe.Fail, here.Mailbox, found.Mailbox
			in.Reasons = append(in.Reasons, "the message is at the old server, in "+here.Mailbox+": mail is still delivered there")
			return here.Message, nil
		case err == nil && errors.Is(oldErr, probe.ErrNotFound) && sighted:
			in.Result = probe.Pass
			return found.Message, nil
		case err == nil && errors.Is(oldErr, probe.ErrNotFound):
			sighted = true
			in.Target, in.Seconds = found.Mailbox, int(r.o.Clock.Now().Sub(sent).Seconds())
		case err == nil:
			in.Target = found.Mailbox
			in.Reasons = append(in.Reasons, "the message is at the target, and nobody could look at the old server: "+oldErr.Error())
			return found.Message, nil
		case imapconn.Class(oldErr) == imapconn.ClassCancelled:
			return nil, oldErr
		case !r.o.Clock.Now().Before(deadline):
			in.Reasons = append(in.Reasons, fmt.Sprintf("%s took the message, and it was not found within %s", in.MX, span(probeFor)))
			return nil, nil
		}
		if err := r.o.Clock.Sleep(ctx, probeEvery); err != nil {
			return nil, err
		}
	}
}

// keepInbound keeps the messages with the result as evidence.
func (r *run) keepInbound(ctx context.Context, in Inbound, messages [][]byte) error {
	doc, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		return fmt.Errorf("inbound probe: %w", err)
	}
	name := "inbound-" + in.Time.UTC().Format("20060102T150405Z")
	files := map[string][]byte{".json": append(doc, '\n')}
	for i, msg := range messages {
		if msg != nil {
			files[fmt.Sprintf("-%d.eml", i+1)] = msg
		}
	}
	for ext, data := range files {
		if _, err := r.state.SaveEvidence(name+ext, data); err != nil {
			return err
		}
	}
	if err := r.remember(ctx, inboundKind, "", in); err != nil {
		return err
	}
	r.emit(Event{Type: Probed, Account: in.Address, Verdict: string(in.Result), Text: "probe to " + in.Address + ": " + string(in.Result)})
	if in.Result == probe.Pass {
		return nil
	}
	return &PersonError{What: "mail from outside: " + string(in.Result), Items: in.Reasons}
}
