package migrate

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// An OldMX is what the old exchanger of a domain said after the switch to an
// address of an account. Senders that know it alone bring their mail there for
// days: where it refuses they lose it, and its silence proves nothing.
type OldMX struct {
	Time      time.Time
	Domain    string
	Exchanger string
	Address   string
	Answer    probe.Answer
	Waits     bool   // it takes nothing for now: mail waits with its senders
	Text      string // the reply, or why there is none
}

// oldMXKind is the kind of observation that holds an OldMX, by domain.
const oldMXKind = "old-mx"

// deafKind is the kind of observation for the time at which an old exchanger
// refused: it counts as mail that came, since some may have been turned away.
const deafKind = "old-mx-refused"

// oldMXEvery is how often the old exchanger is asked while it accepts.
const oldMXEvery = 10 * time.Minute

// askOldMX asks the old exchanger of every domain for one real address. That
// it cannot be asked, as from where port 25 is closed, is no error.
func (r *run) askOldMX(ctx context.Context) error {
	applied, err := r.applied(ctx)
	if err != nil {
		return err
	}
	rows, err := config.LoadAccounts(r.Config.Accounts, r.Config.Domain)
	if err != nil {
		return err
	}
	for _, domain := range r.domains() {
		hosts, address := oldExchangers(applied, domain), someAddress(rows, domain)
		if len(hosts) == 0 || address == "" {
			continue
		}
		last, err := recall[OldMX](ctx, r, oldMXKind, domain)
		if err != nil {
			return err
		}
		now := r.o.Clock.Now()
		if last != nil && last.Answer != probe.Turned && now.Before(last.Time.Add(oldMXEvery)) {
			continue
		}
		said := r.askOne(ctx, hosts[0], domain, address)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		said.Time = now
		if said.Answer == probe.Turned {
			r.say("%s: %s refuses %s, so late mail is lost: %s", finding.OldMXRefuses, said.Exchanger, address, said.Text)
			if err := r.observe(ctx, deafKind, "", domain); err != nil {
				return err
			}
		} else if text := said.unclear(); text != "" && (last == nil || last.unclear() == "") {
			r.say("%s", text)
		}
		if err := r.remember(ctx, oldMXKind, domain, said); err != nil {
			return err
		}
	}
	return nil
}

// unclear says what is to be thought of an exchanger that neither takes nor
// refuses an address, or nothing. Such an answer may be meant for us alone, as
// that of a greylist is, so that it puts nothing off.
func (o OldMX) unclear() string {
	switch {
	case o.Answer == probe.Taken || o.Answer == probe.Turned:
		return ""
	case o.Waits:
		return o.Exchanger + " takes no mail for now, at least not from here: until it does, late mail waits with its senders, for five days or so: " + o.Text
	}
	return "not measured whether " + o.Exchanger + " still takes mail: " + o.Text
}

// askOne asks one exchanger. A rehearsal knocks at no stranger's door.
func (r *run) askOne(ctx context.Context, host, domain, address string) OldMX {
	said := OldMX{Domain: domain, Exchanger: net.JoinHostPort(strings.TrimSuffix(host, "."), "25"), Address: address, Answer: probe.NotAsked}
	o := probe.RecipientOptions{Dial: r.dial, Sleep: r.o.Clock.Sleep}
	if rehearsal := r.Config.Rehearsal; rehearsal != nil {
		if o.Pause = -1; rehearsal.Connect[said.Exchanger] == "" {
			said.Text = "the rehearsal does not lead there"
			return said
		}
	}
	sounding, err := probe.Recipients(ctx, said.Exchanger, probe.ControlAddress(domain), []string{address}, o)
	if len(sounding.Replies) == 1 {
		said.Answer, said.Text = sounding.Replies[0].Answer, sounding.Replies[0].String()
		said.Waits = sounding.Replies[0].Code/100 == 4
	}
	if err != nil {
		answer, talks := errors.AsType[*probe.ReplyError](err)
		said.Waits = talks && answer.Code/100 == 4 || errors.Is(err, syscall.ECONNREFUSED)
		said.Text = err.Error()
	}
	return said
}

// oldExchangers returns the exchangers that the switch took out of a domain's
// MX, the most preferred first.
func oldExchangers(applied []dnsplan.Change, domain string) []string {
	var gone []*dns.MX
	for _, c := range ofStage(applied, dnsplan.Switch) {
		if k := c.RRset().Key(); k.Type != dns.TypeMX || k.Name != zone.Canonical(domain) || c.Before == nil {
			continue
		}
		rrs, err := c.Before.RRs()
		if err != nil {
			continue
		}
		for _, rr := range rrs {
			if mx, ok := rr.(*dns.MX); ok && mx.Mx != "." && !namesExchanger(c.After, mx.Mx) {
				gone = append(gone, mx)
			}
		}
	}
	slices.SortStableFunc(gone, func(a, b *dns.MX) int { return cmp.Compare(a.Preference, b.Preference) })
	var hosts []string
	for _, mx := range gone {
		hosts = append(hosts, zone.Canonical(mx.Mx))
	}
	return hosts
}

// namesExchanger reports whether an MX RRset names an exchanger.
func namesExchanger(set *zone.RRset, host string) bool {
	return set != nil && slices.ContainsFunc(set.Data, func(data string) bool {
		fields := strings.Fields(data)
		return len(fields) == 2 && zone.Canonical(fields[1]) == zone.Canonical(host)
	})
}

// someAddress returns an address of an account at a domain, the first listed.
func someAddress(rows []config.Account, domain string) string {
	for _, row := range rows {
		for _, address := range append([]string{row.Address}, row.Aliases...) {
			if mailDomain(address) == domain {
				return address
			}
		}
	}
	return ""
}

// oldMXGate asks that the old exchangers still take mail: while they refuse,
// that none comes says nothing. Where nobody could ask there is no gate, since
// many networks let nobody reach port 25.
func oldMXGate(said []OldMX) []step.Result {
	var results []step.Result
	for _, s := range said {
		switch s.Answer {
		case probe.Taken:
			results = append(results, pass("old-mx", s.Exchanger+" still takes mail to "+s.Address))
		case probe.Turned:
			r := refuse("old-mx", finding.OldMXRefuses, s.Exchanger+" refuses "+s.Address+" at "+stamp(s.Time)+", so late mail is lost",
				"let the old server take mail for the domain again until mxmove status says settled", s.Text)
			r.Subject = s.Domain
			results = append(results, r)
		}
	}
	return results
}
