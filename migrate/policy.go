package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/probe"
)

// policyKind is the kind of observation that holds an MTA-STS policy as it was
// served; the subject is the domain. Senders keep what they have fetched for a
// long time, so a move has to remember what there was.
const policyKind = "mta-sts"

// A servedPolicy is a policy that was seen, or, with an empty text, that the
// policy host had none.
type servedPolicy struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// hearPolicy adds to an input what is known of the domain's MTA-STS policy:
// what is served now, and what was seen before. Unless the plan is a mere look
// at the DNS, what is served now is remembered.
func (r *run) hearPolicy(ctx context.Context, in *dnsplan.Input, o PlanOptions) error {
	seen, err := r.state.Observations(ctx, policyKind, in.Domain)
	if err != nil {
		return err
	}
	for _, s := range seen {
		var p servedPolicy
		if err := json.Unmarshal([]byte(s.Value), &p); err != nil {
			return fmt.Errorf("observation %s of %s: %w", policyKind, stamp(s.At), err)
		}
		in.Served = append(in.Served, dnsplan.Served{ID: p.ID, Text: p.Text, At: s.At})
	}
	name := "_mta-sts." + in.Domain
	if o.Offline || in.Now.Get(name, dns.TypeTXT) == nil && in.Now.Get(name, dns.TypeCNAME) == nil {
		return nil
	}
	if err := r.fetchPolicy(ctx, in); err != nil || o.DNSOnly || in.Policy == "" && in.NoPolicy == "" {
		return err
	}
	value, err := json.Marshal(servedPolicy{ID: in.PolicyID(), Text: in.Policy})
	if err != nil {
		return fmt.Errorf("policy of %s: %w", in.Domain, err)
	}
	return r.observe(ctx, policyKind, in.Domain, string(value))
}

// fetchPolicy asks the policy host. One that cannot be reached leaves the
// input as it is: the plan then says that the policy was not measured.
func (r *run) fetchPolicy(ctx context.Context, in *dnsplan.Input) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	trust, err := r.tls(config.TLS{})
	if err != nil {
		return err
	}
	text, err := probe.FetchPolicy(ctx, in.Domain, probe.Outside{
		Resolver: resolver.Stub{Client: client}, Dial: r.dial, TLS: trust, Rehearsed: r.rehearsed,
	})
	if no, ok := errors.AsType[*probe.NoPolicyError](err); ok {
		in.NoPolicy = no.Answer
		return nil
	}
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.o.Log != nil {
			r.o.Log.DebugContext(ctx, "mta-sts policy", "domain", in.Domain, "err", err)
		}
		return nil
	}
	in.Policy = text
	return nil
}

// rehearsed reports whether the user's rehearsal leads an address elsewhere.
func (m *Move) rehearsed(addr string) bool {
	if m.Config.Rehearsal == nil {
		return false
	}
	_, ok := m.Config.Rehearsal.Connect[addr]
	return ok
}
