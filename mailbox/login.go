package mailbox

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/oauth"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A State says whether one side of an account can be used.
type State string

// The states of a login.
const (
	OK          State = "ok"
	BadLogin    State = "login"        // the server refuses the login
	Unreachable State = "unreachable"  // no connection, or none that can be trusted
	Unusable    State = "unusable"     // logged in, and every command fails
	NotMeasured State = "not-measured" // nobody has asked
)

// A LoginResult is what a first look at one account found.
type LoginResult struct {
	Account        string
	Source, Target State
	SourceErr      error // why the state is not ok
	TargetErr      error
	Findings       []finding.Finding // logins that fail, names that will not fit, mailboxes that are left out

	// Filled with LoginOptions.Inventory, from the source.
	Mailboxes int
	Messages  int
	Bytes     int64
	Pairs     []Pair // nil where the target cannot be asked

	// Signed counts the messages by the key that has signed them; filled with
	// LoginOptions.Domains from some of the accounts.
	Signed map[Selector]int
}

// LoginOptions say how far the first look goes.
type LoginOptions struct {
	Inventory  bool     // count the source, and pair the mailboxes
	Domains    []string // with Inventory: look for their DKIM selectors in the last messages; lower case, without a final dot
	TargetOnly bool     // the source is not asked
	Copy       Options  // how the pairs will be made, and how many accounts are looked at at once
}

// Logins tries every login on both sides, each once, before anything is
// copied. Both sides are opened for reading only. The results are in the order
// of the accounts; what ctx did not leave the time for is not measured.
func Logins(ctx context.Context, accounts []Account, o LoginOptions) []LoginResult {
	results := make([]LoginResult, len(accounts))
	var g errgroup.Group
	g.SetLimit(o.Copy.filled().Accounts)
	for i := range accounts {
		results[i] = LoginResult{Account: accounts[i].Name, Source: NotMeasured, Target: NotMeasured}
		o := o
		if !listens(i, len(accounts)) {
			o.Domains = nil
		}
		g.Go(func() error {
			look(ctx, &accounts[i], o, &results[i])
			return nil
		})
	}
	_ = g.Wait() // errors are in the results
	return results
}

// look looks at one account.
func look(ctx context.Context, a *Account, o LoginOptions, res *LoginResult) {
	var e eyes
	defer e.close()
	if !o.TargetOnly {
		e.source, res.Source, res.SourceErr = tryLogin(ctx, a.Source)
		res.fail("source", a.Source, res.Source, res.SourceErr)
	}
	e.target, res.Target, res.TargetErr = tryLogin(ctx, a.Target)
	res.fail("target", a.Target, res.Target, res.TargetErr)
	if !o.Inventory || res.Source != OK {
		return
	}
	pairs, err := res.inventory(ctx, &e, a, o.Copy)
	switch {
	case err != nil:
		res.Source, res.SourceErr = stateOf(err), err
		res.fail("source", a.Source, res.Source, err)
	case len(o.Domains) > 0:
		res.Signed = listen(ctx, e.source, pairs, o.Domains)
	}
}

// tryLogin logs in once and asks one harmless thing: Exchange Online accepts
// logins to accounts that have no mailbox, and fails every command then.
func tryLogin(ctx context.Context, s Side) (*imapconn.Source, State, error) {
	conn, err := imapconn.DialSource(ctx, s.Endpoint, s.Login)
	if err != nil {
		return nil, stateOf(err), err
	}
	if _, err := conn.Status(ctx, inbox); err != nil {
		_ = conn.Close() // the error that led here is told
		if state := stateOf(err); state == Unreachable || state == NotMeasured {
			return nil, state, err
		}
		return nil, Unusable, err
	}
	return conn, OK, nil
}

// stateOf names the state that an error means.
func stateOf(err error) State {
	switch imapconn.Class(err) {
	case imapconn.ClassNone:
		return OK
	case imapconn.ClassLogin, imapconn.ClassPermission:
		return BadLogin
	case imapconn.ClassCancelled:
		return NotMeasured
	case imapconn.ClassUnusable, imapconn.ClassRefused, imapconn.ClassQuota, imapconn.ClassMissing:
		return Unusable
	}
	return Unreachable
}

