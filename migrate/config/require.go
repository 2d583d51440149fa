package config

import (
	"fmt"
	"strings"
)

// Require returns an *Error when one of the keys is absent: a command calls
// it for the keys that it uses. Known are accounts, source.imap, target.imap,
// target.smtp, dns.publisher, probe and inventory.
func (c *Config) Require(keys ...string) error {
	for _, key := range keys {
		has, example := c.has(key)
		if has {
			continue
		}
		parent, child, nested := strings.Cut(key, ".")
		fix := fmt.Sprintf("add %s: %s", key, example)
		if nested {
			fix = fmt.Sprintf("add %s: {%s: %s}", parent, child, example)
		}
		return &Error{File: c.File, Text: fmt.Sprintf("the key %q is missing, which this command needs", key), Fix: fix}
	}
	return nil
}

// has reports whether a key was given, and how it would look.
func (c *Config) has(key string) (has bool, example string) {
	switch key {
	case "accounts":
		return c.Accounts != "", "accounts.csv"
	case "source.imap":
		return c.Source.IMAP != nil, "imaps://mail." + c.Domain
	case "target.imap":
		return c.Target.IMAP != nil, "imaps://imap.provider.example"
	case "target.smtp":
		return c.Target.SMTP != nil, "smtps://smtp.provider.example"
	case "dns.publisher":
		return c.DNS.Publisher != Publisher{}, "{rfc2136: {server: ADDRESS, tsig: {name: KEY, secret: {env: TSIG}}}}"
	case "probe":
		return c.Probe != nil, "{address: probe@elsewhere.example, imap: imaps://imap.elsewhere.example, password: {env: PROBE}}, or {address: probe@this-machine.example, listen: 0.0.0.0:25}"
	case "inventory":
		return c.Inventory != nil, "{postfix: /etc/postfix}"
	}
	panic("config: no key " + key)
}
