package migrate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/probe"
)

// An Inbound is what became of a message from outside, as check inbound --json
// prints it: pass when it is at the target and not at the old server.
type Inbound struct {
	Version int           `json:"version"`
	Time    time.Time     `json:"time"`
	Address string        `json:"address"`
	MX      string        `json:"mx"`     // the exchanger that took it, empty where none did
	Result  probe.Outcome `json:"result"` // pass, fail or not-measured
	Target  string        `json:"target"` // the mailbox it was found in, empty where it was not
	Old     string        `json:"old"`
	Seconds int           `json:"seconds"` // until it was found
	Reasons []string      `json:"reasons"`
}

// inboundKind is the kind of observation that holds an Inbound.
const inboundKind = "inbound"

// CheckInbound sends one message to the domain as somebody outside does, by
// its MX records, and looks for it on both servers. A result other than pass
// is also a *PersonError.
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
	in := Inbound{Version: 1, Time: r.o.Clock.Now(), Result: probe.NotMeasured, Reasons: []string{}}
	target, old, err := r.inboxes(p, o.Account, &in)
	if err != nil {
		return Inbound{}, err
	}
	token := probe.NewToken()
	if err := r.sendIn(ctx, token, &in); err != nil {
		return Inbound{}, err
	}
	var msg []byte
	if in.MX != "" {
		if msg, err = r.seek(ctx, token, target, old, &in); err != nil {
			return Inbound{}, err
		}
	}
	return in, r.keepInbound(ctx, in, msg)
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

// sendIn tries the exchangers that the world sees, in their order. What they
// refuse to us they may take from others, so that it is not measured.
func (r *run) sendIn(ctx context.Context, token string, in *Inbound) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	_, domain, _ := strings.Cut(in.Address, "@")
	data, err := client.Lookup(ctx, domain, dns.TypeMX)
	if err != nil {
		return fmt.Errorf("MX of %s: %w", domain, err)
	}
	for _, host := range byPreference(data) {
		addr := net.JoinHostPort(host, "25")
		err := probe.Deliver(ctx, addr, r.knock, in.Address, token, r.o.Clock.Now())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			in.MX = host
			r.say("probe from outside handed to %s, looking for it", host)
			return nil
		}
		in.Reasons = append(in.Reasons, err.Error())
		if errors.As(err, new(*probe.DeliveryError)) {
			break // the others are the same provider's
		}
	}
	if len(data) == 0 {
		in.Reasons = append(in.Reasons, domain+" has no MX record")
	}
	return nil
}

// byPreference returns the hosts of an MX set, the most wanted first.
func byPreference(data []string) []string {
	type exchange struct {
		preference int
		host       string
	}
	var all []exchange
	for _, d := range data {
		preference, host, _ := strings.Cut(d, " ")
		n, err := strconv.Atoi(preference)
		if host = strings.TrimSuffix(host, "."); err == nil && host != "" {
			all = append(all, exchange{n, host})
		}
	}
	slices.SortFunc(all, func(a, b exchange) int {
		return cmp.Or(cmp.Compare(a.preference, b.preference), strings.Compare(a.host, b.host))
	})
	hosts := make([]string, len(all))
	for i, x := range all {
		hosts[i] = x.host
	}
	return hosts
}

// seek looks on both servers until the message is there. The old server is
// looked at last, and once more a moment later: a copy that goes there besides
// may be behind. It has to answer for a pass.
func (r *run) seek(ctx context.Context, token string, target, old *probe.Mailbox, in *Inbound) ([]byte, error) {
	sighted := false
	for deadline := r.o.Clock.Now().Add(probeFor); ; {
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
			in.Target, in.Seconds = found.Mailbox, int(r.o.Clock.Now().Sub(in.Time).Seconds())
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

// keepInbound keeps the message with the result as evidence.
func (r *run) keepInbound(ctx context.Context, in Inbound, msg []byte) error {
	doc, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		return fmt.Errorf("inbound probe: %w", err)
	}
	name := "inbound-" + in.Time.UTC().Format("20060102T150405Z")
	files := map[string][]byte{".json": append(doc, '\n')}
	if msg != nil {
		files[".eml"] = msg
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
