package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/finding"
)

// JudgeOptions says what is known about a message beside its bytes. The zero
// value knows nothing.
type JudgeOptions struct {
	// Now is the time of judging. A signature older than a week that fails
	// for want of its key is then not measured instead of failed: providers
	// rotate keys. Zero judges every message as if it had just arrived.
	Now time.Time

	// OldSelectors are the DKIM selectors of the old server, bare or as the
	// whole name of the key record. A pass that comes from these alone is a
	// failure: the message still left through the old server.
	OldSelectors []string

	// AtHand says that nobody has just sent the message to find out: a pass by
	// an old selector is then named, and decides nothing.
	AtHand bool

	// Receivers are names under which the receiver writes its
	// Authentication-Results, beside that of the host that took the message.
	Receivers []string

	// Direct says that the message came straight to a Listener: whatever
	// Authentication-Results it holds are then the sender's.
	Direct bool
}

// Judge evaluates a message as a receiver does: every DKIM signature, SPF for
// the envelope, and alignment by tree walk and by suffix list. It returns an
// error only where there is nothing to judge: the bytes are no message
// (ErrMessage), or ctx has ended. Without a resolver every lookup fails.
func Judge(ctx context.Context, msg []byte, env Envelope, dns Resolver, o JudgeOptions) (Verdict, error) {
	m, err := readMessage(msg)
	if err != nil {
		return Verdict{}, err
	}
	ask := &asker{resolver: dns, left: maxQueries}
	j := &judge{m: m, env: env, o: o, ask: ask,
		walker: &dmarc.Walker{Lookup: ask.txt(ctx)},
		v:      Verdict{Version: 1, DKIM: []DKIM{}, Reasons: []string{}, Findings: []finding.Finding{}},
	}
	j.run(ctx)
	j.v.ARC = j.chain(ctx) // last, so that it takes no query from what decides
	for i := range j.v.Findings {
		j.v.Findings[i].Evidence = j.v.evidence()
	}
	if ctx.Err() != nil {
		return Verdict{}, fmt.Errorf("judge message: %w", context.Cause(ctx))
	}
	return j.v, nil
}

// A judge is one message on its way to a verdict.
type judge struct {
	m      message
	env    Envelope
	o      JudgeOptions
	ask    *asker
	walker *dmarc.Walker
	v      Verdict

	policyErr error // why the policy is not known
	usable    bool  // a record was found and can be acted on
	walk      dmarc.Discovery
	list      dmarc.Discovery
}

func (j *judge) run(ctx context.Context) {
	var err error
	j.v.From, err = j.m.author()
	j.v.DKIM = j.signatures(ctx)
	j.v.SPF = j.envelope(ctx)
	if !j.o.Direct {
		j.v.Receiver = j.m.opinion(j.o.Receivers)
	}
	if err != nil {
		j.v.DMARC = Fail
		j.say(finding.Block, finding.FromUnusable, errorText(err),
			"send with exactly one From header that names one domain")
		return
	}
	j.policy(ctx)
	ids := j.align()
	j.tenants(ids)
	j.v.DMARC = j.decide(ids)
	j.compare()
}

// policy finds the record that applies, by both ways.
func (j *judge) policy(ctx context.Context) {
	j.v.OrgDomain = OrgDomain{PSL: dmarc.SuffixOrg(j.v.From), TreeWalk: j.walker.Org(j.v.From)}
	if err := j.walker.Err(j.v.From); err != nil {
		j.say(finding.Warn, finding.DMARCNotMeasured, errorText(err), "ask again when the DNS answers")
	}
	var err error
	if j.walk, j.policyErr = j.walker.Discover(j.v.From); j.policyErr != nil {
		return
	}
	if j.list, err = j.walker.DiscoverSuffix(j.v.From); err != nil {
		j.policyErr = err
		return
	}
	for _, name := range j.walk.Several {
		j.say(finding.Warn, finding.DMARCRecordBroken, name+" has several DMARC records, which count as none", "leave one")
	}
	if j.walk.Domain != j.list.Domain {
		j.say(finding.Warn, finding.DMARCReceiversDiffer, fmt.Sprintf("the policy is read at %s by tree walk and at %s by suffix list",
			orNowhere(j.walk.Domain), orNowhere(j.list.Domain)), "publish a record at the From domain itself")
	}
	if !j.walk.Found() {
		return
	}
	j.applied(ctx)
}

