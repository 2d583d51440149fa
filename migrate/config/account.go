package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// An Account is one row of accounts.csv.
type Account struct {
	SourceUser, TargetUser         string
	SourcePassword, TargetPassword Secret   // zero where the cell is empty
	Address                        string   // its domain is an A-label in lower case
	Aliases                        []string // further addresses of the same mailbox
	Into                           string   // parent mailbox at the target, or empty
	Line                           int      // where the row begins
}

// Name returns what the account is called in a move. It is the address, and
// with Into also that, since several rows may then share an address.
func (a Account) Name() string {
	if a.Into == "" {
		return a.Address
	}
	return a.Address + "/" + a.Into
}

// LoadAccounts reads accounts.csv. Users without a domain get the given one
// in their address. The file passes CheckFile wherever it lies. What is
// complained about is an *Error that shows no row: rows hold passwords.
func LoadAccounts(file, domain string) ([]Account, error) {
	if err := CheckFile(file); err != nil {
		return nil, err
	}
	text, err := readFile(file, maxAccounts)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, &Error{File: file, Text: "the working directory is not known", Err: err}
	}
	t := &table{file: file, dir: dir, domain: domain}
	accounts, err := t.parse(text)
	if err != nil {
		return nil, err
	}
	if err := private(file, accounts); err != nil {
		return nil, err
	}
	return accounts, nil
}

// private refuses passwords in a file that others can read.
func private(file string, accounts []Account) error {
	for _, a := range accounts {
		_, source := a.SourcePassword.Literal()
		_, target := a.TargetPassword.Literal()
		if !source && !target {
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			return unreadable(file, err)
		}
		if open := readableByOthers(info); open {
			return &Error{File: file, Line: a.Line, Column: 1,
				Text: "a password stands here, and group or others can read the file",
				Fix:  fmt.Sprintf("run chmod 600 %s, or write env:NAME or file:PATH", printable(file))}
		}
		break
	}
	return nil
}

// mailAddress returns an address with its domain as an A-label in lower case;
// where it has none, the given domain is added.
func mailAddress(s, domain string) (string, bool) {
	local, host := s, domain
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		local, host = s[:at], s[at+1:]
	}
	bad := func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '<' || r == '>' }
	if local == "" || len(local) > 64 || strings.ContainsFunc(local, bad) {
		return "", false
	}
	host, ok := domainName(host)
	return local + "@" + host, ok
}
