package migrate_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A realm is a domain among others, on real servers at their real ports, and
// the program that moves it.
type realm struct {
	*product
	dns            *bind
	source, target *dovecot
	old, provider  *postfix
	senders        []*postfix
	post           *postOffice
	flow           *flow
}

var realmUsers = []string{"anna", "bert", "info"}

// newRealm starts the world inside a realm. With later set, the old server
// tells some senders to come back later, again and again.
func newRealm(t *testing.T, bin string, later bool) *realm {
	t.Helper()
	dir, ca := openFolder(t), newAuthority(t)
	enterRealm(t, dir, rootIP, primaryIP, secondaryIP, oldIP, newMX1IP, newMX2IP, newIMAPIP, senderOneIP, senderTwoIP)
	r := &realm{
		post:    newPostOffice(t),
		source:  &dovecot{name: "source", separator: ".", location: "maildir:~/Maildir", dir: filepath.Join(dir, "source"), users: map[string]string{}},
		target:  &dovecot{name: "target", separator: "/", location: "sdbox:~/sdbox", dir: filepath.Join(dir, "target"), users: map[string]string{}},
		product: &product{bin: bin, dir: filepath.Join(t.TempDir(), "move")},
	}
	for _, user := range realmUsers {
		r.source.users[user], r.target.users[at(user)] = "old-"+user+"-password", "new-"+user+"-password"
	}
	r.dns = startNames(t, filepath.Join(dir, "dns"), r.post.record())
	r.source.startMail(t, ca, "mail.example.org", oldIP, "%Ln", oldFilter)
	r.target.startMail(t, ca, "imap.provider.example", newIMAPIP, "%Lu", "")
	r.post.start(t, ca, func(user, password string) bool { return password == r.target.users[user] && password != "" })
	r.exchangers(t, dir, later)
	r.write(t, ca)
	return r
}

// exchangers starts everybody's Postfix: the domain's old and new one, and two
// that send, one of which keeps connections for as long as it may.
func (r *realm) exchangers(t *testing.T, dir string, later bool) {
	t.Helper()
	home := func(name string) string { return filepath.Join(dir, name) }
	r.old = &postfix{host: "mail.example.org", addrs: []string{oldIP}, dir: home("old"),
		lines: strings.ReplaceAll(postfixDomain, "LMTP", oldIP), files: postfixTables(later)}
	r.provider = &postfix{host: "mx1.provider.example", addrs: []string{newMX1IP, newMX2IP}, dir: home("provider"),
		lines: strings.ReplaceAll(postfixDomain, "LMTP", newIMAPIP), files: postfixTables(false)}
	r.provider.files["aliases"] = strings.ReplaceAll(r.provider.files["aliases"], forgotten+" anna@example.org\n", "")
	r.senders = []*postfix{
		{host: "out1.internet.example", addrs: []string{senderOneIP}, dir: home("out1"), lines: postfixSender},
		{host: "out2.internet.example", addrs: []string{senderTwoIP}, dir: home("out2"), lines: postfixSender + "smtp_connection_cache_on_demand = no\n"},
	}
	for _, p := range r.everybody() {
		p.start(t)
	}
}

func (r *realm) everybody() []*postfix { return append([]*postfix{r.old, r.provider}, r.senders...) }

