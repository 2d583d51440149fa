package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A domain is everything that a move touches, on real servers, and the
// program that moves it.
type domain struct {
	*product
	dns            *bind
	source, target *dovecot
	way            *ferry // to the target
	post           *postOffice
	accounts       []string
	has            map[string]holding
}

// newDomain starts the servers and fills the old one. totals are the messages
// of each account; awkward mail is in the first.
func newDomain(t *testing.T, bin string, totals map[string]int, awkward bool) *domain {
	t.Helper()
	dir, ca := openFolder(t), newAuthority(t)
	d := &domain{
		post: newPostOffice(t),
		source: &dovecot{
			name: "source", separator: ".", location: "maildir:~/Maildir",
			dir: filepath.Join(dir, "source"), users: map[string]string{},
		},
		target: &dovecot{
			name: "target", separator: "/", location: "sdbox:~/sdbox",
			dir: filepath.Join(dir, "target"), users: map[string]string{},
		},
		product: &product{bin: bin, dir: filepath.Join(t.TempDir(), "move")},
		has:     map[string]holding{},
	}
	for _, user := range []string{"anna", "bert", "info"} {
		if totals[user] == 0 {
			continue
		}
		d.accounts = append(d.accounts, user)
		d.source.users[user] = `old "` + user + `" pass\word`
		d.target.users[at(user)] = "new-" + user + "-password"
	}
	d.dns = &bind{dir: filepath.Join(dir, "dns"), signer: d.post.record()}
	d.dns.start(t)
	d.source.start(t, ca, "mail.example.org")
	d.target.start(t, ca, "imap.provider.example")
	d.post.start(t, ca, func(user, password string) bool { return password == d.target.users[user] && password != "" })
	d.way = ferryTo(t, d.target.addr)
	d.fill(t, totals, awkward)
	d.write(t, ca)
	return d
}

// at is the login of a user at the target.
func at(user string) string { return user + "@example.org" }

func (d *domain) fill(t *testing.T, totals map[string]int, awkward bool) {
	t.Helper()
	for i, user := range d.accounts {
		b := newPostbag(20261124, user)
		if awkward && i == 0 {
			b.awkward()
		}
		d.has[user] = b.ordinary(totals[user])
		if err := d.source.fill(t.Context(), user, d.has[user]); err != nil {
			t.Fatal(err)
		}
	}
}

