package migrate

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/config"
)

// An identity is an address that mail is sent from, and the account that sends.
type identity struct {
	address string
	account string // the name of a row; empty: nobody of the list sends from there
}

// identities lists the addresses to send a probe from: those that were asked for,
// every one of the list, or one of each domain.
func identities(o DMARCOptions, file string, rows []config.Account, domains []string) ([]identity, error) {
	mine := rows
	if o.Account != "" {
		var err error
		if mine, err = chosen(file, rows, []string{o.Account}); err != nil {
			return nil, err
		}
	}
	switch {
	case len(o.From) > 0:
		return askedSenders(o, file, mine, domains)
	case o.Each:
		return everySender(mine, domains), nil
	case o.Account != "":
		return []identity{{mine[0].Address, mine[0].Name()}}, nil
	}
	var one []identity
	all := everySender(rows, domains)
	for _, domain := range domains {
		i := slices.IndexFunc(all, func(s identity) bool { return domainOf(s.address) == dmarc.Canonical(domain) })
		if i < 0 {
			one = append(one, identity{address: "@" + domain})
			continue
		}
		one = append(one, all[i])
	}
	return one, nil
}

// askedSenders finds who sends from the addresses. One that the list does not
// have is sent from by the account that was named, or the first: an alias that
// nobody wrote down, or a sub-domain.
func askedSenders(o DMARCOptions, file string, rows []config.Account, domains []string) ([]identity, error) {
	var asked []identity
	for _, from := range o.From {
		local, domain := "", domainOf(from)
		if at := strings.LastIndexByte(from, '@'); at >= 0 {
			local = from[:at]
		}
		address := local + "@" + domain
		if a, err := mail.ParseAddress(address); err != nil || a.Address != address || !ours(domain, domains) {
			return nil, &config.Error{File: file, Text: fmt.Sprintf("%q is no address of %s", from, strings.Join(domains, ", ")),
				Fix: "name an address of a domain that moves, or of a domain below it"}
		}
		s := identity{address: address, account: rows[0].Name()}
		for _, row := range rows {
			if slices.ContainsFunc(append([]string{row.Address}, row.Aliases...), func(a string) bool { return strings.EqualFold(a, s.address) }) {
				s.account = row.Name()
				break
			}
		}
		if !slices.Contains(asked, s) {
			asked = append(asked, s)
		}
	}
	return asked, nil
}

// everySender lists the addresses of all accounts, then their aliases: what
// lies outside of the domains is not ours to prove.
func everySender(rows []config.Account, domains []string) []identity {
	var all []identity
	add := func(address, account string) {
		known := slices.ContainsFunc(all, func(s identity) bool { return strings.EqualFold(s.address, address) })
		if !known && ours(domainOf(address), domains) {
			all = append(all, identity{address, account})
		}
	}
	for _, row := range rows {
		add(row.Address, row.Name())
	}
	for _, row := range rows {
		for _, alias := range row.Aliases {
			add(alias, row.Name())
		}
	}
	return all
}

// ours reports whether a domain is one of these or below one.
func ours(domain string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return within(domain, dmarc.Canonical(d)) })
}

// domainOf is what stands after the last @ of an address, as names compare.
func domainOf(address string) string {
	return dmarc.Canonical(address[strings.LastIndexByte(address, '@')+1:])
}
