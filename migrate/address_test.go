package migrate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/inventory"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// moved are facts of a move whose addresses are all accepted: accounts.csv
// names anna, the old server also sales, and the log has seen extensions.
func moved() AddressFacts {
	return AddressFacts{
		Domains: []string{"example.org"},
		Listed:  map[string]string{"anna@example.org": "accounts.csv:2"},
		Old: &inventory.Set{
			Configured: []inventory.Address{
				{Address: "anna@example.org", Kind: inventory.Mailbox, Sources: []string{"passwd:3"}},
				{Address: "daemon@example.org", Kind: inventory.Alias, System: true, Sources: []string{"aliases:9"}},
				{Address: "postmaster@example.org", Kind: inventory.Alias, Sources: []string{"aliases:1"}},
				{Address: "sales@example.org", Kind: inventory.Alias, Sources: []string{"aliases:2"}},
			},
			Observed:  []inventory.Observation{{Address: "anna+shop@example.org", Count: 3, Source: "log:7"}},
			Domains:   []string{"example.org"},
			Delimiter: "+",
		},
		Soundings: map[string]Sounded{"example.org": sounded(map[string]probe.Answer{}, probe.Turned)},
	}
}

// sounded is a sounding in which every recipient of moved is accepted, but for
// the exceptions.
func sounded(except map[string]probe.Answer, control probe.Answer) Sounded {
	s := Sounded{}
	s.Control = probe.Reply{Recipient: "control@example.org", Answer: control, Code: 550}
	for _, name := range []string{"abuse", "anna", "anna+mxmove", "anna+shop", "postmaster", "sales"} {
		r := probe.Reply{Recipient: name + "@example.org", Answer: probe.Taken, Code: 250}
		if a, ok := except[name]; ok {
			r.Answer, r.Code = a, 550
		}
		s.Replies = append(s.Replies, r)
	}
	return s
}

func except(name string, a probe.Answer) func(*AddressFacts) {
	return func(f *AddressFacts) {
		f.Soundings["example.org"] = sounded(map[string]probe.Answer{name: a}, probe.Turned)
	}
}

func TestAddressGate(t *testing.T) {
	t.Parallel()
	wild := func(f *AddressFacts) {
		f.Old.CatchAll = []inventory.Wildcard{{Domain: "example.org", Sources: []string{"virtual:1"}}}
	}
	tests := []struct {
		name    string
		change  func(*AddressFacts)
		want    step.Outcome
		code    finding.Code
		subject string
	}{
		{"all accepted", func(*AddressFacts) {}, step.Passed, "", ""},
		{"an alias is refused", except("sales", probe.Turned), step.Refused, finding.AddressRefused, "sales@example.org"},
		{"an account is refused", except("anna", probe.Turned), step.Refused, finding.AddressRefused, "anna@example.org"},
		{"a seen extension is refused", except("anna+shop", probe.Turned), step.Refused, finding.AddressRefused, "anna+shop@example.org"},
		{"a sample is refused", except("anna+mxmove", probe.Turned), step.Passed, "", ""},
		{"a role nobody has is refused", except("abuse", probe.Turned), step.Passed, "", ""},
		{"refused for our own sake", except("sales", probe.Inconclusive), step.NotMeasured, finding.AddressNotMeasured, "example.org"},
		{"one was not asked", except("sales", probe.NotAsked), step.NotMeasured, finding.AddressNotMeasured, "example.org"},
		{"port 25 is closed", func(f *AddressFacts) {
			f.Soundings["example.org"] = Sounded{Reason: "connection refused"}
		}, step.NotMeasured, finding.AddressNotMeasured, "example.org"},
		{"nobody was asked", func(f *AddressFacts) { f.Soundings = nil }, step.NotMeasured, finding.AddressNotMeasured, "example.org"},
		{"everybody is accepted", func(f *AddressFacts) {
			f.Soundings["example.org"] = sounded(nil, probe.Taken)
		}, step.NotMeasured, finding.AddressNotMeasured, "example.org"},
		{"the control is not clearly refused", func(f *AddressFacts) {
			f.Soundings["example.org"] = sounded(nil, probe.Inconclusive)
		}, step.NotMeasured, finding.AddressNotMeasured, "example.org"},
		{"a catch-all is lost", wild, step.Refused, finding.CatchAll, "example.org"},
		{"a catch-all on both sides", func(f *AddressFacts) {
			wild(f)
			f.Soundings["example.org"] = sounded(nil, probe.Taken)
		}, step.Passed, "", ""},
		{"a table was not listed", func(f *AddressFacts) {
			f.Old.Unlisted = []inventory.Unlisted{{What: "virtual_alias_maps = mysql:x", Why: "it cannot", Fix: "list it"}}
		}, step.NotMeasured, finding.TableNotListed, ""},
		{"aliases alone are asked for", func(f *AddressFacts) {
			f.Old, f.Aliases = nil, true
			f.Listed["gone@example.org"] = "accounts.csv:2"
		}, step.NotMeasured, finding.AddressNotMeasured, "example.org"},
		{"addresses elsewhere do not matter", func(f *AddressFacts) {
			f.Listed["anna@elsewhere.example"] = "accounts.csv:3"
		}, step.Passed, "", ""},
		{"a system's alias that somebody writes to", func(f *AddressFacts) {
			f.Old.Observed = append(f.Old.Observed, inventory.Observation{Address: "daemon@example.org", Count: 1})
		}, step.NotMeasured, finding.AddressNotMeasured, "example.org"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := moved()
			tt.change(&f)
			got := addressGate(f)
			if len(got) != 1 || got[0].Gate != "addresses" || got[0].Outcome != tt.want || got[0].Code != tt.code || got[0].Subject != tt.subject {
				t.Fatalf("addressGate = %+v, want %s %s of %q alone", got, tt.want, tt.code, tt.subject)
			}
			if r := got[0]; tt.want != step.Passed && (r.Fix == "" || len(r.Evidence) == 0 || r.Text == "") {
				t.Errorf("the gate lacks its words: %+v", r)
			}
		})
	}
}

