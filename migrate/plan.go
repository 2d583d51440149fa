package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// PlanOptions say how far the dry run goes.
type PlanOptions struct {
	DNSOnly bool // no accounts, no logins, nothing kept
	Offline bool // ask nobody; needs dns.snapshot.file and DNSOnly
}

// A Document is a plan as it is shown and kept: what changes in DNS, and how
// the accounts stand.
type Document struct {
	dnsplan.Document
	Accounts   []AccountState `json:"accounts"`
	Reputation []probe.Mark   `json:"reputation"` // of who has sent until now; none where nobody was asked

	Zones []zone.Zone `json:"-"` // what the plan was made from, one for each domain
}

// An AccountState is one account as the plan found it.
type AccountState struct {
	Address   string        `json:"address"`
	Messages  int           `json:"messages"`
	Bytes     int64         `json:"bytes"`
	Mailboxes int           `json:"mailboxes"`
	Source    mailbox.State `json:"source"`
	Target    mailbox.State `json:"target"`

	SourceErr error `json:"-"`
	TargetErr error `json:"-"`
}

// Plan is the dry run: it reads DNS, both servers and every account, and says
// what would change. Nothing outside the move directory is written; with
// DNSOnly nothing at all.
func (m *Move) Plan(ctx context.Context, o PlanOptions) (Document, error) {
	var doc Document
	work := func(r *run) (err error) {
		doc, err = r.plan(ctx, o)
		return err
	}
	if o.DNSOnly {
		return doc, m.read(ctx, work)
	}
	return doc, m.locked(ctx, "plan", work)
}

func (r *run) plan(ctx context.Context, o PlanOptions) (Document, error) {
	phase, err := r.phase(ctx)
	if err != nil {
		return Document{}, err
	}
	if phase == step.Closed {
		return Document{}, ErrClosed
	}
	p, drift, err := r.provider()
	if err != nil {
		return Document{}, err
	}
	var accounts []mailbox.Account
	if !o.DNSOnly {
		// What is wrong with the list is told before anybody is asked.
		if accounts, err = r.accounts(p, nil); err != nil {
			return Document{}, err
		}
	}
	s, err := r.build(ctx, p, o)
	if err != nil {
		return Document{}, err
	}
	doc, err := r.askAround(ctx, p, o, accounts, s)
	if err != nil {
		return doc, err
	}
	if drift != nil {
		doc.Findings = append(doc.Findings, *drift)
	}
	if !o.DNSOnly {
		if err := r.surveyAddresses(ctx, p, phase, &doc); err != nil {
			return doc, err
		}
	}
	if !o.Offline && beforeSwitch(phase) {
		if err := r.surveyReports(ctx, p, &doc); err != nil {
			return doc, err
		}
	}
	if err := r.dateSteps(ctx, &doc); err != nil {
		return doc, err
	}
	finding.Sort(doc.Findings)
	doc.Summary = summary(doc)
	if err := r.fillDue(ctx, &doc); err != nil || o.DNSOnly {
		return doc, err
	}
	return doc, r.keep(ctx, phase, p, doc)
}

// askAround asks the accounts how they stand and the world what it thinks of
// the old server, at once: some wait for mail servers, others for DNS and HTTP.
// The mail of the accounts may name DKIM keys that the snapshot has missed.
func (r *run) askAround(ctx context.Context, p *provider.Provider, o PlanOptions, accounts []mailbox.Account, s sight) (Document, error) {
	doc := Document{Document: s.plan.Document(), Accounts: []AccountState{}, Reputation: []probe.Mark{}}
	var g errgroup.Group
	var shadows []finding.Finding
	if !o.Offline {
		g.Go(func() (err error) {
			shadows, err = r.webHosts(ctx, s.inputs)
			return err
		})
		g.Go(func() (err error) {
			doc.Reputation, err = r.reputation(ctx, s.inputs)
			return err
		})
	}
	var logins []mailbox.LoginResult
	if !o.DNSOnly {
		logins = mailbox.Logins(ctx, accounts, mailbox.LoginOptions{Inventory: true, Domains: probed(s.inputs), Copy: r.copyOptions(p)})
	}
	if err := errors.Join(g.Wait(), context.Cause(ctx)); err != nil {
		return doc, err
	}
	s, err := r.lookAgain(ctx, p, unheard(mailbox.Selectors(logins), s.inputs), s)
	if err != nil {
		return doc, err
	}
	doc.Document = s.plan.Document()
	for _, v := range s.views {
		doc.Zones = append(doc.Zones, v.zone)
		if !o.DNSOnly {
			if err := r.saveSnapshot(v); err != nil {
				return doc, err
			}
		}
	}
	doc.survey(logins)
	if r.atProvider(p) {
		doc.Findings = append(doc.Findings, daysFinding(p, doc.Accounts)...)
	}
	doc.Findings = append(doc.Findings, probe.ReputationFindings(doc.Reputation)...)
	doc.Findings = append(doc.Findings, shadows...)
	return doc, nil
}

