package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
)

// accountsHeader is the first line of a new accounts.csv.
const accountsHeader = "address,source_user,source_password,target_user,target_password,aliases\n"

// Init writes a commented mxmove.yaml and an empty accounts.csv into a
// directory, from what the DNS says of the domain. It never writes over a
// file. A DNS that does not answer leaves gaps to fill in, and is returned as
// a note.
func Init(ctx context.Context, dir, domain string, p *provider.Provider, client *resolver.Client) (note, err error) {
	domain = strings.TrimSuffix(zone.Canonical(domain), ".")
	old, note := mailHost(ctx, client, domain)
	files := []struct {
		name, text string
		mode       os.FileMode
	}{
		{config.File, configText(domain, old, p), 0o644},
		{"accounts.csv", accountsHeader, 0o600},
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			return note, &config.Error{File: filepath.Join(dir, f.name), Text: "exists already and is not written over", Fix: "use another directory with -C"}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return note, err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return note, err
	}
	for _, f := range files {
		if err := writeNew(filepath.Join(dir, f.name), f.text, f.mode); err != nil {
			return note, err
		}
	}
	return note, nil
}

func writeNew(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// such shows an example beside a value that is to be filled in: as the value
// itself it might be published as it stands.
func such(example string) string {
	if example == "" {
		return ""
	}
	return ", such as " + strings.ReplaceAll(example, "\n", " ")
}

// mailHost guesses the old IMAP server: on small servers it is the MX.
func mailHost(ctx context.Context, client *resolver.Client, domain string) (string, error) {
	data, err := client.Lookup(ctx, domain, dns.TypeMX)
	if err != nil {
		return "", err
	}
	if len(data) == 0 {
		return "", nil
	}
	return strings.TrimSuffix(data[0][strings.LastIndexByte(data[0], ' ')+1:], "."), nil
}

// configText writes the configuration with what is known filled in.
func configText(domain, old string, p *provider.Provider) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A move of %s to %s.\n# Every key: the README. No password stands in here: {env: NAME}, {file: PATH},\n# {command: [ARGV...]} or {prompt: true} name where it is.\n\n", domain, p.Title)
	fmt.Fprintf(&b, "domain: %s\nprovider: %s\n", domain, p.Name)
	if len(p.Variables) > 0 {
		fmt.Fprintf(&b, "\n# What only the provider's console can tell (mxmove providers %s).\n", p.Name)
		required := false
		for _, v := range p.Variables {
			required = required || v.Required && !v.AfterVerification
		}
		if required {
			b.WriteString("vars:\n")
		} else {
			b.WriteString("# vars:\n")
		}
		for _, v := range p.Variables {
			mark := "# "
			if v.Required && !v.AfterVerification {
				mark = ""
			}
			empty := `""`
			if v.List {
				empty = "[]"
			}
			fmt.Fprintf(&b, "%s  %s: %s   # %s: %s%s\n", mark, v.Name, empty, v.Title, strings.ReplaceAll(v.Where, "\n", " "), such(v.Example))
		}
	}
	if old == "" {
		fmt.Fprintf(&b, "\nsource:\n  imap: imaps://mail.%s:993   # a guess: no MX could be seen\n", domain)
	} else {
		fmt.Fprintf(&b, "\nsource:\n  imap: imaps://%s:993   # the MX as it is now\n", old)
	}
	b.WriteString("  # master: {user: migrator, password: {env: MASTER}, separator: \"*\"}   # one password for all accounts\n")
	b.WriteString(targetText(p))
	b.WriteString("accounts: accounts.csv\n")
	b.WriteString("\n# What the old server accepts, read from its files (copies will do), so that no\n# address is forgotten.\n# inventory: {postfix: /etc/postfix, dovecot: /etc/dovecot, maillog: [/var/log/mail.log*]}\n")
	b.WriteString("\n# Where the zone can be read whole, and where its changes are sent; without a\n# publisher plan works and prepare refuses.\n# dns:\n#   snapshot: {axfr: 192.0.2.53:53, tsig: {name: key., algorithm: hmac-sha256, secret: {file: tsig.key}}}\n#   publisher:\n#     rfc2136: {server: 192.0.2.53:53, tsig: {name: key., algorithm: hmac-sha256, secret: {file: tsig.key}}}\n")
	b.WriteString("\n# A mailbox elsewhere, for the proof of DMARC alignment.\n# probe:\n#   address: probe@elsewhere.example\n#   imap: imaps://imap.elsewhere.example\n#   password: {env: PROBE}\n#   # listen: 0.0.0.0:25   # in place of imap and password, where this machine takes the address's mail\n")
	return b.String()
}

// targetText is the part of the configuration that says where the provider
// takes mail in: what the catalogue knows needs no line.
func targetText(p *provider.Provider) string {
	switch {
	case p.NoIMAP != "":
		return "# no target: " + strings.ReplaceAll(p.NoIMAP, "\n", " ") + "; mxmove plan --dns plans the rest\n"
	case p.IMAP.Host == "":
		return "target:\n" +
			"  imap: \"\"   # the provider's IMAP server, such as imaps://imap.provider.example:993\n" +
			"  # smtp: smtps://smtp.provider.example:465   # where its users send mail, for the probes\n"
	}
	known := fmt.Sprintf("its servers are known, %s and %s", p.IMAP.Host, cmp.Or(p.SMTP.Host, "none for submission"))
	if !slices.Contains(p.IMAP.Login, "oauth") {
		return "# target: " + known + "\n"
	}
	oauth := "oauth: {kind: client-credentials, tenant: \"\", client_id: \"\", secret: {env: CLIENT_SECRET}}"
	if p.Name == "google" {
		oauth = "oauth: {kind: service-account, secret: {file: service-account.json}}"
	}
	mark, why := "", "no passwords are taken there"
	if len(p.IMAP.Login) > 1 {
		mark, why = "# ", "in place of passwords"
	}
	return fmt.Sprintf("%starget:   # %s\n%s  %s   # %s; mxmove handout admin says what to fill in\n", mark, known, mark, oauth, why)
}
