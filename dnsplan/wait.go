package dnsplan

import (
	"fmt"
	"time"

	"github.com/miekg/dns"
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
	var longest uint32
	var slow string
	has := make(map[Stage]bool)
	for _, c := range m.changes {
		has[c.Stage] = true
		if c.Stage != Switch || c.Before == nil {
			continue
		}
		ttl := c.Before.TTL
		// The origin's TTL, since the present one may be the lowered one.
		if o := m.in.Origin.Get(c.Before.Name, c.Before.Type); o != nil {
			ttl = max(ttl, o.TTL)
		}
		if ttl > longest {
			longest, slow = ttl, c.Before.Key().String()
		}
	}
	var ws []Wait
	if longest > 0 {
		// A tenth more, rounded up to a second: clocks and caches are not exact.
		seconds := (int64(longest)*11 + 9) / 10
		ws = append(ws, Wait{Stage: Switch, Length: time.Duration(seconds) * time.Second,
			Because: fmt.Sprintf("Caches may keep the old %s for its TTL of %s; a tenth is added.", slow, span(time.Duration(longest)*time.Second))})
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

func (m *move) drained() Wait {
	w := Wait{Stage: Retire, Length: drain, Because: "Senders keep what they could not deliver for up to five days, and some still know only the old server."}
	if mx := m.in.Origin.Get(m.domain, dns.TypeMX); mx != nil {
		if twice := 2 * time.Duration(mx.TTL) * time.Second; twice > drain {
			return Wait{Stage: Retire, Length: twice, Because: fmt.Sprintf("The old MX had a TTL of %s, and some caches keep it twice as long.", span(twice/2))}
		}
	}
	return w
}

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
