package migrate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/inventory"
	"github.com/mxmove/mxmove/migrate/step"
)

// stored is an account of the old server.
func stored(address string) inventory.Address {
	return inventory.Address{Address: address, Kind: inventory.Mailbox, Stored: true, Sources: []string{"users:1"}}
}

// peopled are facts of a move of two domains with one account, which logs in
// as u1.
func peopled() AddressFacts {
	f := moved()
	f.Domains = []string{"example.org", "example.net"}
	f.Rows = []config.Account{{Address: "anna@example.org", SourceUser: "u1"}}
	f.Users = map[string]bool{"u1@example.org": true, "u1@example.net": true}
	f.Old.Configured[0] = stored("anna@example.org")
	return f
}

func TestAccountGate(t *testing.T) {
	t.Parallel()
	add := func(a inventory.Address) func(*AddressFacts) {
		return func(f *AddressFacts) { f.Old.Configured = append(f.Old.Configured, a) }
	}
	hidden := stored("carl@example.org")
	hidden.Kind = inventory.Alias
	system := stored("news@example.org")
	system.System = true
	for _, tt := range []struct {
		name   string
		change func(*AddressFacts)
		want   string // the account that is left behind
	}{
		{"all listed", func(*AddressFacts) {}, ""},
		{"one is not", add(stored("carl@example.org")), "carl@example.org"},
		{"one whose mail goes elsewhere now", add(hidden), "carl@example.org"},
		{"one by the name it logs in with", add(stored("u1@example.org")), ""},
		{"the same mailbox in the other domain", add(stored("anna@example.net")), ""},
		{"another one in the other domain", add(stored("carl@example.net")), "carl@example.net"},
		{"one of a domain that stays", add(stored("carl@stays.example")), ""},
		{"one that systems come with", add(system), ""},
		{"one of those that somebody writes to", func(f *AddressFacts) {
			add(system)(f)
			f.Old.Observed = append(f.Old.Observed, inventory.Observation{Address: "news@example.org", Count: 2})
		}, "news@example.org"},
		{"a name without a mailbox", add(inventory.Address{Address: "list@example.org", Kind: inventory.Alias}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := peopled()
			tt.change(&f)
			got := accountGate(f)
			if len(got) != 1 {
				t.Fatalf("accountGate = %+v, want one result", got)
			}
			r := got[0]
			if tt.want == "" {
				if r.Outcome != step.Passed {
					t.Errorf("accountGate = %+v, want it passed", r)
				}
				return
			}
			if r.Outcome != step.Refused || r.Code != finding.AddressNotListed || r.Subject != tt.want || len(r.Evidence) == 0 {
				t.Errorf("accountGate = %+v, want a refusal of %s", r, tt.want)
			}
			accept(got, []Accept{{Code: finding.AddressNotListed, Subject: tt.want, Reason: "left in 2019"}}, nil, noon)
			if got[0].Outcome != step.Accepted {
				t.Errorf("%s cannot be skipped with a reason", tt.want)
			}
		})
	}
	if got := accountGate(AddressFacts{}); got != nil {
		t.Errorf("accountGate without an inventory = %+v, want no gate", got)
	}
}

// TestManyAccountsLeftBehind are told one by one up to a bound.
func TestManyAccountsLeftBehind(t *testing.T) {
	t.Parallel()
	f := peopled()
	for i := range 50 {
		f.Old.Configured = append(f.Old.Configured, stored(fmt.Sprintf("p%02d@example.org", i)))
	}
	got := accountGate(f)
	if len(got) != maxSingly+1 || len(got[maxSingly].Evidence) != 50-maxSingly {
		t.Errorf("accountGate gives %d results, want %d and the rest in one", len(got), maxSingly)
	}
}

func TestAccountFindings(t *testing.T) {
	t.Parallel()
	row := func(address, user string) func(*AddressFacts) {
		return func(f *AddressFacts) {
			f.Listed[address] = "accounts.csv:3"
			f.Rows = append(f.Rows, config.Account{Address: address, SourceUser: user})
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*AddressFacts)
		code   finding.Code
		words  string // empty: the code must not be there
	}{
		{"all known", func(*AddressFacts) {}, finding.AccountUnknown, ""},
		{"a row that is unknown", row("anan@example.org", "anan"), finding.AccountUnknown, "anan@example.org\naccounts.csv:3: source_user anan"},
		{"known by its login", func(f *AddressFacts) {
			row("anan@example.org", "U7")(f)
			f.Old.Configured = append(f.Old.Configured, stored("u7@example.org"))
		}, finding.AccountUnknown, ""},
		{"in a table that cannot be listed, perhaps", func(f *AddressFacts) {
			row("anan@example.org", "anan")(f)
			f.Old.Unlisted = []inventory.Unlisted{{What: "userdb", Why: "it is in LDAP"}}
		}, finding.AccountUnknown, ""},
		{"of a server that takes everything", func(f *AddressFacts) {
			row("anan@example.org", "anan")(f)
			f.Old.CatchAll = []inventory.Wildcard{{Domain: "example.org", Sources: []string{"virtual:1"}}}
		}, finding.AccountUnknown, ""},
		{"of which only aliases are known", func(f *AddressFacts) {
			row("anan@example.org", "anan")(f)
			f.Old.Configured[0].Stored = false
		}, finding.AccountUnknown, ""},
		{"an account that is not listed", func(f *AddressFacts) {
			f.Old.Configured = append(f.Old.Configured, stored("carl@example.org"))
		}, finding.AddressNotListed, "1 account that accounts.csv does not name: carl@example.org\ncarl@example.org: users:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := peopled()
			tt.change(&f)
			found := addressFindings(f)
			i := slices.IndexFunc(found, func(g finding.Finding) bool { return g.Code == tt.code })
			if i < 0 != (tt.words == "") {
				t.Fatalf("addressFindings = %+v, want %s only where it says %q", found, tt.code, tt.words)
			}
			if i < 0 {
				return
			}
			if all := found[i].Text + "\n" + strings.Join(found[i].Evidence, "\n"); !strings.Contains(all, tt.words) || found[i].Fix == "" {
				t.Errorf("%s says %q, want %q in it, and a remedy", tt.code, all, tt.words)
			}
		})
	}
}