// write makes the move directory, and puts the secrets where a person would.
func (d *domain) write(t *testing.T, ca *authority) {
	t.Helper()
	table := "source_user,target_user,source_password,target_password\n"
	for _, user := range d.accounts {
		up := strings.ToUpper(user)
		table += fmt.Sprintf("%s,%s,env:OLD_%s,env:NEW_%s\n", user, at(user), up, up)
		d.secret("OLD_"+up, d.source.users[user])
		d.secret("NEW_"+up, d.target.users[at(user)])
	}
	d.secret("PROBE", d.post.password)
	d.secret("UPDATE_KEY", d.dns.update)
	d.secret("READ_KEY", d.dns.read)
	text := strings.NewReplacer("PRIMARY", d.dns.primary, "SECONDARY", d.dns.secondary, "RESOLVER", d.dns.resolver,
		"SOURCE", d.source.addr, "TARGET", d.way.addr, "SUBMISSION", d.post.submission.Addr(),
		"ELSEWHERE", d.post.mailbox.Addr(), "SIGNER", d.post.record()).Replace(storyConfig)
	if err := errors.Join(
		os.Mkdir(d.dir, 0o700),
		os.WriteFile(filepath.Join(d.dir, "mxmove.yaml"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(d.dir, "accounts.csv"), []byte(table), 0o600),
		os.WriteFile(filepath.Join(d.dir, "provider.yaml"), []byte(storyProvider), 0o600),
		os.WriteFile(filepath.Join(d.dir, "ca.pem"), ca.pem, 0o600),
	); err != nil {
		t.Fatal(err)
	}
}

// secret gives the program a secret by its environment; a later one of the
// same name replaces it.
func (d *domain) secret(name, value string) {
	d.env = append(d.env, name+"="+value)
	d.secrets = append(d.secrets, value)
}

// octets is the size of all mail at the old server.
func (d *domain) octets() int64 {
	var n int64
	for _, h := range d.has {
		for _, l := range h.Letters {
			n += int64(len(l.Raw))
		}
	}
	return n
}

// dumps reads every account of one server.
func (d *domain) dumps(t *testing.T, s *dovecot) map[string]dump {
	t.Helper()
	all := map[string]dump{}
	for _, user := range d.accounts {
		got, err := s.dump(t.Context(), d.login(s, user))
		if err != nil {
			t.Fatal(err)
		}
		all[user] = got
	}
	return all
}

func (d *domain) login(s *dovecot, user string) string {
	if s == d.target {
		return at(user)
	}
	return user
}

// arrived reports what is missing or too much at the target for user.
func (d *domain) arrived(ctx context.Context, user string) ([]string, error) {
	got, err := d.target.dump(ctx, at(user))
	if err != nil {
		return nil, err
	}
	return faults(d.has[user].want(d.target.wire), got), nil
}

// exact fails the test unless the target holds every letter exactly once.
func (d *domain) exact(t *testing.T, users ...string) {
	t.Helper()
	for _, user := range users {
		fs, err := d.arrived(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		report(t, "target of "+user, fs)
	}
}

// sourceUntouched fails the test when anything that was at the source before
// is not there as it was.
func (d *domain) sourceUntouched(t *testing.T, before map[string]dump) {
	t.Helper()
	after := d.dumps(t, d.source)
	for _, user := range d.accounts {
		report(t, "source of "+user, untouched(before[user], after[user]))
	}
}

const storyConfig = `domain: example.org
provider: ./provider.yaml
vars:
  verify: "story-1f2e3d"
  dkim: "SIGNER"
source:
  imap: imaps://mail.example.org:993
target:
  imap: imaps://imap.provider.example:993
  smtp: smtps://smtp.provider.example:465
accounts: accounts.csv
dns:
  resolver: RESOLVER
  snapshot: {axfr: "192.0.2.53:53", tsig: {name: transfer., algorithm: hmac-sha256, secret: {env: READ_KEY}}}
  publisher:
    rfc2136: {server: "192.0.2.53:53", tsig: {name: mxmove., algorithm: hmac-sha256, secret: {env: UPDATE_KEY}}}
probe:
  address: probe@elsewhere.example
  imap: imaps://imap.elsewhere.example:993
  password: {env: PROBE}
policy:
  quiet: 2s
  sweep: 1s
rehearsal:
  connect:
    "192.0.2.53:53": "PRIMARY"
    "192.0.2.54:53": "SECONDARY"
    "mail.example.org:993": "SOURCE"
    "imap.provider.example:993": "TARGET"
    "smtp.provider.example:465": "SUBMISSION"
    "imap.elsewhere.example:993": "ELSEWHERE"
  ca: ca.pem
`

const storyProvider = `name: story
title: A provider for rehearsals
mx:
  source: https://provider.example/dns
  checked: 2026-11-24
  records:
    - {preference: 10, host: mx1.provider.example}
    - {preference: 20, host: mx2.provider.example}
spf:
  source: https://provider.example/dns
  checked: 2026-11-24
  include: _spf.provider.example
  terminal: "~all"
dkim:
  source: https://provider.example/dns
  checked: 2026-11-24
  records:
    - {name: s1._domainkey, type: TXT, value: "%dkim%"}
    - {name: s2._domainkey, type: CNAME, value: "s2.%domain_dashed%.dkim.provider.example."}
verify:
  source: https://provider.example/dns
  checked: 2026-11-24
  records:
    - {name: "@", type: TXT, value: "story-verification=%verify%"}
discovery:
  source: https://provider.example/dns
  checked: 2026-11-24
  records:
    - {name: autodiscover, type: CNAME, value: "autodiscover.provider.example."}
    - {name: _imaps._tcp, type: SRV, value: "0 1 993 imap.provider.example."}
variables:
  - {name: verify, title: verification code, where: "Domains, example.org, Verify", required: true}
  - {name: dkim, title: DKIM key, where: "Domains, example.org, DKIM", required: true}
imap:
  source: https://provider.example/clients
  checked: 2026-11-24
  host: imap.provider.example
  port: 993
  tls: implicit
  login: [password]
`