func TestAddressGateStaysOut(t *testing.T) {
	t.Parallel()
	f := AddressFacts{Domains: []string{"example.org"}, Listed: map[string]string{"anna@example.org": "accounts.csv:2"}}
	if got := addressGate(f); got != nil {
		t.Errorf("addressGate without an inventory = %+v, want no gate", got)
	}
	found := addressFindings(f)
	if len(found) != 1 || found[0].Code != finding.AddressesUnlisted || found[0].Severity != finding.Note {
		t.Errorf("addressFindings without an inventory = %+v, want one note", found)
	}
}

// TestManyRefusedAddresses are told one by one up to a bound, and each can be
// accepted for itself.
func TestManyRefusedAddresses(t *testing.T) {
	t.Parallel()
	f := moved()
	s := sounded(nil, probe.Turned)
	for i := range 50 {
		address := fmt.Sprintf("u%02d@example.org", i)
		f.Listed[address] = "accounts.csv:9"
		s.Replies = append(s.Replies, probe.Reply{Recipient: address, Answer: probe.Turned, Code: 550})
	}
	f.Soundings["example.org"] = s
	got := addressGate(f)
	if len(got) != maxSingly+1 || len(got[maxSingly].Evidence) != 50-maxSingly {
		t.Fatalf("addressGate gives %d results, want %d and the rest in one", len(got), maxSingly)
	}
	accept(got, []Accept{{Code: finding.AddressRefused, Subject: "u07@example.org", Reason: "closed"}}, nil, noon)
	if left := (&GateError{Results: got}).Refused(); len(left) != maxSingly {
		t.Errorf("%d results refuse after one was accepted, want %d", len(left), maxSingly)
	}
}

func TestAddressFindings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*AddressFacts)
		code   finding.Code
		words  string // in text or evidence; empty: the code must not be there
	}{
		{"before anybody was asked", func(f *AddressFacts) { f.Soundings = nil }, finding.AddressNotMeasured, "was not asked for 4 addresses yet"},
		{"accepted by the new MX", func(*AddressFacts) {}, finding.AddressNotListed, ""},
		{"not listed, and not asked", func(f *AddressFacts) { f.Soundings = nil }, finding.AddressNotListed, "sales@example.org: aliases:2"},
		{"an extension of a listed account", func(f *AddressFacts) { f.Soundings = nil }, finding.AddressNotListed, "2 addresses"},
		{"a refused alias blocks", except("sales", probe.Turned), finding.AddressRefused, "sales@example.org: 550"},
		{"a delimiter that providers know", func(*AddressFacts) {}, finding.DelimiterDiffers, ""},
		{"one that they do not", func(f *AddressFacts) { f.Old.Delimiter = "-" }, finding.DelimiterDiffers, "recipient_delimiter = -"},
		{"a refused sample", except("anna+mxmove", probe.Turned), finding.DelimiterDiffers, "anna+mxmove@example.org: 550"},
		{"abuse is accepted", func(*AddressFacts) {}, finding.RoleMissing, ""},
		{"abuse is refused", except("abuse", probe.Turned), finding.RoleMissing, "abuse@example.org"},
		{"a catch-all has every role", func(f *AddressFacts) {
			f.Old.CatchAll = []inventory.Wildcard{{Domain: "example.org", Sources: []string{"virtual:1"}}}
			f.Soundings = nil
		}, finding.RoleMissing, ""},
		{"a catch-all", func(f *AddressFacts) {
			f.Old.CatchAll = []inventory.Wildcard{{Domain: "example.org", Sources: []string{"virtual:1"}}}
		}, finding.CatchAll, "virtual:1"},
		{"a program", func(f *AddressFacts) { f.Old.Configured[3].Kind = inventory.Program }, finding.NotCarried, "sales@example.org: aliases:2"},
		{"a domain that stays", func(f *AddressFacts) { f.Old.Domains = append(f.Old.Domains, "stays.example") }, finding.NotCarried, "stays.example"},
		{"a table", func(f *AddressFacts) {
			f.Old.Unlisted = []inventory.Unlisted{{What: "virtual_alias_maps = mysql:x", Why: "it cannot", Fix: "list it"}}
		}, finding.TableNotListed, "mysql:x"},
		{"a log of a week", func(f *AddressFacts) {
			f.Old.Logged, f.Old.Since, f.Old.Last = true, noon.Add(-7*24*time.Hour), noon
		}, finding.AddressUnused, ""},
		{"a log of a month", func(f *AddressFacts) {
			f.Old.Logged, f.Old.Since, f.Old.Last = true, noon.Add(-30*24*time.Hour), noon
		}, finding.AddressUnused, "1 address without mail since 2026-10-26: sales@example.org"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := moved()
			tt.change(&f)
			i := slices.IndexFunc(addressFindings(f), func(g finding.Finding) bool { return g.Code == tt.code })
			if tt.words == "" {
				if i >= 0 {
					t.Errorf("addressFindings has %+v, want no %s", addressFindings(f)[i], tt.code)
				}
				return
			}
			if i < 0 {
				t.Fatalf("addressFindings = %+v, want %s", addressFindings(f), tt.code)
			}
			g := addressFindings(f)[i]
			if all := g.Text + "\n" + strings.Join(g.Evidence, "\n"); !strings.Contains(all, tt.words) {
				t.Errorf("%s says %q, want %q in it", tt.code, all, tt.words)
			}
			if g.Fix == "" || g.Evidence == nil || g.Subject == "" {
				t.Errorf("%s lacks its fix, evidence or subject: %+v", tt.code, g)
			}
		})
	}
}

