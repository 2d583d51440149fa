package migrate_test

const bindCommon = `
key "mxmove" { algorithm hmac-sha256; secret "UPDATE"; };
key "transfer" { algorithm hmac-sha256; secret "READ"; };
controls {};
`

const bindPrimary = bindCommon + `
options {
	directory "DIR/primary";
	pid-file "DIR/primary/pid";
	session-keyfile "DIR/primary/session.key";
	listen-on port PRIMARY { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;
	allow-transfer { key transfer; };
	notify explicit;
	notify-delay 0;
	also-notify { 127.0.0.1 port SECONDARY; };
};
zone "example.org" {
	type primary;
	file "zone";
	update-policy { grant mxmove zonesub ANY; };
};
`

const bindSecondary = bindCommon + `
options {
	directory "DIR/secondary";
	pid-file "DIR/secondary/pid";
	session-keyfile "DIR/secondary/session.key";
	listen-on port SECONDARY { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;
	allow-transfer { none; };
	notify no;
};
zone "example.org" {
	type secondary;
	file "zone";
	primaries { 127.0.0.1 port PRIMARY key transfer; };
	allow-notify { 127.0.0.1; };
	min-refresh-time 1;
	min-retry-time 1;
};
`

const bindResolver = `
controls {};
options {
	directory "DIR/resolver";
	pid-file "DIR/resolver/pid";
	session-keyfile "DIR/resolver/session.key";
	listen-on port RESOLVER { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion yes;
	allow-recursion { 127.0.0.1; };
	dnssec-validation no;
	empty-zones-enable no;
};
zone "." { type primary; file "root"; };
zone "example.org" {
	type forward;
	forward only;
	forwarders { 127.0.0.1 port PRIMARY; 127.0.0.1 port SECONDARY; };
};
`

// Everything lives two seconds, so that waiting for caches is waiting for
// seconds. Besides mail the zone holds what a move has to leave alone.
const storyZoneFile = `$TTL 2
@	SOA	ns1 hostmaster 2026010101 2 1 3600 1
@	NS	ns1
@	NS	ns2
ns1	A	192.0.2.53
ns2	A	192.0.2.54
@	A	192.0.2.80
www	CNAME	@
@	MX	10 mail
mail	A	192.0.2.10
@	TXT	"v=spf1 mx include:_spf.news.example -all"
@	TXT	"some-service-verification=keep; \"me\"" " in two strings"
_dmarc	TXT	"v=DMARC1; p=none; rua=mailto:postmaster@example.org"
old._domainkey	TXT	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
autodiscover	CNAME	mail
shop	MX	10 mail.shop
mail.shop	A	192.0.2.81
shop	TXT	"v=spf1 a:mail.shop.example.org -all"
`

// The resolver's world.
const storyRootFile = `$TTL 2
.	SOA	ns.root. hostmaster.root. 1 2 1 3600 1
.	NS	ns.root.
ns.root.	A	192.0.2.1
example.org.	NS	ns1.example.org.
example.org.	NS	ns2.example.org.
ns1.example.org.	A	192.0.2.53
ns2.example.org.	A	192.0.2.54
mx1.provider.example.	A	198.51.100.25
mx2.provider.example.	A	198.51.100.26
out.provider.example.	A	198.51.100.27
autodiscover.provider.example.	A	198.51.100.28
imap.provider.example.	A	198.51.100.29
s2.example-org.dkim.provider.example.	TXT	"SIGNER"
_spf.provider.example.	TXT	"v=spf1 ip4:198.51.100.0/24 ~all"
_spf.news.example.	TXT	"v=spf1 ip4:203.0.113.0/24 -all"
`