// applied puts the policy found into the verdict.
func (j *judge) applied(ctx context.Context) {
	r := j.walk.Record
	exists := true
	if !j.walk.Own && r.Nonexistent != dmarc.Unset {
		known, err := j.ask.exists(ctx, j.v.From)
		exists = known || err != nil
	}
	p, source := r.Effective(j.walk.Own, exists)
	j.usable = r.Usable()
	j.v.Policy = Policy{Domain: j.walk.Domain, P: string(p), Source: source, Record: printable(r.String(), 1024)}
	for _, problem := range r.Problems {
		j.say(finding.Warn, finding.DMARCRecordBroken, fmt.Sprintf("record of %s: %s", j.walk.Domain, problem), "correct the record")
	}
	if r.Test {
		j.say(finding.Note, finding.DMARCRecordBroken, fmt.Sprintf("record of %s: t=y asks receivers to apply one level lower; older receivers apply %s in full",
			j.walk.Domain, p), "take t=y out when the test is over")
	}
	for _, t := range r.Removed {
		j.say(finding.Note, finding.DMARCRecordBroken, fmt.Sprintf("record of %s: tag %s is no longer part of DMARC; older receivers still read it",
			j.walk.Domain, printable(t.Name, 8)), "take it out once nothing depends on it")
	}
}

// An identifier is one with what the two ways say of it.
type identifier struct {
	dmarc.Identifier
	old     bool
	unknown bool // the walk that would tell did not come to its end
}

// align fills the aligned fields of the verdict: true only where both ways
// agree.
func (j *judge) align() []identifier {
	ids := []identifier{{Identifier: dmarc.Identifier{Method: dmarc.SPF, Domain: j.v.SPF.Domain, Result: j.v.SPF.Result}}}
	for _, d := range j.v.DKIM {
		ids = append(ids, identifier{Identifier: dmarc.Identifier{Method: dmarc.DKIM, Domain: d.Domain, Selector: d.Selector, Result: d.Result}, old: d.Old})
	}
	for i := range ids {
		j.alignOne(&ids[i])
		if i == 0 {
			j.v.SPF.Aligned = ids[i].Aligned
		} else {
			j.v.DKIM[i-1].Aligned = ids[i].Aligned
		}
	}
	return ids
}

func (j *judge) alignOne(id *identifier) {
	// A receiver by the list that finds no record applies none; alignment is
	// then asked with the modes of the record that the walk found.
	listRecord := j.list.Record
	if !j.list.Found() {
		listRecord = j.walk.Record
	}
	one := []dmarc.Identifier{id.Identifier}
	list := dmarc.Align(j.v.From, listRecord, one, dmarc.SuffixOrg).Identifiers[0].Aligned
	if !list && !id.open() {
		return // both must agree, and it decides nothing: spare the walk
	}
	walk := dmarc.Align(j.v.From, j.walk.Record, one, j.walker.Org).Identifiers[0].Aligned
	id.Aligned = list && walk
	if walk == list {
		return
	}
	if id.unknown = id.open() && (j.walkFailed(j.v.From) || j.walkFailed(id.Domain)); id.unknown {
		return
	}
	if id.Result == "pass" {
		j.say(finding.Warn, finding.DMARCReceiversDiffer, fmt.Sprintf("%s %s is aligned with %s by %s only; receivers differ",
			id.Method, id.Domain, j.v.From, map[bool]string{true: "tree walk", false: "suffix list"}[walk]),
			"sign with the From domain itself")
	}
}

// walkFailed reports whether the DNS kept a walk from its end.
func (j *judge) walkFailed(name string) bool {
	if name == "" {
		return false
	}
	err := j.walker.Err(name)
	return err != nil && !errors.Is(err, dmarc.ErrName)
}

// open reports whether an identifier with this result carries a message, or
// might if more were known of it.
func (id identifier) open() bool {
	return id.Result == "pass" || id.Result == "temperror" || id.unseen()
}

