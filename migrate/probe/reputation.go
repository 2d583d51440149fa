package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/migrate/finding"
)

// A Standing is how a sender is seen. What nobody answered for is Unknown and
// never Clean.
type Standing string

// The standings. Lists say listed or clean; the sender's own names are clean
// or wrong.
const (
	Listed  Standing = "listed"
	Wrong   Standing = "wrong"
	Clean   Standing = "clean"
	Unknown Standing = "unknown"
)

// An Effect is what becomes of a bad standing.
type Effect string

// The effects; a Mark that is not bad has none.
const (
	Fixes   Effect = "fixes"   // it ends
	Follows Effect = "follows" // it comes along
)

// The checks that a Mark may come from.
const (
	addressList  = "address-list"
	domainList   = "domain-list"
	reverseNames = "reverse-name"
	greetings    = "greeting"
)

// A Mark is one thing that receivers hold for or against a sender. Moving and
// Smarthost say what becomes of it when the domain moves, and when only its
// outgoing mail is sent through somebody else: the reputation of an address
// stays with the address, that of a domain with the domain.
type Mark struct {
	Subject   string   `json:"subject"` // an address, a host or a domain
	Check     string   `json:"check"`   // address-list, domain-list, reverse-name, greeting
	List      string   `json:"list"`    // the list's zone; empty for the sender's own names
	Result    Standing `json:"result"`
	Text      string   `json:"text"` // one sentence, or a part of one
	Evidence  []string `json:"evidence"`
	Moving    Effect   `json:"moving"`
	Smarthost Effect   `json:"smarthost"`
}

// A Lookup asks the DNS and returns RDATA in presentation form. No records and
// no error mean that there are none; any error, that nobody knows.
type Lookup func(ctx context.Context, name string, typ uint16) ([]string, error)

// A Sender is who has sent the mail of a domain until now.
type Sender struct {
	Domains   []string
	Addresses []netip.Addr // of the old server; private ones are left out
	Hosts     []string     // names of the old server, to look at its greeting
}

// The bounds of what is asked about one sender.
const (
	maxSenderAddresses = 8
	maxSenderNames     = 8
	perList            = 4 // questions to one list at a time, so that a dead one holds up nobody
)

// ReputationOptions say how a reputation is asked for.
type ReputationOptions struct {
	Lookup Lookup        // recursive; the lists judge by who asks, so the user's own resolver
	Dial   Dialer        // to port 25 of the hosts; nil: net.Dialer
	Budget time.Duration // for everything; 0: 5 s
}

// Reputation asks what receivers think of a sender: blocklists, each after its
// health check, the names of the addresses (FCrDNS), and what the server calls
// itself. The lists learn which addresses and domains are looked at. It takes
// no longer than the budget, and what did not answer in it is Unknown; there
// is no error. The marks come in a fixed order.
func Reputation(ctx context.Context, s Sender, o ReputationOptions) []Mark {
	if o.Budget <= 0 {
		o.Budget = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, o.Budget)
	defer cancel()
	s = s.bounded()
	var asks []func() []Mark
	for _, l := range lists {
		asks = append(asks, func() []Mark { return l.ask(ctx, s, o.Lookup) })
	}
	for _, addr := range s.Addresses {
		asks = append(asks, func() []Mark { return []Mark{reverseName(ctx, addr, o.Lookup)} })
	}
	for _, host := range s.Hosts {
		asks = append(asks, func() []Mark { return []Mark{greeting(ctx, host, s.Addresses, o)} })
	}
	marks := make([][]Mark, len(asks))
	var g errgroup.Group
	for i, ask := range asks {
		g.Go(func() error {
			marks[i] = ask()
			return nil
		})
	}
	_ = g.Wait() // no question has an error
	return slices.Concat(marks...)
}

// bounded leaves out what is nobody else's business, and what is too much.
func (s Sender) bounded() Sender {
	var addrs []netip.Addr
	for _, a := range s.Addresses {
		a = a.Unmap().WithZone("")
		if a.IsValid() && outside(a) && !a.IsMulticast() && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return Sender{
		Domains:   s.Domains[:min(len(s.Domains), maxSenderNames)],
		Addresses: addrs[:min(len(addrs), maxSenderAddresses)],
		Hosts:     s.Hosts[:min(len(s.Hosts), maxSenderNames)],
	}
}

// ReputationFindings tells what is bad, one finding for each address, host and
// domain, and what becomes of it. What is unknown is no finding: most resolvers
// that many share are refused by one list or another.
func ReputationFindings(marks []Mark) []finding.Finding {
	var fs []finding.Finding
	on := make(map[string][]string) // the lists that have a subject
	for _, m := range marks {
		if m.Result != Listed && m.Result != Wrong {
			continue
		}
		on[m.Subject] = append(on[m.Subject], m.List)
		f := told(m, on[m.Subject])
		i := slices.IndexFunc(fs, func(o finding.Finding) bool { return o.Code == f.Code && o.Subject == f.Subject })
		if i < 0 {
			fs = append(fs, f)
			continue
		}
		fs[i].Text, fs[i].Evidence = f.Text, append(fs[i].Evidence, f.Evidence...)
	}
	return fs
}

// told is one mark as a finding.
func told(m Mark, on []string) finding.Finding {
	f := finding.Finding{
		Severity: finding.Note, Subject: m.Subject, Evidence: m.Evidence,
		Fix: "moving ends this, since the provider sends from addresses of its own; so would a smarthost, for the outgoing mail alone",
	}
	switch m.Check {
	case addressList:
		f.Code, f.Evidence = finding.AddressListed, []string{m.List + ": " + m.Text}
		f.Text = fmt.Sprintf("the old server's address is listed by %s; moving ends that, and so would a smarthost", strings.Join(on, ", "))
	case domainList:
		f.Severity, f.Code, f.Evidence = finding.Warn, finding.DomainListed, []string{m.List + ": " + m.Text}
		f.Text = fmt.Sprintf("the domain itself is listed by %s, and takes that along to the provider", strings.Join(on, ", "))
		f.Fix = "neither moving nor a smarthost ends this; ask the lists to remove the domain first, and look who sent in its name"
	case reverseNames:
		f.Code, f.Text = finding.ReverseNameWrong, "the old server's address "+m.Text+"; moving ends that"
	case greetings:
		f.Code, f.Text = finding.GreetingWrong, "the old server "+m.Text+"; moving ends that"
	}
	return f
}

// bad completes a mark that speaks against a sender's address: it stays behind
// either way.
func (m Mark) bad(s Standing, format string, args ...any) Mark {
	m.Result, m.Text, m.Moving, m.Smarthost = s, fmt.Sprintf(format, args...), Fixes, Fixes
	if m.Check == domainList {
		m.Moving, m.Smarthost = Follows, Follows
	}
	return m
}

func (m Mark) unknown(format string, args ...any) Mark {
	m.Result, m.Text = Unknown, fmt.Sprintf(format, args...)
	return m
}

func (m Mark) clean(format string, args ...any) Mark {
	m.Result, m.Text = Clean, fmt.Sprintf(format, args...)
	return m
}

// hostPort returns where a mail exchanger listens.
func hostPort(host string) string { return net.JoinHostPort(strings.TrimSuffix(host, "."), "25") }
