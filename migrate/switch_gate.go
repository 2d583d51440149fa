package migrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// visibleGate asks that every authoritative server shows what was published:
// the provider's verification, DKIM and SPF records, and TTLs that nobody has
// raised again meanwhile.
func visibleGate(look showing, err error) step.Result {
	const fix = "run mxmove prepare again, or wait until the server that lags has caught up"
	switch {
	case err != nil:
		r := unmeasured("visible", finding.GateRRsets, "the authoritative servers could not be asked: "+err.Error(), fix)
		r.Exit = 5
		return r
	case look.Old:
		return refuse("visible", finding.GateRRsets,
			"a server shows again what was there before, and caches learn it anew, so the wait begins anew: "+look.Lag, fix)
	case !look.All:
		return refuse("visible", finding.GateRRsets, "what was published is not visible everywhere: "+look.Lag, fix)
	}
	return pass("visible", "every authoritative server shows what was prepared")
}

// provenGate asks that a message through the target is aligned before anybody
// else sends that way. Without a probe mailbox nobody knows.
func provenGate(v *DMARCRecord, err error) step.Result {
	switch {
	case err != nil:
		return unmeasured("aligned", finding.GateAligned, "the probe through the target could not be judged: "+err.Error(), "run mxmove check dmarc")
	case v == nil:
		return unmeasured("aligned", finding.GateAligned, "no mailbox elsewhere is configured that could receive a probe",
			`add probe to mxmove.yaml, or pass with --accept `+string(finding.GateAligned)+`="..."`)
	}
	r := alignedGate(Facts{Verdict: v})
	r.Gate = "aligned"
	return r
}

// undoGate asks that the old server would take back what arrives at the
// target.
func undoGate(rights []mailbox.RightResult) step.Result {
	var closed []string
	for _, r := range rights {
		if r.Err != nil {
			closed = append(closed, fmt.Sprintf("%s: %v", r.Account, r.Err))
		}
	}
	switch {
	case len(rights) == 0:
		return unmeasured("undo", finding.GateUndoRight, "no account was tried at the old server", "run the command again")
	case len(closed) > 0:
		return refuse("undo", finding.GateUndoRight,
			fmt.Sprintf("at the old server %d of %d accounts could not be written to, so undo could not bring back what arrives", len(closed), len(rights)),
			"open them for writing at the old server", closed...)
	}
	return pass("undo", "the old server would take back what arrives at the target")
}

// prepared looks whether what was prepared is visible. It comes before every
// other gate of the switch: what it sees may begin the wait anew.
func (r *run) prepared(ctx context.Context) (step.Result, error) {
	look, err := r.lookAt(ctx, dnsplan.Prepare)
	if err != nil && !errors.Is(err, resolver.ErrNoAnswer) {
		return step.Result{}, err
	}
	return visibleGate(look, err), nil
}

// switchGates asks what only the world can tell right before the switch.
func (r *run) switchGates(ctx context.Context) ([]step.Result, error) {
	var results []step.Result
	p, _, err := r.provider()
	if err != nil {
		return nil, err
	}
	accounts, err := r.accounts(p, nil)
	if err != nil {
		return nil, err
	}
	results = append(results, undoGate(mailbox.Rights(ctx, accounts, r.copyOptions(p))))
	v, err := r.proven(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return append(results, provenGate(v, err)), nil
}

// proven returns a verdict on mail through the target since it was prepared,
// and sends a probe when there is none that passed. A dry run sends nothing.
func (r *run) proven(ctx context.Context) (*DMARCRecord, error) {
	if r.Config.Probe == nil {
		return nil, nil
	}
	seen, _, err := r.state.Latest(ctx, seenStage, string(dnsplan.Prepare))
	if err != nil {
		return nil, err
	}
	last, err := r.proof(ctx, seen.At)
	if err != nil || last != nil && last.DMARC == "pass" {
		return last, err
	}
	if r.o.DryRun {
		return nil, errors.New("a dry run sends no probe")
	}
	_, judged := r.checkDMARC(ctx, DMARCOptions{})
	if judged != nil && !errors.As(judged, new(*PersonError)) {
		return nil, judged
	}
	if last, err = r.proof(ctx, seen.At); err == nil && last == nil {
		err = judged // nobody could send, so that nothing is remembered
	}
	return last, err
}