// unseen reports whether an identifier was not measured. A neutral signature
// is one that could not be checked; of SPF it is the owner's own answer.
func (id identifier) unseen() bool {
	return id.Result == notMeasured || id.Result == "neutral" && id.Method == dmarc.DKIM
}

// maySign reports whether an identifier is an aligned signature that is valid,
// or would be if more were known of it.
func (id identifier) maySign() bool {
	return id.Method == dmarc.DKIM && (id.Aligned || id.unknown) && id.open()
}

// decide draws the verdict from policy and identifiers.
func (j *judge) decide(ids []identifier) Outcome {
	switch {
	case j.policyErr != nil:
		j.say(finding.Warn, finding.DMARCNotMeasured, errorText(j.policyErr), "ask again when the DNS answers")
		return TempError
	case !j.walk.Found():
		j.say(finding.Warn, finding.DMARCAbsent, "no DMARC record was found for "+j.v.From, "publish one, at first with p=none")
		return None
	case !j.usable:
		return PermError
	}
	return j.weigh(ids)
}

// weigh asks whether any identifier carries the message, and if none does,
// whether one that was not seen might have.
func (j *judge) weigh(ids []identifier) Outcome {
	var carried, carriedOld, fresh, later, unseen bool
	for _, id := range ids {
		switch {
		case id.Passes() && id.old:
			carriedOld = true
			carried = carried || j.o.AtHand
		case id.Passes():
			carried = true
			fresh = fresh || id.Method == dmarc.DKIM
		case id.unknown || id.Result == "temperror" && id.Aligned:
			later = true
		case id.Aligned && id.unseen():
			unseen = true
		case id.Method == dmarc.SPF && id.Result == notMeasured && id.Domain == "":
			unseen = true
		}
	}
	switch {
	case carriedOld && !fresh && !j.o.AtHand:
		j.say(finding.Block, finding.DMARCOldSelector, "the message is signed with a key of the old server alone: it still left through the old server",
			"send through the target, and let the target sign")
		return Fail
	case carriedOld && !fresh:
		j.say(finding.Warn, finding.DMARCOldSelector, "the message is signed with a key of the old server alone: it left through the old server",
			"look at how its sender submits mail, if it was sent after the switch")
		return Pass
	case carried:
		if !fresh && j.env.MailFrom != NullSender && !slices.ContainsFunc(ids, identifier.maySign) {
			j.say(finding.Warn, finding.NothingSigns, fmt.Sprintf("SPF alone carries the message: no signature of %s is valid, and whoever forwards it breaks SPF", j.v.From),
				"have the target sign with a key of this domain")
		}
		return Pass
	case later:
		j.say(finding.Warn, finding.DMARCNotMeasured, "the DNS did not answer for what could have decided", "ask again when the DNS answers")
		return TempError
	case unseen:
		j.say(finding.Warn, finding.DMARCNotMeasured, "nothing that was measured passes, and something that could have was not measured",
			"judge a fresh message, or say --ip, --mail-from and --helo")
		return NotMeasured
	}
	j.say(finding.Block, finding.DMARCFails, "no aligned SPF or DKIM pass: receivers act on the policy of "+j.v.Policy.Domain,
		"have the target sign with a key of this domain, and let its return path be of this domain")
	return Fail
}

// say adds a reason and its finding, once.
func (j *judge) say(s finding.Severity, code finding.Code, text, fix string) {
	for _, r := range j.v.Reasons {
		if r == text {
			return
		}
	}
	j.v.Reasons = append(j.v.Reasons, text)
	subject := j.v.From
	if subject == "" {
		subject = "message"
	}
	j.v.Findings = append(j.v.Findings, finding.Finding{
		Severity: s, Code: code, Subject: subject, Text: text, Fix: fix,
	})
}

// evidence is what was measured, one line each.
func (v Verdict) evidence() []string {
	lines := []string{"spf: " + v.SPF.String()}
	for _, d := range v.DKIM {
		lines = append(lines, "dkim: "+d.String())
	}
	return lines
}

func orNowhere(domain string) string {
	if domain == "" {
		return "no name"
	}
	return domain
}
