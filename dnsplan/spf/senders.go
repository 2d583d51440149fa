package spf

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Senders returns the first address of each family that a record names, in
// its own terms or in those that it includes: an example of its servers. An
// address that is not valid was not found.
func Senders(name string, ask Lookup) (four, six netip.Addr, err error) {
	if ask == nil {
		return four, six, ErrNotMeasured
	}
	s := sampler{ask: counter{ask: ask}, seen: make(map[string]bool)}
	err = s.sample(name)
	return s.four, s.six, err
}

type sampler struct {
	ask       counter
	seen      map[string]bool
	four, six netip.Addr
}

func (s *sampler) sample(name string) error {
	name = strings.ToLower(dns.Fqdn(name))
	if s.seen[name] || len(s.seen) > stop || s.four.IsValid() && s.six.IsValid() || strings.Contains(name, "%") {
		return nil
	}
	s.seen[name] = true
	rrs, err := s.ask.lookup(name, dns.TypeTXT)
	if err != nil {
		return err
	}
	for _, rr := range rrs {
		r, err := Parse(join(rr))
		if err != nil {
			continue
		}
		for _, t := range r.Terms {
			switch {
			case t.Qualifier != Pass && !t.Modifier:
			case t.Name == "ip4" && !s.four.IsValid():
				s.four = t.Net.Masked().Addr()
			case t.Name == "ip6" && !s.six.IsValid():
				s.six = t.Net.Masked().Addr()
			case t.Name == "include", t.Modifier && t.Name == "redirect":
				if err := s.sample(t.Domain); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
