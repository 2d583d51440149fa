package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/config"
)

const testdata = "../../testdata/config"

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadEveryKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(testdata, "full.yaml")
	dir, err := filepath.Abs(testdata)
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	want := &config.Config{
		Dir: dir, File: file,
		Domain:   "xn--bcher-kva.example",
		Provider: "google",
		Vars: map[string][]string{
			"verify":   {"google-site-verification=abc123"},
			"selector": {"2024"},
			"mx":       {"mx1.provider.example", "mx2.provider.example"},
			"dkim":     {"v=DKIM1; k=rsa; p=MIIB"},
		},
		AliasDomains: []config.Alias{
			{Domain: "example.net", Vars: map[string][]string{"verify": {"google-site-verification=def456"}}},
			{Domain: "example.com"},
		},
		Source: config.Server{
			IMAP:   &config.Endpoint{Scheme: "imaps", Host: "mail.example.org", Port: 993},
			TLS:    config.TLS{CA: in("ca.pem"), Pin: "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
			Master: &config.Master{User: "migrator", Password: config.Secret{Env: "MASTER"}, Separator: "%"},
		},
		Target: config.Server{
			IMAP:     &config.Endpoint{Scheme: "imap", Host: "::1", Port: 1143},
			SMTP:     &config.Endpoint{Scheme: "smtp", Host: "localhost", Port: 587},
			Insecure: true,
			OAuth:    &config.OAuth{Kind: "client-credentials", Tenant: "t", ClientID: "c", Secret: config.Secret{Command: []string{"pass", "show", "mail"}}},
		},
		Accounts:  in("lists/accounts.csv"),
		Inventory: &config.Inventory{Postfix: "/etc/postfix", Dovecot: in("copies/dovecot"), MailLog: []string{"/var/log/mail.log*"}},
		DNS: config.DNS{
			Resolver: "127.0.0.1:5353",
			Servers:  []string{"127.0.0.1:5353", "[::1]:53", "ns.example.org:53"},
			Snapshot: config.Snapshot{AXFR: "127.0.0.1:5353", TSIG: &config.TSIG{Name: "key.", Algorithm: "hmac-sha512", Secret: config.Secret{File: in("tsig.key")}}},
			Publisher: config.Publisher{RFC2136: &config.RFC2136{
				Server: "ns.example.org:53",
				TSIG:   &config.TSIG{Name: "key.", Algorithm: "hmac-sha256", Secret: config.Secret{Prompt: true}},
			}},
		},
		Sync: config.Sync{
			Connections: 2, Accounts: 8, Memory: 1 << 30,
			Exclude: []string{`\Trash`, `\Junk`}, Deleted: "skip", Gone: "keep",
			Mailboxes: map[string]string{"Old stuff": "Archive/Old", "2019": "Archive/2019"},
		},
		Probe: &config.Probe{
			Address:  "probe@elsewhere.example",
			IMAP:     &config.Endpoint{Scheme: "imaps", Host: "imap.elsewhere.example", Port: 993},
			Password: config.Secret{Env: "PROBE"},
		},
		Policy: config.Policy{Quiet: 36 * time.Hour, Sweep: 90 * time.Second},
		Rehearsal: &config.Rehearsal{
			Connect: map[string]string{"mx1.example.org:25": "127.0.0.1:2525", "192.0.2.53:53": "127.0.0.1:5353"},
			CA:      in("ca.pem"),
		},
	}
	got, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			t.Errorf("%s = %+v, want %+v", g.Type().Field(i).Name, g.Field(i), w.Field(i))
		}
	}
}

