package inventory_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mxmove/mxmove/migrate/inventory"
)

// seeds adds a member of every case.
func seeds(f *testing.F, name string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "inventory", "*.txtar"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if m := member(txtar.Parse(data), name); m != nil {
			f.Add(string(m))
		}
	}
}

// sane fails the test where a set holds what could not be an address, or text
// that would steer a terminal.
func sane(t *testing.T, o inventory.Options) {
	t.Helper()
	o.Domains, o.Now = []string{"example.org", "example.net"}, now
	set, err := inventory.Read(t.Context(), o)
	if err != nil {
		return
	}
	for _, a := range set.Configured {
		checkAddress(t, a.Address)
		if len(a.Sources) == 0 {
			t.Errorf("%q has no source", a.Address)
		}
	}
	for _, seen := range set.Observed {
		checkAddress(t, seen.Address)
		if seen.Count < 1 || seen.Last.After(now.AddDate(0, 0, 1)) {
			t.Errorf("%q was seen %d times, last on %s", seen.Address, seen.Count, seen.Last)
		}
	}
	if got := text(set); strings.ContainsAny(got, "\x00\x07\x1b\r\u202e") {
		t.Errorf("the set holds %.300q", got)
	}
}

func checkAddress(t *testing.T, address string) {
	t.Helper()
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || domain != "example.org" && domain != "example.net" || address != strings.ToLower(address) || strings.ContainsAny(local, " \t\n<>,;:\"\\") {
		t.Errorf("%q is no address of the domains that move", address)
	}
}

func FuzzPostfix(f *testing.F) {
	seeds(f, "etc/postfix/main.cf")
	f.Add("mydestination = ${a?{$b}:{$c}} $(b) $$ ${ example.org\na = $b\nb = $a\nlocal_recipient_maps = inline:{{a=b}, example.org} unix:passwd.byname\n")
	f.Fuzz(func(t *testing.T, conf string) {
		sane(t, inventory.Options{Postfix: true, Files: inventory.Files{{At: "/", FS: fstest.MapFS{
			"etc/postfix/main.cf": {Data: []byte(conf)}, "etc/aliases": {Data: []byte("info: anna\n")},
			"etc/passwd": {Data: []byte("anna:x:1000:1000::/:/bin/sh\n")}, "etc/postfix/virtual": {Data: []byte("@example.org anna\n")},
		}}}})
	})
}

func FuzzAliases(f *testing.F) {
	seeds(f, "etc/aliases")
	f.Add("\"a b\\\"c\": \"|/bin/x, y\\\\\", :include:/etc/aliases\n  more, /dev/null\n")
	f.Fuzz(func(t *testing.T, aliases string) {
		sane(t, inventory.Options{Postfix: true, Files: inventory.Files{{At: "/", FS: fstest.MapFS{
			"etc/postfix/main.cf": {Data: []byte("mydestination = example.org\nlocal_recipient_maps = $alias_maps\n")},
			"etc/aliases":         {Data: []byte(aliases)},
		}}}})
	})
}

func FuzzTable(f *testing.F) {
	seeds(f, "etc/postfix/virtual")
	seeds(f, "etc/postfix/mailboxes")
	f.Fuzz(func(t *testing.T, table string) {
		sane(t, inventory.Options{Postfix: true, Files: inventory.Files{{At: "/", FS: fstest.MapFS{
			"etc/postfix/main.cf": {Data: []byte("virtual_alias_maps = hash:/etc/postfix/virtual\nvirtual_mailbox_domains = example.org, hash:/etc/postfix/virtual\nvirtual_mailbox_maps = hash:/etc/postfix/virtual\n")},
			"etc/postfix/virtual": {Data: []byte(table)},
		}}}})
	})
}

func FuzzDovecot(f *testing.F) {
	seeds(f, "etc/dovecot/dovecot.conf")
	seeds(f, "etc/dovecot/conf.d/auth-passwdfile.conf.ext")
	f.Fuzz(func(t *testing.T, conf string) {
		sane(t, inventory.Options{Dovecot: true, Files: inventory.Files{{At: "/", FS: fstest.MapFS{
			"etc/dovecot/dovecot.conf": {Data: []byte(conf)}, "etc/dovecot/users": {Data: []byte("anna:x\nbert@example.net:y\n")},
			"etc/passwd": {Data: []byte("carl:x:1000:1000::/:/bin/sh\n")},
		}}}})
	})
}

func FuzzUsers(f *testing.F) {
	seeds(f, "etc/dovecot/users")
	seeds(f, "etc/passwd")
	f.Fuzz(func(t *testing.T, users string) {
		sane(t, inventory.Options{Dovecot: true, Files: inventory.Files{{At: "/", FS: fstest.MapFS{
			"etc/dovecot/doveadm-user.txt": {Data: []byte(users)}, "etc/passwd": {Data: []byte(users)},
			"etc/dovecot/dovecot.conf": {Data: []byte("passdb {\n driver = pam\n}\n")},
		}}}})
	})
}

func FuzzLog(f *testing.F) {
	seeds(f, "log")
	f.Fuzz(func(t *testing.T, lines string) {
		sane(t, inventory.Options{Logs: []inventory.Log{log("log", []byte(lines))}})
	})
}
