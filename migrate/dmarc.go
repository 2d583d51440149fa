package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/probe"
)

// DMARCOptions say what is judged.
type DMARCOptions struct {
	Account string // the sender, an address of the list; empty: the first
}

// A DMARCRecord is what is remembered of a probe.
type DMARCRecord struct {
	Time    time.Time `json:"time"`
	From    string    `json:"from"`
	DMARC   string    `json:"dmarc"`
	Reasons []string  `json:"reasons"`

	// Verdict is all that was found out about the message.
	Verdict *probe.Verdict `json:"verdict,omitempty"`
}

const (
	probeFor   = 5 * time.Minute // how long a probe may be on its way
	probeEvery = 2 * time.Second
)

// CheckDMARC sends one message through the target's submission server,
// fetches it from the probe mailbox and judges it from its bytes. A verdict
// other than pass is also a *PersonError.
func (m *Move) CheckDMARC(ctx context.Context, o DMARCOptions) (probe.Verdict, error) {
	var v probe.Verdict
	err := m.locked(ctx, "check dmarc", func(r *run) (err error) {
		v, err = r.checkDMARC(ctx, o)
		return err
	})
	return v, err
}

// JudgeMessage judges a message that somebody has at hand. It needs no lock
// and keeps nothing.
func (m *Move) JudgeMessage(ctx context.Context, msg []byte, env probe.Envelope) (probe.Verdict, error) {
	client, err := m.client()
	if err != nil {
		return probe.Verdict{}, err
	}
	v, err := probe.Judge(ctx, msg, env, resolver.Stub{Client: client}, probe.JudgeOptions{Now: m.o.Clock.Now()})
	if err != nil {
		return v, err
	}
	return v, misaligned(v)
}

func (r *run) checkDMARC(ctx context.Context, o DMARCOptions) (probe.Verdict, error) {
	p, _, err := r.provider()
	if err != nil {
		return probe.Verdict{}, err
	}
	if err := r.Config.Require("accounts", "probe"); err != nil {
		return probe.Verdict{}, err
	}
	from, s, err := r.submission(p, o.Account)
	if err != nil {
		return probe.Verdict{}, err
	}
	token := probe.NewToken()
	if _, err := probe.Send(ctx, s, from, r.Config.Probe.Address, token, r.o.Clock.Now()); err != nil {
		return probe.Verdict{}, err
	}
	r.say("probe from %s sent, waiting for it at %s", from, r.Config.Probe.Address)
	msg, err := r.fetchProbe(ctx, token)
	if err != nil {
		return probe.Verdict{}, err
	}
	return r.judgeProbe(ctx, p, from, msg)
}

// submission returns the sender and the server that takes its mail.
func (r *run) submission(p *provider.Provider, account string) (string, probe.Submission, error) {
	rows, err := config.LoadAccounts(r.Config.Accounts, r.Config.Domain)
	if err != nil {
		return "", probe.Submission{}, err
	}
	if account != "" {
		if rows, err = chosen(r.Config.Accounts, rows, []string{account}); err != nil {
			return "", probe.Submission{}, err
		}
	}
	e, err := r.targetSMTP(p)
	if err != nil {
		return "", probe.Submission{}, err
	}
	tc, err := r.tls(r.Config.Target.TLS)
	if err != nil {
		return "", probe.Submission{}, err
	}
	login, err := r.login(r.Config.Target, rows[0].TargetUser, rows[0].TargetPassword)
	if err != nil {
		return "", probe.Submission{}, err
	}
	return rows[0].Address, probe.Submission{
		Addr: e.Addr(), ImplicitTLS: e.ImplicitTLS(), StartTLS: !e.ImplicitTLS(), TLS: tc, Dial: r.dial,
		User: login.User, Password: login.Password,
	}, nil
}

// fetchProbe looks into the probe mailbox until the message is there.
func (r *run) fetchProbe(ctx context.Context, token string) ([]byte, error) {
	c := r.Config.Probe
	e, err := r.imap(c.IMAP, c.TLS, false)
	if err != nil {
		return nil, err
	}
	password, err := r.secret(c.Password)
	if err != nil {
		return nil, err
	}
	box := &probe.Mailbox{Endpoint: e, Login: imapconn.Login{User: c.Address, Password: password}}
	deadline := r.o.Clock.Now().Add(probeFor)
	for {
		found, err := box.Find(ctx, token)
		if err == nil || !errors.Is(err, probe.ErrNotFound) {
			return found.Message, err
		}
		if !r.o.Clock.Now().Before(deadline) {
			return nil, &LaterError{What: fmt.Sprintf("the probe did not arrive at %s within %s", c.Address, span(probeFor))}
		}
		if err := r.o.Clock.Sleep(ctx, probeEvery); err != nil {
			return nil, err
		}
	}
}

// judgeProbe evaluates the message as its receiver would, keeps it with its
// verdict as evidence, and remembers the outcome.
func (r *run) judgeProbe(ctx context.Context, p *provider.Provider, from string, msg []byte) (probe.Verdict, error) {
	env, err := probe.EnvelopeOf(msg)
	if err != nil {
		r.say("the envelope of the probe is not known: %v", err)
	}
	client, err := r.client()
	if err != nil {
		return probe.Verdict{}, err
	}
	selectors, err := r.oldSelectors(p)
	if err != nil {
		return probe.Verdict{}, err
	}
	v, err := probe.Judge(ctx, msg, env, resolver.Stub{Client: client}, probe.JudgeOptions{OldSelectors: selectors})
	if err != nil {
		return v, err
	}
	doc, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return v, fmt.Errorf("verdict: %w", err)
	}
	name := "dmarc-" + r.o.Clock.Now().UTC().Format("20060102T150405Z")
	for ext, data := range map[string][]byte{".eml": msg, ".json": append(doc, '\n')} {
		if _, err := r.state.SaveEvidence(name+ext, data); err != nil {
			return v, err
		}
	}
	record := DMARCRecord{Time: r.o.Clock.Now(), From: from, DMARC: string(v.DMARC), Reasons: v.Reasons, Verdict: &v}
	if err := r.remember(ctx, dmarcKind, "", record); err != nil {
		return v, err
	}
	r.emit(Event{Type: Probed, Account: from, Verdict: string(v.DMARC), Text: "probe from " + from + ": DMARC " + string(v.DMARC)})
	return v, misaligned(v)
}

func misaligned(v probe.Verdict) error {
	switch v.DMARC {
	case probe.Pass:
		return nil
	case probe.TempError:
		return &LaterError{What: "DMARC temperror, the DNS did not answer: " + strings.Join(v.Reasons, "; ")}
	}
	return &PersonError{What: "DMARC " + string(v.DMARC), Items: v.Reasons}
}

// oldSelectors lists the DKIM selectors of the first snapshot that are not
// the provider's: mail that carries only theirs still left the old way.
func (r *run) oldSelectors(p *provider.Provider) ([]string, error) {
	var old []string
	for _, domain := range r.domains() {
		data, err := r.state.FirstSnapshot(zone.Canonical(domain))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var z zone.Zone
		if err := json.Unmarshal(data, &z); err != nil {
			return nil, fmt.Errorf("first snapshot of %s: %w", domain, err)
		}
		theirs := names(domain, p, r.vars(domain))
		for _, s := range z.All() {
			if strings.Contains(s.Name, "._domainkey.") && !slices.Contains(theirs, s.Name) && !slices.Contains(old, s.Name) {
				old = append(old, s.Name)
			}
		}
	}
	return old, nil
}