// TestLoadProvider tells files from names: a Domain Connect template is JSON.
func TestLoadProvider(t *testing.T) {
	t.Parallel()
	tests := []struct{ value, name, file string }{
		{"google", "google", ""},
		{"Google", "google", ""},
		{"own.yaml", "", "own.yaml"},
		{"own.yml", "", "own.yml"},
		{"template.json", "", "template.json"},
		{"./sub/template.json", "", "sub/template.json"},
		{"./google", "", "google"},
	}
	for _, tt := range tests {
		c, err := config.Load(write(t, "mxmove.yaml", "domain: example.org\nprovider: "+tt.value+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		file := tt.file
		if file != "" {
			file = filepath.Join(c.Dir, file)
		}
		if c.Provider != tt.name || c.ProviderFile != file {
			t.Errorf("provider %s = %q, %q, want %q, %q", tt.value, c.Provider, c.ProviderFile, tt.name, file)
		}
	}
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, "mxmove.yaml", "domain: example.org.\nprovider: ./own.yaml\nsync:\n  # memory: 1GiB\ninventory:\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (config.Sync{Connections: 4, Accounts: 4, Memory: 64 << 20, Deleted: "copy", Gone: "follow"}); !reflect.DeepEqual(c.Sync, want) {
		t.Errorf("Sync = %+v, want %+v", c.Sync, want)
	}
	if want := (config.Policy{Quiet: 14 * 24 * time.Hour, Sweep: 5 * time.Minute}); c.Policy != want {
		t.Errorf("Policy = %+v, want %+v", c.Policy, want)
	}
	if c.Domain != "example.org" || c.Provider != "" || c.ProviderFile != filepath.Join(c.Dir, "own.yaml") {
		t.Errorf("Domain, Provider, ProviderFile = %q, %q, %q", c.Domain, c.Provider, c.ProviderFile)
	}
	if c.Inventory != nil || c.Probe != nil || c.Rehearsal != nil || c.DNS.Publisher != (config.Publisher{}) {
		t.Errorf("absent keys are set: %+v", c)
	}
}

func TestLoadProbe(t *testing.T) {
	t.Parallel()
	imap := &config.Endpoint{Scheme: "imaps", Host: "imap.elsewhere.example", Port: 993}
	tests := []struct {
		keys string
		want config.Probe
	}{
		{"listen: 0.0.0.0:25", config.Probe{Listen: "0.0.0.0:25"}},
		{"listen: 192.0.2.7", config.Probe{Listen: "192.0.2.7:25"}},
		{`listen: "[::]:2525"`, config.Probe{Listen: "[::]:2525"}},
		{"imap: imaps://imap.elsewhere.example, oauth: {kind: token}, password: {env: PROBE}",
			config.Probe{IMAP: imap, OAuth: &config.OAuth{Kind: "token"}, Password: config.Secret{Env: "PROBE"}}},
		{"imap: imaps://imap.elsewhere.example, oauth: {kind: token}", config.Probe{IMAP: imap, OAuth: &config.OAuth{Kind: "token"}}},
	}
	for _, tt := range tests {
		c, err := config.Load(write(t, "mxmove.yaml", "domain: example.org\nprovider: google\nprobe: {address: probe@elsewhere.example, "+tt.keys+"}\n"))
		if err != nil {
			t.Errorf("%s: %v", tt.keys, err)
			continue
		}
		if tt.want.Address = "probe@elsewhere.example"; !reflect.DeepEqual(*c.Probe, tt.want) {
			t.Errorf("%s: Probe = %+v, want %+v", tt.keys, *c.Probe, tt.want)
		}
	}
}

func TestLoadWithoutFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(filepath.Join(t.TempDir(), config.File))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "mxmove.yaml: there is no such file") {
		t.Errorf("Load = %v, want that there is no such file", err)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, "mxmove.yaml", "domain: example.org\nprovider: google\naccounts: a.csv\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Require("accounts"); err != nil {
		t.Errorf("Require(accounts) = %v", err)
	}
	want := c.File + `: the key "source.imap" is missing, which this command needs; add source: {imap: imaps://mail.example.org}`
	if err := c.Require("accounts", "source.imap"); err == nil || err.Error() != want {
		t.Errorf("Require(source.imap) = %v, want %s", err, want)
	}
}
