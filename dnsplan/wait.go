package dnsplan

import (
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

const (
	// drain is how long senders keep mail that they could not deliver (RFC
	// 5321, section 4.5.4.1).
	drain = 5 * 24 * time.Hour
	// season is what a month of reports needs to show everybody who sends.
	season = 30 * 24 * time.Hour
)

// waits returns how long the stages of this domain have to wait. Only stages
// that change something do.
func (m *move) waits() []Wait {
	has := make(map[Stage]bool)
	for _, c := range m.changes {
		has[c.Stage] = true
	}
	var ws []Wait
	if has[Switch] {
		if w := m.expired(); w.Because != "" {
			ws = append(ws, w)
		}
	}
	if has[Retire] {
		ws = append(ws, m.drained())
	}
	if has[Harden] {
		ws = append(ws, Wait{Stage: Harden, Length: season,
			Because: "A month of reports shows whether a sender was forgotten; a strict end would refuse it before DKIM is looked at."})
	}
	return ws
}

// A lag is how long the world may go on without a change.
type lag struct {
	seconds uint32
	because string
	of      zone.RRset // without data
}

// expired returns the wait before the switch: until no cache holds anything
// that prepare changed or the switch will change, nor the absence of a name
// that prepare created, and no sender a policy that refuses the new exchanges.
func (m *move) expired() Wait {
	var longest lag
	w := Wait{Stage: Switch}
	for _, c := range m.history {
		if c.Zone != m.in.Now.Origin || c.Stage != Prepare && c.Stage != Switch || !m.owns(c.RRset().Name) {
			continue
		}
		l := m.lag(c)
		if c.Before == nil {
			w.Names = max(w.Names, tenthMore(l.seconds))
		}
		if l.seconds > longest.seconds || l.seconds == longest.seconds && zone.Compare(l.of, longest.of) < 0 {
			longest = l
		}
	}
	if longest.seconds > 0 {
		w.Length = tenthMore(longest.seconds)
		w.Because = longest.because
	}
	if age := m.binds(m.in.Policy); age > w.Length {
		w.Length = age
		w.Because = fmt.Sprintf("Senders keep the enforced MTA-STS policy, which lacks the new exchanges, for its max_age of %s after it was last served.", span(age))
	}
	if until, because := m.policyExpires(); !until.IsZero() {
		w.Until = until
		w.Because = strings.TrimSpace(w.Because + " " + because)
	}
	return w
}

// tenthMore adds a tenth, rounded up to a second: clocks and caches are not
// exact.
func tenthMore(seconds uint32) time.Duration {
	return time.Duration((int64(seconds)*11+9)/10) * time.Second
}

func (m *move) lag(c Change) lag {
	k := c.RRset().Key()
	of := zone.RRset{Name: k.Name, Type: k.Type}
	if c.Before == nil {
		if n := m.negative(); c.Stage == Prepare && n > 0 {
			return lag{n, fmt.Sprintf("Caches may remember for %s that %s was not there; a tenth is added.", ttl(n), k), of}
		}
		return lag{}
	}
	// The origin's TTL, since the present one may be the lowered one.
	old := c.Before.TTL
	if o := m.in.Origin.Get(k.Name, k.Type); o != nil {
		old = max(old, o.TTL)
	}
	return lag{old, fmt.Sprintf("Caches may keep the old %s for its TTL of %s; a tenth is added.", k, ttl(old)), of}
}

// negative returns how long resolvers remember that a name is not there: the
// lesser of the SOA's TTL and its last field (RFC 2308, section 5).
func (m *move) negative() uint32 {
	set := m.in.Now.Get(m.in.Now.Origin, dns.TypeSOA)
	if set == nil {
		return 0
	}
	rrs, err := set.RRs()
	if err != nil || len(rrs) == 0 {
		return 0
	}
	soa, ok := rrs[0].(*dns.SOA)
	if !ok {
		return 0
	}
	return min(set.TTL, soa.Minttl)
}

func (m *move) drained() Wait {
	w := Wait{Stage: Retire, Length: drain, Because: "Senders keep what they could not deliver for up to five days, and some still know only the old server."}
	if mx := m.in.Origin.Get(m.domain, dns.TypeMX); mx != nil {
		if twice := 2 * time.Duration(mx.TTL) * time.Second; twice > drain {
			return Wait{Stage: Retire, Length: twice, Because: fmt.Sprintf("The old MX had a TTL of %s, and some caches keep it twice as long.", span(twice/2))}
		}
	}
	return w
}

func ttl(seconds uint32) string { return span(time.Duration(seconds) * time.Second) }

// span prints a length of time in its two largest units: 26h24m, 5d, 3s.
func span(d time.Duration) string {
	units := []struct {
		name   string
		length time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	s, n := "", 0
	for i, u := range units {
		// Hours go up to two days: 26h24m says more than 1d2h.
		if i == 0 && d < 48*time.Hour && d != 24*time.Hour || d < u.length && n == 0 {
			continue
		}
		if c := d / u.length; c > 0 {
			s += fmt.Sprintf("%d%s", c, u.name)
			d -= c * u.length
		}
		if n++; n == 2 {
			break
		}
	}
	if s == "" {
		return "0s"
	}
	return s
}
