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
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/probe"
)

// DMARCOptions say which probes are sent.
type DMARCOptions struct {
	Account string   // whose login sends, an address of the list; empty: that of the address, else the first
	From    []string // the addresses to send from; empty: the account's, or without one an address of each domain
	Each    bool     // every address and alias of the list, or of Account
}

// A Proof is what became of the probe from one address.
type Proof struct {
	Address string         `json:"address"`
	Account string         `json:"account"` // whose login sends it; empty: nobody's
	DMARC   probe.Outcome  `json:"dmarc"`   // not-measured where no message was judged
	Reasons []string       `json:"reasons"` // never nil
	Verdict *probe.Verdict `json:"verdict"` // nil where no message was judged
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

// CheckDMARC sends one message from each address through the target's
// submission server, receives it elsewhere and judges it from its bytes. What
// does not pass is also an error: a *PersonError with the reasons, or what kept
// a message from being judged. The proofs that there are come with it.
func (m *Move) CheckDMARC(ctx context.Context, o DMARCOptions) ([]Proof, error) {
	var proofs []Proof
	err := m.locked(ctx, "check dmarc", func(r *run) (err error) {
		proofs, err = r.checkDMARC(ctx, o)
		return err
	})
	return proofs, err
}

// JudgeMessage judges a message that somebody has at hand. It needs no lock
// and keeps nothing; which keys are the old server's is known from the first
// snapshot, if there is one.
func (m *Move) JudgeMessage(ctx context.Context, msg []byte, env probe.Envelope) (probe.Verdict, error) {
	client, err := m.client()
	if err != nil {
		return probe.Verdict{}, err
	}
	o := probe.JudgeOptions{Now: m.o.Clock.Now(), AtHand: true}
	if err := m.read(ctx, func(r *run) error {
		p, _, err := r.provider()
		if err != nil {
			return err
		}
		o.OldSelectors, err = r.oldSelectors(p)
		return err
	}); err != nil {
		return probe.Verdict{}, err
	}
	v, err := probe.Judge(ctx, msg, env, resolver.Stub{Client: client}, o)
	if err != nil {
		return v, err
	}
	return v, misaligned(v)
}

func (r *run) checkDMARC(ctx context.Context, o DMARCOptions) ([]Proof, error) {
	p, _, err := r.provider()
	if err != nil {
		return nil, err
	}
	if err := r.Config.Require("accounts", "probe"); err != nil {
		return nil, err
	}
	rows, err := config.LoadAccounts(r.Config.Accounts, r.Config.Domain)
	if err != nil {
		return nil, err
	}
	all, err := identities(o, r.Config.Accounts, rows, r.domains())
	if err != nil {
		return nil, err
	}
	tokens := make([]string, len(all))
	for i := range tokens {
		tokens[i] = probe.NewToken()
	}
	box, closeBox, err := r.probebox(tokens)
	if err != nil {
		return nil, err
	}
	proofs, err := r.proveEach(ctx, p, box, all, tokens)
	return proofs, errors.Join(err, closeBox())
}

// proveEach sends one probe after the other: providers count what a new user
// sends. What concerns one sender does not keep the others from being tried;
// what would be the same for all ends the round.
func (r *run) proveEach(ctx context.Context, p *provider.Provider, box probebox, all []identity, tokens []string) ([]Proof, error) {
	var proofs []Proof
	var errs []error
	for i, s := range all {
		proof := Proof{Address: s.address, Account: s.account, DMARC: probe.NotMeasured, Reasons: []string{}}
		v, err := r.prove(ctx, p, box, s, tokens[i])
		if v.Version != 0 {
			proof.DMARC, proof.Reasons, proof.Verdict = v.DMARC, v.Reasons, &v
		} else if err != nil {
			proof.Reasons = append(proof.Reasons, err.Error())
		}
		if proofs = append(proofs, proof); err == nil {
			continue
		}
		if len(all) > 1 {
			err = fmt.Errorf("probe from %s: %w", s.address, err)
		}
		errs = append(errs, err)
		if !ofOneSender(err) {
			break
		}
	}
	return proofs, errors.Join(errs...)
}

// ofOneSender reports whether an error says nothing of other senders.
func ofOneSender(err error) bool {
	return errors.As(err, new(*PersonError)) || errors.As(err, new(*probe.ReplyError))
}

// prove sends one probe, receives it and judges it.
func (r *run) prove(ctx context.Context, p *provider.Provider, box probebox, s identity, token string) (probe.Verdict, error) {
	if s.account == "" {
		return probe.Verdict{}, &PersonError{What: "no account of the list sends from " + s.address, Items: []string{
			"write an address of that domain into the column aliases, or name one with --from"}}
	}
	_, server, err := r.submission(p, s.account)
	if err != nil {
		return probe.Verdict{}, err
	}
	if _, err := probe.Send(ctx, server, s.address, r.Config.Probe.Address, token, r.o.Clock.Now()); err != nil {
		return probe.Verdict{}, err
	}
	r.say("probe from %s sent, waiting for it at %s", s.address, r.Config.Probe.Address)
	found, err := r.awaitProbe(ctx, box, token)
	if err != nil {
		return probe.Verdict{}, err
	}
	if found.Envelope == nil && !strings.EqualFold(found.Mailbox, "INBOX") {
		r.say("the probe arrived in %q: its receiver takes it for spam", found.Mailbox)
	}
	return r.judgeProbe(ctx, p, s.address, token, found)
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
	s := probe.Submission{Addr: e.Addr(), ImplicitTLS: e.ImplicitTLS(), StartTLS: !e.ImplicitTLS(), TLS: tc, Dial: r.dial}
	if o := r.Config.Target.OAuth; o != nil {
		s.User = rows[0].TargetUser
		s.Bearer, err = r.bearer(o, sending, rows[0].TargetUser, rows[0].TargetPassword)
		return rows[0].Address, s, err
	}
	login, err := r.login(r.Config.Target, rows[0].TargetUser, rows[0].TargetPassword)
	s.User, s.Password = login.User, login.Password
	return rows[0].Address, s, err
}

// judgeProbe evaluates the message as its receiver would, keeps it with its
// verdict as evidence, and remembers the outcome.
func (r *run) judgeProbe(ctx context.Context, p *provider.Provider, from, token string, found probe.Found) (probe.Verdict, error) {
	env, err := envelopeOf(found)
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
	v, err := probe.Judge(ctx, found.Message, env, resolver.Stub{Client: client},
		probe.JudgeOptions{OldSelectors: selectors, Direct: found.Envelope != nil})
	if err != nil {
		return v, err
	}
	doc, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return v, fmt.Errorf("verdict: %w", err)
	}
	name := "dmarc-" + r.o.Clock.Now().UTC().Format("20060102T150405Z") + "-" + token[len(token)-8:]
	for ext, data := range map[string][]byte{".eml": found.Message, ".json": append(doc, '\n')} {
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

// envelopeOf is how a probe was handed in: as a listener saw it, or as the
// header of a message from a mailbox tells.
func envelopeOf(found probe.Found) (probe.Envelope, error) {
	if found.Envelope == nil {
		return probe.EnvelopeOf(found.Message)
	}
	if !found.Envelope.IP.IsValid() {
		return *found.Envelope, errors.New("it was handed in from this machine or a private network, which is something between the sender and us")
	}
	return *found.Envelope, nil
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