// fail makes a finding of a login that does not work.
func (r *LoginResult) fail(which string, s Side, state State, err error) {
	f := finding.Finding{Severity: finding.Block, Subject: clean(r.Account), Evidence: []string{}}
	if err != nil {
		f.Evidence = append(f.Evidence, clean(err.Error()))
	}
	where := fmt.Sprintf("the %s server %s", which, clean(s.Endpoint.Addr))
	switch state {
	case BadLogin:
		f.Code, f.Text = finding.LoginRefused, where+" does not accept the login of "+s.Login.String()
		f.Fix = "correct the account's line in the list of accounts; mxmove tries each login once"
	case Unreachable:
		f.Code, f.Text = finding.ServerUnreachable, where+" cannot be reached, or not be trusted"
		f.Fix = "check its name, port and certificate, and the way there from this machine"
	case Unusable:
		f.Code, f.Text = finding.AccountUnusable, where+" accepts the login of "+s.Login.String()+" and then fails"
		f.Fix = "check at the server that the account has a mailbox and may use IMAP"
	default:
		return
	}
	if d, ok := oauth.Diagnose(err); ok {
		f.Code, f.Text, f.Fix = d.Code, "the "+which+" login of "+s.Login.String()+" fails: "+d.Text, d.Fix
		f.Evidence = append(f.Evidence, d.Evidence...)
	}
	r.Findings = append(r.Findings, f)
}

// inventory counts the source and pairs its mailboxes.
func (r *LoginResult) inventory(ctx context.Context, e *eyes, a *Account, o Options) ([]Pair, error) {
	mine, err := e.source.Survey(ctx)
	if err != nil {
		return nil, err
	}
	var theirs imapconn.Listing
	if r.Target == OK {
		if theirs, err = e.target.Survey(ctx); err != nil {
			r.Target, r.TargetErr = stateOf(err), err
			r.fail("target", a.Target, r.Target, err)
		}
	}
	po := o.pairOptions(a)
	po.Source, po.Target, po.Exchange = mine.Namespaces, theirs.Namespaces, mine.Exchange
	po.Gmail = mine.Gmail
	pairs, found := Pairs(mine.Mailboxes, theirs.Mailboxes, po)
	if r.Target == OK {
		r.Pairs = pairs
		r.Findings = append(r.Findings, found...)
	}
	for _, p := range pairs {
		if p.Skip != "" {
			continue
		}
		if err := r.measure(ctx, e.source, p); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// measure counts one mailbox. One that cannot be opened is named and costs
// itself only.
func (r *LoginResult) measure(ctx context.Context, s *imapconn.Source, p Pair) error {
	r.Mailboxes++
	st, err := s.Status(ctx, p.SourceWire)
	if err == nil && st.Messages != nil && st.Size != nil && p.elsewhere == nil {
		r.Messages += int(*st.Messages)
		r.Bytes += *st.Size
		return nil
	}
	var apart uidSet
	sel, err := s.Examine(ctx, p.SourceWire)
	if err == nil {
		apart, err = p.apart(ctx, s)
	}
	if err == nil && sel.Exists > 0 {
		err = s.Fetch(ctx, wire.From(1), false, func(m wire.Message) error {
			if !apart.has(m.UID) {
				r.Messages++
				r.Bytes += max(0, m.Size)
			}
			return nil
		})
	}
	if imapconn.Class(err) == imapconn.ClassRefused || imapconn.Class(err) == imapconn.ClassMissing {
		r.Findings = append(r.Findings, finding.Finding{
			Severity: finding.Warn, Code: finding.MailboxUnreadable, Subject: clean(r.Account + " " + p.Source),
			Text: "the mailbox cannot be opened; the others can", Evidence: []string{clean(err.Error())},
			Fix: "repair it at the old server, or leave it out with sync.exclude",
		})
		return nil
	}
	return err
}
