package lab

import (
	"fmt"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// zoneFiles are the zones of the lab. Words in angle brackets are filled in.
var zoneFiles = []struct{ origin, text string }{
	{"example.org.", `
$TTL 300
@  IN SOA ns1 hostmaster 2026010101 3600 600 86400 2
@  IN NS  ns1
@  IN NS  ns2
@  <TTL> IN MX 10 mail
@  IN A   192.0.2.80
@  <TTL> IN TXT "v=spf1 mx -all"
@  IN TXT "some-service-verification=4f1c"
ns1 IN A 192.0.2.53
ns2 IN A 192.0.2.54
mail IN A 192.0.2.10
www IN CNAME @
autodiscover <TTL> IN CNAME mail
_imaps._tcp <TTL> IN SRV 0 1 993 mail
_dmarc IN TXT "v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org"
old._domainkey IN TXT <OLD>
`},
	{"provider.example.", `
$TTL 300
@  IN SOA ns1 hostmaster 1 3600 600 86400 60
@  IN NS  ns1
ns1 IN A 198.51.100.53
mx1 IN A 198.51.100.11
mx2 IN A 198.51.100.12
imap IN A 198.51.100.13
smtp IN A 198.51.100.14
out1 IN A <SOURCE>
autodiscover IN A 198.51.100.15
_spf IN TXT "v=spf1 ip4:198.51.100.25 -all"
s2.example-org.dkim IN TXT <S2>
`},
	{"elsewhere.example.", `
$TTL 300
@  IN SOA ns1 hostmaster 1 3600 600 86400 60
@  IN NS  ns1
@  IN MX  10 mx
ns1 IN A 203.0.113.53
mx  IN A 203.0.113.7
imap IN A 203.0.113.8
`},
	{"customer.example.", `
$TTL 300
@  IN SOA ns1 hostmaster 1 3600 600 86400 60
@  IN NS  ns1
@  IN TXT "v=spf1 a:out.customer.example -all"
ns1 IN A 203.0.113.54
out IN A 203.0.113.20
`},
	// A receiver that sends reports. Its mail is signed, and comes by Deliver.
	{"receiver.example.", `
$TTL 300
@  IN SOA ns1 hostmaster 1 3600 600 86400 60
@  IN NS  ns1
ns1 IN A 203.0.113.55
r1._domainkey 2 IN TXT <R1>
`},
	{"2.0.192.in-addr.arpa.", `
$TTL 300
@  IN SOA ns1.example.org. hostmaster.example.org. 1 3600 600 86400 60
@  IN NS  ns1.example.org.
10 IN PTR mail.example.org.
`},
	// One blocklist that is healthy, and has nobody on it but its test point.
	{"zen.spamhaus.org.", `
$TTL 60
@  IN SOA ns1.elsewhere.example. hostmaster.elsewhere.example. 1 3600 600 86400 60
@  IN NS  ns1.elsewhere.example.
2.0.0.127 IN A 127.0.0.2
`},
}

// sourceIP is where the provider's mail comes from.
const sourceIP = "198.51.100.25"

// zones fills in the zone files. The keys are split into strings of 255 octets,
// as a real key of 2048 bits has to be.
func (d *Domain) zones(o Options) ([]zone.Zone, error) {
	old, err := keyRecord(d.keys[oldSelector])
	if err != nil {
		return nil, err
	}
	two, err := keyRecord(d.keys[newSelectorTwo])
	if err != nil {
		return nil, err
	}
	reports, err := keyRecord(d.keys[reporterKey])
	if err != nil {
		return nil, err
	}
	source := sourceIP
	if o.SourceIP.IsValid() {
		source = o.SourceIP.String()
	}
	fill := strings.NewReplacer("<TTL>", fmt.Sprint(o.TTL), "<OLD>", zone.TXT(old), "<S2>", zone.TXT(two), "<R1>", zone.TXT(reports), "<SOURCE>", source)
	var zs []zone.Zone
	for _, f := range zoneFiles {
		z, err := zone.Read(strings.NewReader(fill.Replace(f.text)), f.origin, f.origin)
		if err != nil {
			return nil, err
		}
		zs = append(zs, z)
	}
	return zs, nil
}
