package migrate

import (
	"fmt"
	"slices"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/config"
)

// accounts reads the account list and resolves what the logins need. With
// names only those are returned, in the order of the file; a name may be the
// address, the source user or the target user.
func (m *Move) accounts(p *provider.Provider, names []string) ([]mailbox.Account, error) {
	if err := m.Config.Require("source.imap", "accounts"); err != nil {
		return nil, err
	}
	rows, err := config.LoadAccounts(m.Config.Accounts, m.Config.Domain)
	if err != nil {
		return nil, err
	}
	source, err := m.imap(m.Config.Source.IMAP, m.Config.Source.TLS, m.Config.Source.Insecure)
	if err != nil {
		return nil, err
	}
	to, err := m.targetIMAP(p)
	if err != nil {
		return nil, err
	}
	target, err := m.imap(to, m.Config.Target.TLS, m.Config.Target.Insecure)
	if err != nil {
		return nil, err
	}
	rows, err = chosen(m.Config.Accounts, rows, names)
	if err != nil {
		return nil, err
	}
	var accounts []mailbox.Account
	for _, row := range rows {
		a := mailbox.Account{Name: row.Name(), Into: row.Into}
		a.Source.Endpoint, a.Target.Endpoint = source, target
		if a.Source.Login, err = m.login(m.Config.Source, row.SourceUser, row.SourcePassword); err != nil {
			return nil, fmt.Errorf("%s:%d: source of %s: %w", m.Config.Accounts, row.Line, row.Name(), err)
		}
		if a.Target.Login, err = m.login(m.Config.Target, row.TargetUser, row.TargetPassword); err != nil {
			return nil, fmt.Errorf("%s:%d: target of %s: %w", m.Config.Accounts, row.Line, row.Name(), err)
		}
		accounts = append(accounts, a)
	}
	return accounts, nil
}

// chosen keeps the rows that were named.
func chosen(file string, rows []config.Account, names []string) ([]config.Account, error) {
	if len(names) == 0 {
		return rows, nil
	}
	found := make(map[string]bool)
	var kept []config.Account
	for _, row := range rows {
		for _, name := range names {
			if slices.Contains([]string{row.Address, row.SourceUser, row.TargetUser, row.Name()}, name) {
				found[name] = true
				kept = append(kept, row)
				break
			}
		}
	}
	for _, name := range names {
		if !found[name] {
			return nil, &config.Error{File: file, Text: fmt.Sprintf("no account %q", name), Fix: "name an address of the list"}
		}
	}
	return kept, nil
}

// login resolves the password of one side, or the master user's, or says where
// the access tokens come from.
func (m *Move) login(s config.Server, user string, password config.Secret) (imapconn.Login, error) {
	if s.OAuth != nil {
		account, err := m.bearer(s.OAuth, reading, user, password)
		return imapconn.Login{User: user, Bearer: account}, err
	}
	if s.Master == nil {
		text, err := m.secret(password)
		return imapconn.Login{User: user, Password: text}, err
	}
	text, err := m.secret(s.Master.Password)
	switch {
	case err != nil:
		return imapconn.Login{}, err
	case s.AuthzID:
		return imapconn.Login{User: s.Master.User, AuthzID: user, Password: text}, nil
	}
	return imapconn.Login{User: user + s.Master.Separator + s.Master.User, Password: text}, nil
}

// targetIMAP returns where the provider's mailboxes are.
func (m *Move) targetIMAP(p *provider.Provider) (*config.Endpoint, error) {
	if e := m.Config.Target.IMAP; e != nil {
		return e, nil
	}
	if p.NoIMAP != "" {
		return nil, &config.Error{File: m.Config.File, Text: p.NoIMAP, Fix: "plan the DNS side with mxmove plan --dns"}
	}
	return m.providerHost(p.IMAP, "imap", "target.imap")
}

// targetSMTP returns where the provider takes mail of its users.
func (m *Move) targetSMTP(p *provider.Provider) (*config.Endpoint, error) {
	if e := m.Config.Target.SMTP; e != nil {
		return e, nil
	}
	return m.providerHost(p.SMTP, "smtp", "target.smtp")
}

// providerHost turns the provider's own server into an endpoint.
func (m *Move) providerHost(e provider.Endpoint, protocol, key string) (*config.Endpoint, error) {
	if e.Host == "" {
		return nil, &config.Error{File: m.Config.File, Text: fmt.Sprintf("the provider offers no %s server that is known", protocol), Fix: "add " + key}
	}
	scheme := protocol
	if e.TLS == "implicit" {
		scheme += "s"
	}
	return &config.Endpoint{Scheme: scheme, Host: e.Host, Port: e.Port}, nil
}
