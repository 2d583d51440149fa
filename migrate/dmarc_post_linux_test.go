package migrate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// servers starts the provider, the exchanger elsewhere and a forwarder.
func (p *post) servers(t *testing.T, dir string, ca *authority, logins string) {
	t.Helper()
	home := func(name string) string { return filepath.Join(dir, name) }
	provider := &postfix{host: "out.provider.example", addrs: []string{outgoingIP}, dir: home("provider"),
		lines: strings.ReplaceAll(postfixSubmission, "LOGINS", logins),
		files: map[string]string{
			"master.cf": postfixMaster + "127.0.0.1:465 inet n - n - - smtpd\n\t-o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes\n" +
				"\t-o smtpd_relay_restrictions=permit_sasl_authenticated,reject -o smtpd_client_restrictions=permit_sasl_authenticated,reject\n",
			"returned": "anna@returned.example.org bounces@provider.example\n",
		}}
	if err := os.MkdirAll(provider.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ca.issue(t, "smtp.provider.example", filepath.Join(provider.dir, "cert.pem"), filepath.Join(provider.dir, "key.pem"))
	elsewhere := &postfix{host: "mx.elsewhere.example", addrs: []string{elsewhereIP}, dir: home("elsewhere"),
		lines: "mynetworks = 127.0.0.1/32\nvirtual_mailbox_domains = elsewhere.example\n" +
			"virtual_mailbox_maps = inline:{probe@elsewhere.example=here}\nvirtual_transport = lmtp:inet:127.0.0.1:24\n"}
	forwarder := &postfix{host: "mx.forwarder.example", addrs: []string{forwarderIP}, dir: home("forwarder"),
		lines: "mynetworks = 127.0.0.1/32\nvirtual_alias_domains = forwarder.example\n" +
			"virtual_alias_maps = inline:{probe@forwarder.example=probe@elsewhere.example}\n"}
	for _, s := range []*postfix{provider, elsewhere, forwarder} {
		s.start(t)
	}
}

// dkimKey makes a key with the tool that goes with OpenDKIM, and reads the
// record that it writes for the zone.
func dkimKey(t *testing.T, dir, selector string) dns.RR {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, "opendkim-genkey", "-b", "2048", "-d", "example.org", "-s", selector, "-D", dir)
	text, err := os.Open(filepath.Join(dir, selector+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	z := dns.NewZoneParser(text, "example.org.", selector+".txt")
	z.SetDefaultTTL(15)
	rr, ok := z.Next()
	if !ok {
		t.Fatalf("the record of %s: %v", selector, z.Err())
	}
	return rr
}

// startSigner runs OpenDKIM for the provider's Postfix. Which key signs goes
// by the sender: one way to be wrong for each domain below example.org.
func startSigner(t *testing.T, dir string) {
	t.Helper()
	conf := filepath.Join(dir, "opendkim.conf")
	words := strings.NewReplacer("DIR", dir)
	for file, text := range map[string]string{
		conf: "Mode s\nSyslog no\nBackground no\nRequireSafeKeys no\nSocket inet:8891@127.0.0.1\nCanonicalization relaxed/simple\n" +
			"KeyTable file:DIR/keys\nSigningTable refile:DIR/senders\n",
		filepath.Join(dir, "keys"): "ready ready.example.org:s1:DIR/s1.private\nselector selector.example.org:s9:DIR/s1.private\n" +
			"above example.org:s1:DIR/s1.private\nold example.org:old:DIR/old.private\n",
		filepath.Join(dir, "senders"): "*@ready.example.org ready\n*@selector.example.org selector\n" +
			"*@strict.example.org above\n*@relaxed.example.org above\n*@old.example.org old\n",
	} {
		place(t, file, words.Replace(text))
	}
	serve(t, "127.0.0.1:8891", filepath.Join(dir, "log"), program("opendkim"), "-f", "-x", conf)
}

// write makes the move directory.
func (p *post) write(t *testing.T, ca *authority) {
	t.Helper()
	for name, value := range map[string]string{"ANNA": "anna-password", "PROBE": "probe-password", "READ_KEY": p.dns.read} {
		p.env = append(p.env, name+"="+value)
		p.secrets = append(p.secrets, value)
	}
	text := strings.NewReplacer("PRIMARY", p.dns.primary, "MAILBOX\n", realmMailbox).Replace(postConfig)
	if err := errors.Join(
		os.Mkdir(p.dir, 0o700),
		os.WriteFile(filepath.Join(p.dir, "mxmove.yaml"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(p.dir, "accounts.csv"), []byte("source_user,target_user,source_password,target_password\nanna,anna@example.org,env:ANNA,env:ANNA\n"), 0o600),
		os.WriteFile(filepath.Join(p.dir, "provider.yaml"), []byte(storyProvider), 0o600),
		os.WriteFile(filepath.Join(p.dir, "ca.pem"), ca.pem, 0o600),
	); err != nil {
		t.Fatal(err)
	}
}

// Only a user who has logged in is let through, at another port; what comes
// from one domain returns to the provider itself.
const postfixSubmission = `mynetworks =
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = LOGINS
smtpd_milters = inet:127.0.0.1:8891
milter_default_action = tempfail
sender_canonical_maps = texthash:DIR/conf/returned
sender_canonical_classes = envelope_sender
smtp_tls_security_level = may
`

const realmMailbox = `  imap: imaps://imap.elsewhere.example:993
  tls: {ca: ca.pem}
  password: {env: PROBE}
`

// The mailboxes do not move here: one server is both sides.
const postConfig = `domain: example.org
provider: ./provider.yaml
vars:
  verify: "story-1f2e3d"
  dkim: "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
source:
  imap: imaps://imap.elsewhere.example:993
  tls: {ca: ca.pem}
target:
  imap: imaps://imap.elsewhere.example:993
  smtp: smtps://smtp.provider.example:465
  tls: {ca: ca.pem}
accounts: accounts.csv
dns:
  snapshot: {axfr: "PRIMARY", tsig: {name: transfer., algorithm: hmac-sha256, secret: {env: READ_KEY}}}
probe:
  address: probe@elsewhere.example
MAILBOX
`