// TestQuestions keeps the questions of a domain free of doubles and bounded.
func TestQuestions(t *testing.T) {
	t.Parallel()
	f := moved()
	for i := range 3000 {
		f.Listed[fmt.Sprintf("u%04d@example.org", i)] = "accounts.csv:9"
	}
	q := f.questions()["example.org"]
	if len(q) != maxQuestions {
		t.Errorf("%d questions, want %d", len(q), maxQuestions)
	}
	slices.Sort(q)
	if n := len(slices.Compact(slices.Clone(q))); n != len(q) {
		t.Errorf("%d of %d questions are doubled", len(q)-n, len(q))
	}
	for _, address := range []string{"postmaster@example.org", "anna+mxmove@example.org"} {
		if !slices.Contains(q, address) {
			t.Errorf("%s is not asked for", address)
		}
	}
}

// TestInventoryTrees reads copies where people put them, and never leaves
// them.
func TestInventoryTrees(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"copies/aliases":                  "a: x\n",
		"copies/postfix/main.cf":          "mydestination = example.org\nlocal_recipient_maps = $alias_maps\nalias_maps = hash:/etc/aliases hash:/srv/lists hash:/etc/postfix/outside\n",
		"copies/postfix/srv/lists":        "b: x\n",
		"secret":                          "secret: x\n",
		"whole/etc/postfix/main.cf":       "mydestination = example.org\nlocal_recipient_maps = $alias_maps\nalias_maps = hash:/etc/aliases hash:/srv/lists\n",
		"whole/etc/aliases":               "c: x\n",
		"whole/srv/lists":                 "d: x\n",
		"whole/etc/dovecot/users":         "e:x\n",
		"whole/etc/dovecot/dovecot.conf":  "passdb {\n driver = passwd-file\n args = /etc/dovecot/users\n}\n",
		"whole/etc/dovecot/not-of-anyone": "",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "copies", "postfix", "outside")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		inventory config.Inventory
		want      []string
	}{
		{config.Inventory{Postfix: filepath.Join(dir, "copies", "postfix")}, []string{"a@example.org copies/aliases:1", "b@example.org copies/postfix/srv/lists:1"}},
		{config.Inventory{Postfix: filepath.Join(dir, "whole", "etc", "postfix")}, []string{"c@example.org whole/etc/aliases:1", "d@example.org whole/srv/lists:1"}},
		{config.Inventory{Dovecot: filepath.Join(dir, "whole", "etc", "dovecot")}, []string{"e@example.org whole/etc/dovecot/users:1"}},
	} {
		m := &Move{Config: &config.Config{Dir: dir, Domain: "example.org", Inventory: &tt.inventory}, o: Options{Clock: SystemClock{}}}
		set, err := m.oldAddresses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range set.Configured {
			got = append(got, a.Address+" "+a.Sources[0])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v holds %q, want %q", tt.inventory, got, tt.want)
		}
	}
}

func TestInventoryTreeMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []config.Inventory{
		{Postfix: filepath.Join(dir, "gone")}, {Dovecot: filepath.Join(dir, "gone")}, {Postfix: dir}, {Dovecot: dir},
		{MailLog: []string{filepath.Join(dir, "mail.log*")}}, {MailLog: []string{filepath.Join(dir, "[")}},
	} {
		m := &Move{Config: &config.Config{Dir: dir, File: "mxmove.yaml", Domain: "example.org", Inventory: &c}, o: Options{Clock: SystemClock{}}}
		_, err := m.oldAddresses(t.Context())
		if e, ok := err.(*config.Error); !ok || e.Fix == "" || e.File == "" {
			t.Errorf("oldAddresses of %+v = %v, want an error about the configuration with a remedy", c, err)
		}
	}
}