// survey adds how the accounts stand, and what the mailboxes' names will meet.
func (doc *Document) survey(logins []mailbox.LoginResult) {
	for _, l := range logins {
		doc.Accounts = append(doc.Accounts, AccountState{
			Address: l.Account, Messages: l.Messages, Bytes: max(l.Bytes, 0), Mailboxes: l.Mailboxes,
			Source: l.Source, Target: l.Target, SourceErr: l.SourceErr, TargetErr: l.TargetErr,
		})
		doc.Findings = append(doc.Findings, l.Findings...)
	}
}

func summary(doc Document) dnsplan.Summary {
	s := doc.Summary
	s.Block, s.Warn = 0, 0
	for _, f := range doc.Findings {
		switch f.Severity {
		case finding.Block:
			s.Block++
		case finding.Warn:
			s.Warn++
		}
	}
	return s
}

// fillDue fills in when each stage may be published, as far as that is known,
// and says where a name that comes later than the rest decides.
func (r *run) fillDue(ctx context.Context, doc *Document) error {
	plan, err := doc.Plan()
	if err != nil {
		return err
	}
	applied, err := r.applied(ctx)
	if err != nil {
		return err
	}
	for i, s := range doc.Stages {
		at, because, err := r.due(ctx, plan, s.Stage)
		if err != nil {
			return err
		}
		w := plan.Wait(s.Stage)
		if at.IsZero() || s.WaitSeconds == 0 && s.Until == nil {
			continue
		}
		doc.Stages[i].NotBefore = &at
		later := w.Names > 0 && newNames(plan.Stage(previous(s.Stage)), applied)
		if names := namesBecause(w); later || because == clause(names) {
			doc.Stages[i].Because += " " + names
		}
	}
	return nil
}

// keep stores the plan as the last one shown and pins the provider's facts.
func (r *run) keep(ctx context.Context, phase step.Phase, p *provider.Provider, doc Document) error {
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if err := r.state.PinProvider(p.Raw); err != nil {
		return err
	}
	if err := r.state.SavePlan(append(data, '\n')); err != nil {
		return err
	}
	if phase != step.None && phase != step.Undone {
		return nil // a plan shown later shows what is left, and changes no phase
	}
	now := r.o.Clock.Now()
	_, err = r.through(ctx, step.Step{Command: "plan", From: phase, To: step.Planned, Began: now}, func() error { return nil })
	return err
}

// loadPlan returns the plan that a command carries out: the file that was
// named, or the last one shown.
func (r *run) loadPlan(file string) (dnsplan.Plan, Document, error) {
	var data []byte
	var err error
	if file != "" {
		data, err = readLimited(file, 16<<20)
	} else {
		file = r.state.Path("plan.json")
		data, err = r.state.LoadPlan()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return dnsplan.Plan{}, Document{}, &PhaseError{Command: "this command", Phase: step.None, Fix: "run mxmove plan first"}
	}
	if err != nil {
		return dnsplan.Plan{}, Document{}, err
	}
	var plan dnsplan.Plan
	if err := json.Unmarshal(data, &plan); err != nil {
		return plan, Document{}, &config.Error{File: file, Text: err.Error(), Fix: "run mxmove plan again", Err: err}
	}
	var doc Document
	if err := json.Unmarshal(data, &doc); err != nil {
		return plan, doc, &config.Error{File: file, Text: err.Error(), Fix: "run mxmove plan again", Err: err}
	}
	if plan.Domain != r.Config.Domain || !slices.Equal(plan.AliasDomains, r.domains()[1:]) {
		return plan, doc, &config.Error{File: file, Text: "the plan is for other domains than mxmove.yaml", Fix: "run mxmove plan again"}
	}
	return plan, doc, nil
}

func readLimited(file string, most int64) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s is larger than %d octets", file, most)
	}
	return os.ReadFile(file)
}

func (r *run) observe(ctx context.Context, kind, subject, value string) error {
	return r.state.Observe(ctx, state.Observation{Kind: kind, Subject: subject, At: r.o.Clock.Now(), Value: value})
}

// through records a step before it begins and after it has ended, whatever
// its end.
func (r *run) through(ctx context.Context, s step.Step, fn func() error) (step.Step, error) {
	if s.Began.IsZero() {
		s.Began = r.o.Clock.Now()
	}
	id, err := r.state.Begin(ctx, s)
	if err != nil {
		return s, err
	}
	s.ID = id
	failure := fn()
	s.Ended, s.Outcome = r.o.Clock.Now(), state.Done
	if failure != nil {
		s.Outcome = failure.Error()
	}
	// The end is stored even when the command was interrupted.
	if err := r.state.End(context.WithoutCancel(ctx), s); err != nil {
		return s, errors.Join(failure, err)
	}
	if failure == nil && s.From != s.To {
		r.emit(Event{Type: PhaseReached, Phase: s.To, Text: "phase: " + string(s.To)})
	}
	return s, failure
}
