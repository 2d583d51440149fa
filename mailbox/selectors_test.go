package mailbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// signed is a letter that bears a signature.
func signed(n int, domain, selector string) imaplab.Message {
	m := letter(n)
	m.Body = append(fmt.Appendf(nil, "DKIM-Signature: v=1; a=rsa-sha256;\r\n\td=%s; s=%s; b=x\r\n", domain, selector), m.Body...)
	return m
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Gesendet", imap.MailboxAttrSent)
	l.from.Create("INBOX.Other", "")
	deliver(t, l.from, "INBOX", signed(0, "example.org", "longago"))
	deliver(t, l.from, "INBOX", letters(1, 50)...)
	deliver(t, l.from, "INBOX", signed(50, "example.org", "own"))
	deliver(t, l.from, "INBOX.Gesendet", signed(51, "example.org", "own"), signed(52, "example.net", "alias"), signed(53, "evil.example", "foreign"))
	deliver(t, l.from, "INBOX.Other", signed(54, "example.org", "elsewhere"))

	o := mailbox.LoginOptions{Inventory: true, Domains: []string{"example.org", "example.net"}}
	results := mailbox.Logins(t.Context(), []mailbox.Account{l.account}, o)
	got := mailbox.Selectors(results)
	want := []mailbox.Selector{{Name: "own", Domain: "example.org"}, {Name: "alias", Domain: "example.net"}}
	if !slices.Equal(got, want) {
		t.Errorf("Selectors() = %v, want %v", got, want)
	}
	for _, line := range l.source.Commands() {
		upper := strings.ToUpper(line)
		if strings.HasPrefix(upper, "SELECT") || strings.Contains(upper, "BODY[") {
			t.Errorf("the source was sent %q", line)
		}
	}

	o.Domains = nil
	if got := mailbox.Selectors(mailbox.Logins(t.Context(), []mailbox.Account{l.account}, o)); len(got) != 0 {
		t.Errorf("Selectors() = %v although nobody asked for them", got)
	}
}

// What cannot be read costs the selectors, and the login is fine.
func TestSelectorsUnreadable(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", signed(0, "example.org", "own"))
	l.source.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "UID FETCH" {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}})
	results := mailbox.Logins(t.Context(), []mailbox.Account{l.account}, mailbox.LoginOptions{Inventory: true, Domains: []string{"example.org"}})
	if r := results[0]; r.Source != mailbox.OK || len(r.Findings) > 0 || len(r.Signed) > 0 {
		t.Errorf("Logins() = %+v, want a good source and no selector", r)
	}
}
