package migrate

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/migrate/probe"
)

// maxExchangers bounds the messages of one check.
const maxExchangers = 5

// An InboundAt is what became of the message that one exchanger was given.
type InboundAt struct {
	MX      string        `json:"mx"`
	Taken   bool          `json:"taken"`
	Result  probe.Outcome `json:"result"` // pass, fail or not-measured
	Target  string        `json:"target"` // the mailbox it was found in, empty where it was not
	Old     string        `json:"old"`
	Seconds int           `json:"seconds"` // until it was found
	Reasons []string      `json:"reasons"` // never nil

	token string
}

// sendIn gives a message of its own to each exchanger that the world sees: mail
// takes the second where the first is busy, and spam seeks out the last. What
// they refuse to us they may take from others, so that it is not measured.
func (r *run) sendIn(ctx context.Context, in *Inbound) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	_, domain, _ := strings.Cut(in.Address, "@")
	data, err := client.Lookup(ctx, domain, dns.TypeMX)
	if err != nil {
		return fmt.Errorf("MX of %s: %w", domain, err)
	}
	hosts := byPreference(data)
	if len(hosts) == 0 {
		in.Reasons = append(in.Reasons, domain+" has no MX record")
	}
	if n := len(hosts) - maxExchangers; n > 0 {
		hosts = hosts[:maxExchangers]
		in.Reasons = append(in.Reasons, fmt.Sprintf("%d more exchangers were not asked", n))
	}
	for _, host := range hosts {
		at := InboundAt{MX: host, Result: probe.NotMeasured, Reasons: []string{}, token: probe.NewToken()}
		err := probe.Deliver(ctx, net.JoinHostPort(host, "25"), r.knock, in.Address, at.token, r.o.Clock.Now())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if at.Taken = err == nil; at.Taken {
			r.say("probe from outside handed to %s, looking for it", host)
		} else {
			at.Reasons = append(at.Reasons, err.Error())
		}
		in.Exchangers = append(in.Exchangers, at)
	}
	return nil
}

// sum draws the result from those of the exchangers. One that took nothing from
// us neither helps nor harms; one whose message was not found, or that leads to
// the old server, speaks for all.
func (in *Inbound) sum() {
	passed, open := false, false
	for _, at := range in.Exchangers {
		in.Reasons = append(in.Reasons, at.Reasons...)
		if !at.Taken {
			continue
		}
		in.MX, in.Target, in.Old = cmp.Or(in.MX, at.MX), cmp.Or(in.Target, at.Target), cmp.Or(in.Old, at.Old)
		in.Seconds = max(in.Seconds, at.Seconds)
		passed, open = passed || at.Result == probe.Pass, open || at.Result == probe.NotMeasured
		if at.Result == probe.Fail {
			in.Result = probe.Fail
		}
	}
	if in.Result != probe.Fail && passed && !open {
		in.Result = probe.Pass
	}
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
