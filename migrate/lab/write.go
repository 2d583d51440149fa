package lab

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// newMailboxes are what a fresh account at the provider holds.
var newMailboxes = []struct {
	name string
	use  imap.MailboxAttr
}{
	{"Sent Items", imap.MailboxAttrSent},
	{"Drafts", imap.MailboxAttrDrafts},
	{"Deleted Items", imap.MailboxAttrTrash},
	{"Junk Email", imap.MailboxAttrJunk},
	{"Archive", imap.MailboxAttrArchive},
}

// configFile is written as a user would, with names and ports as on the
// Internet; that they lead to loopback stands in the last section alone.
const configFile = `# The move of a domain that lives on this machine alone.
domain: example.org
provider: ./provider.yaml
vars:
  verify: 7c0e91d2
  dkim: "<DKIM>"

source:
  imap: imaps://mail.example.org:993
target:
  imap: imaps://imap.provider.example:993
  smtp: smtps://smtp.provider.example:465
accounts: accounts.csv

dns:
  resolver: <RESOLVER>
  snapshot: {axfr: "192.0.2.53:53", tsig: {name: mxmove., algorithm: hmac-sha256, secret: {file: zone.key}}}
  publisher:
    rfc2136: {server: "192.0.2.53:53", tsig: {name: mxmove., algorithm: hmac-sha256, secret: {file: zone.key}}}

probe:
  address: probe@elsewhere.example
  imap: imaps://imap.elsewhere.example:993
  password: {file: probe.password}

policy:
  quiet: 2s
  sweep: 1s

rehearsal:
  connect:
<CONNECT>  ca: ca.pem
`

// providerFile describes the lab's provider in the format of the catalogue.
const providerFile = `name: lab
title: Provider of the lab
mx:
  source: the lab's own zone
  checked: "2026-11-24"
  records:
    - {preference: 10, host: mx1.provider.example}
    - {preference: 20, host: mx2.provider.example}
spf:
  source: the lab's own zone
  checked: "2026-11-24"
  include: _spf.provider.example
  terminal: "~all"
dkim:
  source: the lab's own zone
  checked: "2026-11-24"
  records:
    - {name: s1._domainkey, type: TXT, value: "%dkim%"}
    - {name: s2._domainkey, type: CNAME, value: "s2.%domain_dashed%.dkim.provider.example."}
verify:
  source: the lab's own zone
  checked: "2026-11-24"
  records:
    - {name: "@", type: TXT, value: "lab-verification=%verify%"}
discovery:
  source: the lab's own zone
  checked: "2026-11-24"
  records:
    - {name: autodiscover, type: CNAME, value: autodiscover.provider.example.}
    - {name: _imaps._tcp, type: SRV, value: 0 1 993 imap.provider.example.}
variables:
  - {name: verify, title: verification code, where: "Domains, Verify", required: true}
  - {name: dkim, title: DKIM record of the selector s1, where: "Domains, DKIM", required: true}
imap:
  source: the lab's own servers
  checked: "2026-11-24"
  host: imap.provider.example
  port: 993
  tls: implicit
  login: [password]
smtp:
  source: the lab's own servers
  checked: "2026-11-24"
  host: smtp.provider.example
  port: 465
  tls: implicit
  login: [password]
mailboxes:
  source: names of a new account
  checked: "2026-11-24"
  names:
<NAMES>`

// Write makes an ordinary move directory for the domain: the configuration,
// the accounts, the provider's file and the secrets. The directory is created
// when it is missing; files that are there already are refused.
func (d *Domain) Write(dir string) error {
	key, err := keyRecord(d.keys[newSelector])
	if err != nil {
		return err
	}
	accounts, err := d.accounts()
	if err != nil {
		return err
	}
	var connect, names strings.Builder
	for _, from := range slices.Sorted(maps.Keys(d.connect)) {
		fmt.Fprintf(&connect, "    %q: %q\n", from, d.connect[from])
	}
	for _, m := range newMailboxes {
		fmt.Fprintf(&names, "    %s: %s\n", m.use, m.name)
	}
	fill := strings.NewReplacer("<DKIM>", key, "<RESOLVER>", d.Resolver.Addr(), "<CONNECT>", connect.String(), "<NAMES>", names.String())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(
		write(dir, "mxmove.yaml", fill.Replace(configFile)),
		write(dir, "provider.yaml", fill.Replace(providerFile)),
		write(dir, "accounts.csv", accounts),
		write(dir, "zone.key", d.tsig.Secret+"\n"),
		write(dir, "probe.password", d.Probe.NewPassword+"\n"),
		write(dir, "ca.pem", string(d.ca.pem)),
	)
}

// accounts writes accounts.csv with the passwords in it, which the program takes
// from a file that nobody else can read.
func (d *Domain) accounts() (string, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"source_user", "target_user", "source_password", "target_password"}}
	for _, p := range d.People {
		rows = append(rows, []string{p.User, p.Address, p.OldPassword, p.NewPassword})
	}
	if err := w.WriteAll(rows); err != nil {
		return "", err
	}
	return b.String(), nil
}

// write makes a file that nobody else can read, and never over another.
func write(dir, name, text string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
