package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// ErrNoRoute is returned for mail to a domain without an exchanger in the lab.
var ErrNoRoute = errors.New("lab: no mail exchanger")

// Deliver sends a message as somebody outside does: it asks the DNS for the MX
// records of the recipient's domain, and tries them in their order.
func (d *Domain) Deliver(ctx context.Context, from, to string, body []byte) error {
	hosts, err := d.exchangers(ctx, domainOf(to))
	if err != nil {
		return err
	}
	var errs []error
	for _, host := range hosts {
		err := d.DeliverAt(ctx, host, from, to, body)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// DeliverAt sends a message to one mail exchanger, whatever the DNS says: as a
// sender does that still remembers the old MX record.
func (d *Domain) DeliverAt(ctx context.Context, host, from, to string, body []byte) error {
	addr, ok := d.connect[strings.TrimSuffix(strings.ToLower(host), ".")+":25"]
	if !ok {
		return fmt.Errorf("%w: %s", ErrNoRoute, host)
	}
	if err := hand(ctx, addr, senderHost, letter{from, []string{to}, body}); err != nil {
		return fmt.Errorf("delivery at %s: %w", host, err)
	}
	return nil
}

// SignReport signs a message as receiver.example signs its reports: with a key
// that the lab's DNS has, and whoever the message says it is from.
func (d *Domain) SignReport(message []byte) ([]byte, error) {
	out, err := Signature{reporter, reporterKey, d.keys[reporterKey]}.sign(message)
	if err != nil {
		return nil, fmt.Errorf("sign as %s: %w", reporter, err)
	}
	return out, nil
}

// OldMXHost and NewMXHost are the names for DeliverAt.
const (
	OldMXHost = oldHost
	NewMXHost = newMX1
)

// exchangers returns the hosts of a domain's MX records, the best first.
func (d *Domain) exchangers(ctx context.Context, domain string) ([]string, error) {
	data, err := d.client().Lookup(ctx, domain, dns.TypeMX)
	if err != nil {
		return nil, fmt.Errorf("mx of %s: %w", domain, err)
	}
	type mx struct {
		pref int
		host string
	}
	var mxs []mx
	for _, rd := range data {
		pref, host, _ := strings.Cut(rd, " ")
		n, err := strconv.Atoi(pref)
		if err != nil {
			return nil, fmt.Errorf("mx of %s: %w", domain, err)
		}
		mxs = append(mxs, mx{n, host})
	}
	slices.SortStableFunc(mxs, func(a, b mx) int { return a.pref - b.pref })
	hosts := make([]string, len(mxs))
	for i, m := range mxs {
		hosts[i] = m.host
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("%w for %s", ErrNoRoute, domain)
	}
	return hosts, nil
}

// exchanger returns where the provider hands over mail for a domain.
func (d *Domain) exchanger(ctx context.Context, domain string) (string, error) {
	hosts, err := d.exchangers(ctx, domain)
	if err != nil {
		return "", err
	}
	addr, ok := d.connect[strings.TrimSuffix(hosts[0], ".")+":25"]
	if !ok {
		return "", fmt.Errorf("%w: %s", ErrNoRoute, hosts[0])
	}
	return addr, nil
}

// peer tells where a sender of that name seems to connect from: on loopback
// the real address is the same for all, and the name in the EHLO is believed
// instead, which no receiver outside a lab may do.
func (d *Domain) peer(helo string) netip.Addr {
	data, err := d.client().Lookup(context.Background(), helo, dns.TypeA)
	if err != nil || len(data) == 0 {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(data[0])
	return ip
}
