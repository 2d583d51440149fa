package handout_test

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/handout"
	"github.com/mxmove/mxmove/migrate/inventory"
)

var update = flag.Bool("update", false, "rewrite the wanted texts")

// secret must not stand in any text.
const secret = "correct horse battery staple"

// whole is a move of which everything is known.
func whole(t *testing.T) handout.Move {
	t.Helper()
	p, err := provider.Load("fastmail")
	if err != nil {
		t.Fatal(err)
	}
	return handout.Move{
		Provider: p, Program: "/usr/local/bin/mxmove", Dir: "/home/admin/my move/50%",
		Config: &config.Config{
			Domain: "example.org", AliasDomains: []config.Alias{{Domain: "example.net"}},
			Source: config.Server{
				IMAP:   &config.Endpoint{Scheme: "imaps", Host: "mail.example.org", Port: 993},
				Master: &config.Master{User: "migrator", Password: config.Secret{Env: "MASTER"}},
			},
			Probe:  &config.Probe{Address: "probe@elsewhere.example", Password: config.Secret{Prompt: true}},
			Policy: config.Policy{Quiet: 14 * 24 * time.Hour, Sweep: 5 * time.Minute},
		},
		Accounts: []config.Account{
			{SourceUser: "anna", TargetUser: "anna@example.org", Address: "anna@example.org", Aliases: []string{"info@example.org", "a@example.net"}, TargetPassword: config.Literal(secret)},
			{SourceUser: "old", TargetUser: "anna@example.org", Address: "old@example.org", Into: "Archive", SourcePassword: config.Secret{Env: "OLD"}},
		},
		Old: &inventory.Set{
			Configured: []inventory.Address{
				{Address: "anna@example.org", Kind: inventory.Mailbox, Sources: []string{"passwd:3"}},
				{Address: "daemon@example.org", Kind: inventory.Alias, To: []string{"root"}, System: true, Sources: []string{"aliases:1"}},
				{Address: "sales@example.org", Kind: inventory.Alias, To: []string{"anna", "bert@elsewhere.example"}, Sources: []string{"aliases:7"}},
				{Address: "tickets@example.org", Kind: inventory.Program, To: []string{`|/bin/ticket "a, b"`}, Sources: []string{"aliases:9"}},
			},
			Observed: []inventory.Observation{
				{Address: "anna+shop@example.org", Count: 2, Source: "mail.log:1"},
				{Address: "forgotten@example.org", Count: 9, Source: "mail.log:2"},
			},
			CatchAll:  []inventory.Wildcard{{Domain: "example.net"}},
			Delimiter: "+",
			Classes:   map[string][]string{"example.org": {"mydestination"}},
		},
	}
}

// bare is a move of which nothing is known but the domain and the provider.
func bare(t *testing.T) handout.Move {
	t.Helper()
	p, err := provider.Load("google")
	if err != nil {
		t.Fatal(err)
	}
	return handout.Move{Provider: p, Config: &config.Config{Domain: "example.org"}, Program: "mxmove", Dir: "/m"}
}

// tokened is a move to where no passwords are taken.
func tokened(t *testing.T) handout.Move {
	t.Helper()
	m := bare(t)
	var err error
	if m.Provider, err = provider.Load("microsoft365"); err != nil {
		t.Fatal(err)
	}
	m.Config.Target.OAuth = &config.OAuth{Kind: "client-credentials", Secret: config.Secret{Env: "CLIENT"}}
	m.Accounts = []config.Account{{TargetUser: "o'hara\u2019s@example.org", Address: "ohara@example.org"}}
	return m
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]handout.Move{"whole": whole(t), "bare": bare(t), "tokened": tokened(t)} {
		for _, kind := range handout.Kinds() {
			t.Run(name+"_"+string(kind), func(t *testing.T) {
				t.Parallel()
				got, err := handout.Text(kind, m)
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join("..", "..", "testdata", "handout", fmt.Sprintf("%s_%s.txt", name, kind))
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("Text(%s) gives\n%s\nwant\n%s", kind, got, want)
				}
			})
		}
	}
}

// TestTextsAreClean looks for what must not stand in a text, for every
// provider of the catalogue.
func TestTextsAreClean(t *testing.T) {
	t.Parallel()
	for _, name := range provider.Names() {
		p, err := provider.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		m := whole(t)
		m.Provider = p
		m.Accounts[0].Address = "anna\x1b[2J\u202e@example.org"
		for _, kind := range handout.Kinds() {
			text, err := handout.Text(kind, m)
			if err != nil {
				t.Errorf("%s for %s: %v", kind, name, err)
			}
			if strings.Contains(text, secret) || strings.ContainsAny(text, "\x1b\u202e\r") || strings.Contains(text, "<no value>") {
				t.Errorf("%s for %s holds a secret, a control character or a gap:\n%s", kind, name, text)
			}
			if strings.Contains(text, "\n\n\n") || !strings.HasSuffix(text, "\n") {
				t.Errorf("%s for %s has a hole or no end:\n%s", kind, name, text)
			}
		}
	}
}

// TestTimerIsValid lets systemd read the units, with names that it would
// expand.
func TestTimerIsValid(t *testing.T) {
	t.Parallel()
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	for name, m := range map[string]handout.Move{"whole": whole(t), "bare": bare(t), "tokened": tokened(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// The program has to be there, at the end of any path.
			m.Program = filepath.Join(dir, `a "b" 100% \ program`)
			if err := os.WriteFile(m.Program, []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			text, err := handout.Text(handout.Timer, m)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(text, "\n# --- ")[1:]
			if len(parts) != 2 {
				t.Fatalf("%d units, want a service and a timer:\n%s", len(parts), text)
			}
			args := []string{"--user", "--man=no", "verify"}
			for _, part := range parts {
				unit, content, _ := strings.Cut(part, " ---\n")
				args = append(args, filepath.Join(dir, unit))
				if err := os.WriteFile(filepath.Join(dir, unit), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), verify, args...)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("systemd-analyze verify: %v\n%s\n%s", err, out, text)
			}
		})
	}
}

func TestUnknownKinds(t *testing.T) {
	t.Parallel()
	for _, kind := range []handout.Kind{"", "user", "../handout", "users.txt", "USERS"} {
		if text, err := handout.Text(kind, whole(t)); !errors.Is(err, handout.ErrKind) {
			t.Errorf("Text(%q) = %q, %v, want ErrKind", kind, text, err)
		}
	}
}

// TestTables reads the CSV of the administrator's handout back, and keeps a
// spreadsheet from running what it says.
func TestTables(t *testing.T) {
	t.Parallel()
	m := whole(t)
	m.Old.Configured = append(m.Old.Configured, inventory.Address{
		Address: "=cmd@example.org", Kind: inventory.Alias, To: []string{"=HYPERLINK(1)"}, Sources: []string{"aliases:10"},
	})
	text, err := handout.Text(handout.Admin, m)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = strings.Cut(text, "address,kind,leads_to,found_in\n")
	text, _, _ = strings.Cut(text, "\n\n")
	r := csv.NewReader(strings.NewReader(strings.ReplaceAll(strings.TrimSpace(text), "\n    ", "\n")))
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("the table is %q, %v, want four rows", rows, err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
	}
}
