package resolver

import (
	"io"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A Source says where a snapshot comes from: a transfer, a master file, a
// listing, or, with none of these, the well-known names of a mail domain. At
// most one is given. Whatever it is, the authoritative servers are asked for
// the well-known names too, since they have to agree before anything is
// changed; only Offline leaves them in peace.
type Source struct {
	AXFR     string     // server to transfer from, "host:port"
	TSIG     *TSIG      // its key; nil: the client's
	File     io.Reader  // master file; the caller closes it
	FileName string     // its name, for messages
	Listing  *zone.Zone // what a publisher lists
	Offline  bool       // ask nobody; needs a file or a listing
	Domain   string     // the mail domain, where it is not the apex itself
	Names    []string   // further names to ask for, absolute: the provider's DKIM selectors and hosts
}

// probe is one name and the types that are asked for under it.
type probe struct {
	name  string
	types []uint16
}

var (
	hostTypes = []uint16{dns.TypeA, dns.TypeAAAA}
	textTypes = []uint16{dns.TypeTXT}
	mailTypes = []uint16{dns.TypeMX}
	srvTypes  = []uint16{dns.TypeSRV}
	tlsaTypes = []uint16{dns.TypeTLSA}
	apexTypes = []uint16{dns.TypeNS, dns.TypeMX, dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeCNAME, dns.TypeCAA}

	hosts = []string{
		"mail", "imap", "smtp", "pop", "pop3", "webmail", "autodiscover", "autoconfig", "ua-auto-config", "mta-sts",
	}
	texts = []string{"_dmarc", "_mta-sts", "_smtp._tls", "default._bimi", "_ua-auto-config"}
	srvs  = []string{
		"_autodiscover", "_imap", "_imaps", "_submission", "_submissions", "_pop3", "_pop3s",
		"_sieve", "_caldav", "_caldavs", "_carddav", "_carddavs", "_jmap",
	}
	// selectors are the ones that mail servers and providers use by default:
	// there is no way to list them.
	selectors = []string{
		"default", "dkim", "mail", "mx", "key1", "s1", "s2", "k1", "k2", "k3", "google",
		"selector1", "selector2", "fm1", "fm2", "fm3", "protonmail", "protonmail2", "protonmail3",
	}
)

// wellKnown returns what a mail domain may have. A CNAME is seen whatever the
// type asked for.
func wellKnown(domain string) []probe {
	probes := []probe{{domain, apexTypes}}
	for _, name := range texts {
		probes = append(probes, probe{name + "." + domain, textTypes})
	}
	for _, name := range hosts {
		probes = append(probes, probe{name + "." + domain, hostTypes})
	}
	for _, name := range srvs {
		probes = append(probes, probe{name + "._tcp." + domain, srvTypes})
	}
	return probes
}

// keys returns the probes for well-known DKIM selectors.
func keys(domain string) []probe {
	var probes []probe
	for _, name := range selectors {
		probes = append(probes, probe{name + "._domainkey." + domain, textTypes})
	}
	return probes
}

// further returns the probes for the caller's names within the zone. What kind
// of name it is shows by its labels.
func further(apex string, names []string) []probe {
	var probes []probe
	for _, name := range names {
		name = zone.Canonical(name)
		if !zone.Within(name, apex) {
			continue
		}
		types := slices.Concat(textTypes, hostTypes, mailTypes)
		switch label, _, _ := strings.Cut(name, "."); {
		case strings.Contains(name, "._domainkey."):
			types = textTypes
		case strings.Contains(name, "._tcp.") && strings.Trim(label, "_0123456789") == "":
			types = tlsaTypes
		case strings.Contains(name, "._tcp."):
			types = srvTypes
		case strings.HasPrefix(name, "_"):
			types = textTypes
		}
		probes = append(probes, probe{name, types})
	}
	return probes
}

// targets returns the probes for the hosts in the zone that its MX and SRV
// records lead to, and for the certificates that DANE pins there.
func targets(apex string, sets []zone.RRset) []probe {
	const most = 64
	var probes []probe
	for _, set := range sets {
		if set.Type != dns.TypeMX && set.Type != dns.TypeSRV {
			continue
		}
		for _, data := range set.Data {
			host := zone.Canonical(data[strings.LastIndexByte(data, ' ')+1:])
			if zone.Within(host, apex) && len(probes) < most {
				probes = append(probes, probe{host, hostTypes}, probe{"_25._tcp." + host, tlsaTypes})
			}
		}
	}
	return probes
}
