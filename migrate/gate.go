package migrate

import (
	"fmt"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// maxDeltaAge is how old the last complete copy may be at the switch.
const maxDeltaAge = time.Hour

// A Facts value is what was found out about a move before a gate is asked.
// Gates are pure: the same facts give the same results.
type Facts struct {
	Now      time.Time
	Newest   time.Time            // the newest time that was stored
	Moved    []dnsplan.Difference // RRsets that are not as the plan expects
	Asked    bool                 // the authoritative servers answered
	After    time.Time            // the stage is due then; zero: not shown yet
	Because  string
	Copy     *CopyRecord  // the last complete copy, nil if there was none
	Logins   []LoginState // at the target
	Verdict  *DMARCRecord // the last alignment verdict since the switch
	Switched time.Time    // every authoritative server showed the new MX
	LastLate time.Time    // when a sweep last carried real mail over
	LastDeaf time.Time    // when an old exchanger last refused a real address
	LastLook time.Time    // when a sweep last ended with all accounts read
	Quiet    time.Duration
	OldMX    []OldMX // what the old exchangers said last; empty: nobody has asked
}

// A LoginState is one account's login at the target.
type LoginState struct {
	Account string
	State   string // ok, login, unreachable, unusable, not-measured
}

// pass, refuse and unmeasured build the result of a gate.
func pass(gate, text string) step.Result {
	return step.Result{Gate: gate, Outcome: step.Passed, Text: text}
}

func refuse(gate string, code finding.Code, text, fix string, evidence ...string) step.Result {
	return step.Result{Gate: gate, Outcome: step.Refused, Code: code, Text: text, Fix: fix, Evidence: evidence}
}

func unmeasured(gate string, code finding.Code, text, fix string, evidence ...string) step.Result {
	r := refuse(gate, code, text, fix, evidence...)
	r.Outcome = step.NotMeasured
	return r
}

// cutoverGates decides whether the MX may be switched.
func cutoverGates(f Facts) []step.Result {
	return []step.Result{
		clockGate(f), rrsetGate(f), waitGate(f), deltaGate(f), balanceGate(f), loginGate(f),
	}
}

// settledGates decides whether the quiet time is over.
func settledGates(f Facts) []step.Result {
	return append([]step.Result{clockGate(f), quietGate(f), balanceGate(f), alignedGate(f)}, oldMXGate(f.OldMX)...)
}

// clockGate distrusts a clock that was set back: waits would end too late, or
// end twice.
func clockGate(f Facts) step.Result {
	behind := f.Newest.Sub(f.Now)
	if behind > maxSkew {
		return refuse("clock", finding.GateClock,
			fmt.Sprintf("the clock is %s behind the newest stored time", span(behind)),
			"set the clock, then run the command again",
			"now "+stamp(f.Now), "stored "+stamp(f.Newest))
	}
	return pass("clock", "the clock fits the stored times")
}

func rrsetGate(f Facts) step.Result {
	if !f.Asked {
		return unmeasured("rrsets", finding.GateRRsets, "the authoritative servers did not answer", "run the command again when they do")
	}
	if len(f.Moved) == 0 {
		return pass("rrsets", "every RRset is as the plan expects it")
	}
	var evidence []string
	for _, d := range f.Moved {
		evidence = append(evidence, d.String())
	}
	return refuse("rrsets", finding.GateRRsets, "the zone is not what the plan was made for: "+evidence[0],
		"run mxmove plan again and look at what has changed", evidence...)
}

func waitGate(f Facts) step.Result {
	if f.After.IsZero() {
		return unmeasured("waits", finding.GateWait, "the stage before was not seen on every authoritative server", "run mxmove prepare")
	}
	if f.Now.Before(f.After) {
		return refuse("waits", finding.GateWait,
			fmt.Sprintf("not before %s (%s): %s", stamp(f.After), span(f.After.Sub(f.Now)), f.Because),
			"come back then, or let mxmove migrate wait")
	}
	return pass("waits", "every wait of the plan has run out")
}

func deltaGate(f Facts) step.Result {
	switch {
	case f.Copy == nil:
		return refuse("delta", finding.GateDelta, "the mailboxes were never copied completely", "run mxmove sync")
	case f.Copy.Ended.Sub(f.Now) > maxSkew:
		return refuse("delta", finding.GateDelta, "the last complete copy is dated "+stamp(f.Copy.Ended)+", which is yet to come", "run mxmove sync")
	case f.Now.Sub(f.Copy.Ended) > maxDeltaAge:
		return refuse("delta", finding.GateDelta, "the last complete copy ended "+stamp(f.Copy.Ended), "run mxmove sync")
	}
	return pass("delta", "the last complete copy ended "+stamp(f.Copy.Ended))
}

func balanceGate(f Facts) step.Result {
	switch {
	case f.Copy == nil:
		return unmeasured("balance", finding.GateBalance, "nothing was counted yet", "run mxmove sync")
	case f.Copy.Missing+f.Copy.Doubt+f.Copy.Unread > 0:
		r := refuse("balance", finding.GateBalance,
			fmt.Sprintf("%d messages are missing, %d in doubt, %d mailboxes unread", f.Copy.Missing, f.Copy.Doubt, f.Copy.Unread),
			"run mxmove sync, then mxmove verify -v")
		r.Amount = f.Copy.Missing + f.Copy.Doubt + f.Copy.Unread
		return r
	}
	return pass("balance", Plural(f.Copy.Messages, "message")+" accounted for, none missing, none in doubt")
}

func loginGate(f Facts) step.Result {
	var bad, unknown []string
	for _, l := range f.Logins {
		switch l.State {
		case "ok":
		case "login", "unusable":
			bad = append(bad, l.Account+": "+l.State)
		default:
			unknown = append(unknown, l.Account+": "+l.State)
		}
	}
	slices.Sort(bad)
	switch {
	case len(bad) > 0:
		r := refuse("logins", finding.GateLogin, fmt.Sprintf("%d of %d accounts cannot log in at the target", len(bad), len(f.Logins)),
			"create the accounts at the provider or correct accounts.csv", bad...)
		r.Exit = 6
		return r
	case len(f.Logins) == 0:
		r := unmeasured("logins", finding.GateLogin, "no account was tried at the target", "run the command again")
		r.Exit = 5
		return r
	case len(unknown) > 0:
		r := unmeasured("logins", finding.GateLogin, fmt.Sprintf("%d accounts could not be tried at the target", len(unknown)),
			"run the command again when the target answers", unknown...)
		r.Exit = 5
		return r
	}
	return pass("logins", fmt.Sprintf("all %d accounts log in at the target", len(f.Logins)))
}

// quietGate asks for silence at the old server, measured: a sweep that read
// every account has to lie behind the quiet time.
func quietGate(f Facts) step.Result {
	since := f.Switched
	for _, at := range []time.Time{f.LastLate, f.LastDeaf} {
		if at.After(since) {
			since = at
		}
	}
	end := since.Add(f.Quiet)
	switch {
	case f.Switched.IsZero() || f.LastLook.IsZero():
		return unmeasured("quiet", finding.GateQuiet, "the old server was not looked at since the switch", "run mxmove watch")
	case f.LastLook.Before(end):
		return refuse("quiet", finding.GateQuiet,
			fmt.Sprintf("quiet since %s, and %s are asked for", stamp(since), span(f.Quiet)),
			"let mxmove watch go on until "+stamp(end))
	}
	return pass("quiet", "no mail came to the old server since "+stamp(since))
}

func alignedGate(f Facts) step.Result {
	switch {
	case f.Verdict == nil:
		return unmeasured("aligned", finding.GateAligned, "no message was sent through the target since the switch", "run mxmove check dmarc")
	case f.Verdict.DMARC != "pass":
		return refuse("aligned", finding.GateAligned, "the last probe from "+f.Verdict.From+" ended in "+f.Verdict.DMARC, "run mxmove check dmarc and follow its reasons", f.Verdict.Reasons...)
	}
	return pass("aligned", "a probe of "+stamp(f.Verdict.Time)+" passed DMARC")
}

// Plural prints a count with its noun, which takes an s where there are more
// or fewer than one.
func Plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
