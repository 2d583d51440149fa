package migrate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Addresses of the realm.
const (
	rootIP      = "203.0.113.53"
	primaryIP   = "192.0.2.53"
	secondaryIP = "192.0.2.54"
	oldIP       = "192.0.2.10"
	newMX1IP    = "198.51.100.25"
	newMX2IP    = "198.51.100.26"
	newIMAPIP   = "198.51.100.29"
	senderOneIP = "203.0.113.10"
	senderTwoIP = "203.0.113.20"
)

// startNames starts the DNS of the realm: a root that knows the world, the
// two servers of the zone, of which the second lags by its refresh, and the
// resolver that everybody asks, which keeps what it has heard for its TTL.
func startNames(t *testing.T, dir, signer string) *bind {
	t.Helper()
	b := &bind{
		dir: dir, update: secret(t), read: secret(t), signer: signer,
		primary: primaryIP + ":53", secondary: secondaryIP + ":53", resolver: "127.0.0.1:53",
		zones: []string{storyZone, aliasZone},
	}
	words := strings.NewReplacer("DIR", dir, "UPDATE", b.update, "READ", b.read, "SIGNER", signer,
		"ROOTIP", rootIP, "PRIMARYIP", primaryIP, "SECONDARYIP", secondaryIP, "OLDIP", oldIP,
		"MX1IP", newMX1IP, "MX2IP", newMX2IP, "IMAPIP", newIMAPIP)
	for _, s := range []struct{ name, addr, conf, zone string }{
		{"root", rootIP, realmRoot, realmRootZone},
		{"primary", primaryIP, realmPrimary, realmZone},
		{"secondary", secondaryIP, realmSecondary, ""},
	} {
		home := filepath.Join(dir, s.name)
		text := strings.NewReplacer("NAME", s.name, "ADDR", s.addr).Replace(bindCommon + realmServer + s.conf)
		place(t, filepath.Join(home, "named.conf"), words.Replace(text))
		if s.zone != "" {
			place(t, filepath.Join(home, "zone"), words.Replace(s.zone))
		}
		if s.name == "primary" {
			place(t, filepath.Join(home, "alias"), aliasZoneFile)
		}
		serve(t, s.addr+":53", filepath.Join(home, "log"), program("named"), "-g", "-n", "1", "-c", filepath.Join(home, "named.conf"))
	}
	home := filepath.Join(dir, "resolver")
	place(t, filepath.Join(home, "hints"), words.Replace(". 3600 NS ns.root.\nns.root. 3600 A ROOTIP\n"))
	place(t, filepath.Join(home, "unbound.conf"), words.Replace(realmResolver))
	serve(t, b.resolver, filepath.Join(home, "log"), program("unbound"), "-d", "-p", "-c", filepath.Join(home, "unbound.conf"))
	b.settle(t)
	return b
}

// place writes a file and makes the folder for it.
func place(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const realmServer = `
options {
	directory "DIR/NAME";
	pid-file "DIR/NAME/pid";
	session-keyfile "DIR/NAME/session.key";
	listen-on { ADDR; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;
	allow-transfer { key transfer; };
	notify no;
};
`

const realmRoot = `
zone "." { type primary; file "zone"; };
`

const realmPrimary = `
zone "example.org" {
	type primary;
	file "zone";
	update-policy { grant mxmove zonesub ANY; };
};
zone "example.net" {
	type primary;
	file "alias";
	update-policy { grant mxmove zonesub ANY; };
};
`

// Nobody tells the secondary of changes: it finds them when it looks.
const realmSecondary = `
zone "example.org" {
	type secondary;
	file "zone";
	primaries { PRIMARYIP key transfer; };
	min-refresh-time 1;
	min-retry-time 1;
};
zone "example.net" {
	type secondary;
	file "alias";
	primaries { PRIMARYIP key transfer; };
	min-refresh-time 1;
	min-retry-time 1;
};
`

const realmResolver = `
server:
	directory: "DIR/resolver"
	chroot: ""
	username: ""
	pidfile: ""
	logfile: ""
	use-syslog: no
	do-daemonize: no
	do-ip6: no
	interface: 127.0.0.1
	access-control: 127.0.0.0/8 allow
	root-hints: "DIR/resolver/hints"
	module-config: "iterator"
	num-threads: 1
	prefetch: no
	serve-expired: no
remote-control:
	control-enable: no
`

// What the move changes lives long enough for caches to matter, and short
// enough for a test.
const realmZone = `$TTL 15
@	SOA	ns1 hostmaster 2026010101 2 1 3600 1
@	NS	ns1
@	NS	ns2
ns1	A	PRIMARYIP
ns2	A	SECONDARYIP
@	A	192.0.2.80
@	MX	10 mail
mail	A	OLDIP
@	TXT	"v=spf1 mx -all"
_dmarc	TXT	"v=DMARC1; p=none; rua=mailto:postmaster@example.org"
old._domainkey	TXT	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
autodiscover	CNAME	mail
`

// aliasZone is a further domain on the same mailboxes.
const aliasZone = "example.net."

const aliasZoneFile = `$TTL 15
@	SOA	ns1.example.org. hostmaster.example.org. 2026010101 2 1 3600 1
@	NS	ns1.example.org.
@	NS	ns2.example.org.
@	MX	10 mail.example.org.
@	TXT	"v=spf1 mx -all"
_dmarc	TXT	"v=DMARC1; p=none; rua=mailto:postmaster@example.net"
shop	A	192.0.2.81
`

// The submission server and the probe's mailbox are the lab's, on loopback.
const realmRootZone = `$TTL 15
.	SOA	ns.root. hostmaster.root. 1 2 1 3600 1
.	NS	ns.root.
ns.root.	A	ROOTIP
example.org.	NS	ns1.example.org.
example.org.	NS	ns2.example.org.
ns1.example.org.	A	PRIMARYIP
ns2.example.org.	A	SECONDARYIP
example.net.	NS	ns1.example.org.
example.net.	NS	ns2.example.org.
mx1.provider.example.	A	MX1IP
mx2.provider.example.	A	MX2IP
imap.provider.example.	A	IMAPIP
smtp.provider.example.	A	127.0.0.1
out.provider.example.	A	198.51.100.27
autodiscover.provider.example.	A	198.51.100.28
s2.example-org.dkim.provider.example.	TXT	"SIGNER"
s2.example-net.dkim.provider.example.	TXT	"SIGNER"
_spf.provider.example.	TXT	"v=spf1 ip4:198.51.100.0/24 ~all"
imap.elsewhere.example.	A	127.0.0.1
provider.example.	TXT	"v=spf1 ip4:198.51.100.0/24 -all"
elsewhere.example.	MX	10 mx.elsewhere.example.
mx.elsewhere.example.	A	203.0.113.40
forwarder.example.	MX	10 mx.forwarder.example.
mx.forwarder.example.	A	203.0.113.41
port.elsewhere.example.	A	203.0.113.42
`