// startMail runs a Dovecot at its real ports, to which mail comes by LMTP. A
// filter says into which mailboxes.
func (d *dovecot) startMail(t *testing.T, ca *authority, host, ip, login, filter string) {
	t.Helper()
	for _, sub := range []string{"run", "mail", "sieve"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.addr, d.tls = net.JoinHostPort(ip, "993"), ca.client(host)
	ca.issue(t, host, filepath.Join(d.dir, "cert.pem"), filepath.Join(d.dir, "key.pem"))
	d.write(t, "users", d.passwords())
	conf := d.config(t, 993)
	for was, is := range map[string]string{"protocols = imap\n": "protocols = imap lmtp\n", "listen = 127.0.0.1\n": "listen = " + ip + "\n"} {
		if !strings.Contains(conf, was) {
			t.Fatalf("the configuration of Dovecot has no line %q", was)
		}
		conf = strings.Replace(conf, was, is, 1)
	}
	conf += strings.NewReplacer("IP", ip, "LOGIN", login).Replace(dovecotDelivery)
	if filter != "" {
		d.write(t, "sieve/before.sieve", filter)
		conf += "plugin {\n  sieve_before = " + filepath.Join(d.dir, "sieve", "before.sieve") + "\n}\n"
	}
	d.write(t, "dovecot.conf", conf)
	owned(t, "mail", filepath.Join(d.dir, "sieve"))
	serve(t, d.addr, filepath.Join(d.dir, "log"), program("dovecot"), "-F", "-c", filepath.Join(d.dir, "dovecot.conf"))
}

// write makes the move directory.
func (r *realm) write(t *testing.T, ca *authority) {
	t.Helper()
	table := "source_user,target_user,source_password,target_password,aliases\n"
	for _, user := range realmUsers {
		aliases := map[string]string{"anna": "sales@example.org anna@example.net", "info": "postmaster@example.org abuse@example.org"}[user]
		up := strings.ToUpper(user)
		table += fmt.Sprintf("%s,%s,env:OLD_%s,env:NEW_%s,%s\n", user, at(user), up, up, aliases)
		r.secret("OLD_"+up, r.source.users[user])
		r.secret("NEW_"+up, r.target.users[at(user)])
	}
	r.secret("PROBE", r.post.password)
	r.secret("UPDATE_KEY", r.dns.update)
	r.secret("READ_KEY", r.dns.read)
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	text := strings.NewReplacer("SIGNER", r.post.record(), "PRIMARY", r.dns.primary,
		"POSTFIX", r.old.conf, "DOVECOT", r.source.dir, "POSTLOG", r.old.log(),
		"SUBMISSION", port(r.post.submission.Addr()), "ELSEWHERE", port(r.post.mailbox.Addr())).Replace(realmConfig)
	if err := errors.Join(
		os.Mkdir(r.dir, 0o700),
		os.WriteFile(filepath.Join(r.dir, "mxmove.yaml"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(r.dir, "accounts.csv"), []byte(table), 0o600),
		os.WriteFile(filepath.Join(r.dir, "provider.yaml"), []byte(storyProvider), 0o600),
		os.WriteFile(filepath.Join(r.dir, "ca.pem"), ca.pem, 0o600),
	); err != nil {
		t.Fatal(err)
	}
}

// value is the secret of a variable.
func (r *realm) value(name string) string {
	for _, e := range r.env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

func (r *realm) secret(name, value string) {
	r.env = append(r.env, name+"="+value)
	r.secrets = append(r.secrets, value)
}

const oldFilter = `require ["fileinto", "mailbox"];
if exists "List-Id" {
	fileinto :create "Lists.Internet";
} elsif header :contains "Subject" "invoice" {
	fileinto :create "Invoices";
}
`

const dovecotDelivery = `
auth_username_format = LOGIN
service lmtp {
  inet_listener lmtp {
    address = IP
    port = 24
  }
}
protocol lmtp {
  mail_plugins = sieve
  postmaster_address = postmaster@example.org
}
`

// forgotten is the address that nobody has created at the provider yet.
const forgotten = "sales@example.net"

// remember creates the address at the provider.
func (r *realm) remember(t *testing.T) {
	t.Helper()
	table := r.provider.files["aliases"] + forgotten + " anna@example.org\n"
	if err := os.WriteFile(filepath.Join(r.provider.conf, "aliases"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, "postfix", "-c", r.provider.conf, "reload")
}

const postfixDomain = `mynetworks = 127.0.0.1/32
virtual_mailbox_domains = example.org
virtual_alias_domains = example.net
virtual_mailbox_maps = texthash:DIR/conf/people
virtual_alias_maps = texthash:DIR/conf/aliases
virtual_transport = lmtp:inet:LMTP:24
smtpd_sender_restrictions = check_sender_access texthash:DIR/conf/later
`

// A connection to the old server is used again for as long as there is mail
// for it, whatever the DNS says by then; by default for five minutes.
const postfixSender = `mynetworks = 127.0.0.1/32, 203.0.113.0/24
smtp_connection_reuse_time_limit = 10s
`

// postfixTables are the addresses that a server of the domain accepts.
func postfixTables(later bool) map[string]string {
	files := map[string]string{
		"people": "", "aliases": "", "later": "",
	}
	for _, user := range realmUsers {
		files["people"] += at(user) + " here\n"
		files["aliases"] += user + "@example.net " + at(user) + "\n"
	}
	for _, domain := range []string{"@example.org ", "@example.net "} {
		files["aliases"] += "postmaster" + domain + at("info") + "\nabuse" + domain + at("info") + "\nsales" + domain + at("anna") + "\n"
	}
	if later {
		files["later"] = laterSender + " 450 4.7.1 come back later\n"
	}
	return files
}

const realmConfig = `domain: example.org
provider: ./provider.yaml
vars:
  verify: "story-1f2e3d"
  dkim: "SIGNER"
alias_domains:
  example.net: {vars: {verify: "story-4a5b6c", dkim: "SIGNER"}}
source:
  imap: imaps://mail.example.org:993
  tls: {ca: ca.pem}
target:
  imap: imaps://imap.provider.example:993
  smtp: smtps://smtp.provider.example:SUBMISSION
  tls: {ca: ca.pem}
accounts: accounts.csv
inventory:
  postfix: POSTFIX
  dovecot: DOVECOT
  maillog: ["POSTLOG*"]
dns:
  snapshot: {axfr: "PRIMARY", tsig: {name: transfer., algorithm: hmac-sha256, secret: {env: READ_KEY}}}
  publisher:
    rfc2136: {server: "PRIMARY", tsig: {name: mxmove., algorithm: hmac-sha256, secret: {env: UPDATE_KEY}}}
probe:
  address: probe@elsewhere.example
  imap: imaps://imap.elsewhere.example:ELSEWHERE
  tls: {ca: ca.pem}
  password: {env: PROBE}
policy:
  quiet: 8s
  sweep: 1s
`
