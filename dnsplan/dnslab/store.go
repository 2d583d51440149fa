package dnslab

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A version is all zones as they were from one moment on. It is never changed.
type version struct {
	since time.Time
	zones map[string]zone.Zone
}

// A store keeps the versions of the zones, the oldest first, so that a
// secondary can show what was.
type store struct {
	now func() time.Time

	mu       sync.Mutex
	versions []*version
}

// maxVersions bounds the memory of a store; a lag longer than so many changes
// shows the oldest.
const maxVersions = 1000

func newStore(now func() time.Time) *store {
	return &store{now: now, versions: []*version{{zones: map[string]zone.Zone{}}}}
}

func (s *store) latest() *version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions[len(s.versions)-1]
}

// settle forgets what was: the latest version was always there.
func (s *store) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions = []*version{{zones: s.versions[len(s.versions)-1].zones}}
}

// before returns the version of a while ago.
func (s *store) before(lag time.Duration) *version {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.now().Add(-lag)
	for i := len(s.versions) - 1; i > 0; i-- {
		if !s.versions[i].since.After(at) {
			return s.versions[i]
		}
	}
	return s.versions[0]
}

// change lets edit work on a copy of one zone and makes the result the latest
// version, unless edit reports an error.
func (s *store) change(origin string, edit func(*zone.Zone) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.versions[len(s.versions)-1]
	z := last.zones[origin].Clone()
	if err := edit(&z); err != nil {
		return err
	}
	next := &version{since: s.now(), zones: make(map[string]zone.Zone, len(last.zones)+1)}
	for name, other := range last.zones {
		next.zones[name] = other
	}
	next.zones[origin] = z
	s.versions = append(s.versions, next)
	if len(s.versions) > maxVersions {
		s.versions = s.versions[1:]
	}
	return nil
}

// holder returns the zone that a name lies in.
func (v *version) holder(name string) (zone.Zone, bool) {
	for off, end := 0, false; !end; off, end = dns.NextLabel(name, off) {
		if z, ok := v.zones[name[off:]]; ok {
			return z, true
		}
	}
	z, ok := v.zones["."]
	return z, ok
}

// view returns what this server shows now.
func (l *Lab) view() *version {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.frozen != nil:
		return l.frozen
	case l.lag > 0:
		return l.store.before(l.lag)
	}
	return l.store.latest()
}

// Zone returns a copy of a zone as this server shows it. A zone that it does
// not hold is empty.
func (l *Lab) Zone(origin string) zone.Zone {
	origin = zone.Canonical(origin)
	z, ok := l.view().zones[origin]
	if !ok {
		return zone.New(origin, zone.AXFR)
	}
	return z.Clone()
}

// SetLag makes the server show what the primary showed so long ago.
func (l *Lab) SetLag(lag time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lag, l.frozen = max(lag, 0), nil
}

// Freeze makes the server miss every change from now on, until SetLag.
func (l *Lab) Freeze() {
	v := l.view()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = v
}

// Put serves a zone, in place of the one of the same origin, as it is: its
// serial may be any. A zone without an SOA record is given one.
func (l *Lab) Put(z zone.Zone) error {
	z = z.Clone()
	for _, set := range z.All() {
		if _, err := set.RRs(); err != nil {
			return fmt.Errorf("dnslab: %w", err)
		}
		if !z.Holds(set.Name) {
			return fmt.Errorf("dnslab: %s lies outside of %s", set.Name, z.Origin)
		}
	}
	soa := z.Get(z.Origin, dns.TypeSOA)
	if soa == nil {
		soa = &zone.RRset{Name: z.Origin, Type: dns.TypeSOA, TTL: 3600, Data: []string{
			fmt.Sprintf("ns1.%s hostmaster.%s %d 7200 600 1209600 60", trimRoot(z.Origin), trimRoot(z.Origin), max(z.Serial, 1)),
		}}
		z.Put(*soa)
	}
	z.Coverage, z.Serial = zone.AXFR, serial(*soa)
	return l.store.change(z.Origin, func(old *zone.Zone) error {
		*old = z
		return nil
	})
}

func trimRoot(origin string) string {
	if origin == "." {
		return ""
	}
	return origin
}

// Set writes an RRset by the owner's hand: no questions, and the serial goes
// up.
func (l *Lab) Set(s zone.RRset) error {
	if _, err := s.RRs(); err != nil {
		return fmt.Errorf("dnslab: %w", err)
	}
	return l.edit(s.Name, func(z *zone.Zone) { z.Put(s) })
}

// Delete removes an RRset by the owner's hand.
func (l *Lab) Delete(name string, typ uint16) error {
	return l.edit(name, func(z *zone.Zone) { z.Remove(name, typ) })
}

func (l *Lab) edit(name string, do func(*zone.Zone)) error {
	holder, ok := l.store.latest().holder(zone.Canonical(name))
	if !ok {
		return fmt.Errorf("dnslab: no zone holds %s", name)
	}
	return l.store.change(holder.Origin, func(z *zone.Zone) error {
		do(z)
		bump(z)
		return nil
	})
}

// bump raises the serial by one.
func bump(z *zone.Zone) {
	soa := z.Get(z.Origin, dns.TypeSOA)
	if soa == nil {
		return
	}
	fields := strings.Fields(soa.Data[0])
	z.Serial = serial(*soa) + 1
	fields[2] = strconv.FormatUint(uint64(z.Serial), 10)
	soa.Data = []string{strings.Join(fields, " ")}
	z.Put(*soa)
}

func serial(soa zone.RRset) uint32 {
	fields := strings.Fields(soa.Data[0])
	n, err := strconv.ParseUint(fields[2], 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
