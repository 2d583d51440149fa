package inventory_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mxmove/mxmove/migrate/inventory"
)

var update = flag.Bool("update", false, "rewrite what the cases want")

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// TestCases reads the copies of every file in testdata/inventory and compares
// the set with what the file wants.
func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "inventory", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			set, err := inventory.Read(t.Context(), options(a))
			if err != nil {
				t.Fatal(err)
			}
			got, want := text(set), member(a, "want")
			if *update {
				replace(t, file, a, got)
			} else if got != string(want) {
				t.Errorf("Read gives\n%s\nwant\n%s", got, want)
			}
			if strings.Contains(got, "geheim") {
				t.Error("a password is shown")
			}
		})
	}
}

func options(a *txtar.Archive) inventory.Options {
	root := fstest.MapFS{}
	o := inventory.Options{Domains: strings.Fields(string(member(a, "domains"))), Now: now}
	for _, f := range a.Files {
		root[f.Name] = &fstest.MapFile{Data: f.Data}
		o.Postfix = o.Postfix || f.Name == "etc/postfix/main.cf"
		o.Dovecot = o.Dovecot || strings.HasPrefix(f.Name, "etc/dovecot/")
		if f.Name == "log" {
			o.Logs = []inventory.Log{log("log", f.Data)}
		}
	}
	o.Files = inventory.Files{{At: "/", FS: root}}
	return o
}

func log(name string, data []byte) inventory.Log {
	return inventory.Log{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func member(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func replace(t *testing.T, file string, a *txtar.Archive, want string) {
	t.Helper()
	for i := range a.Files {
		if a.Files[i].Name == "want" {
			a.Files[i].Data = []byte(want)
		}
	}
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// text prints a set as the cases write it.
func text(s *inventory.Set) string {
	var b strings.Builder
	fmt.Fprintf(&b, "delimiter %q\n%s\n", s.Delimiter, strings.TrimSpace("domains "+strings.Join(s.Domains, " ")))
	for _, a := range s.Configured {
		fmt.Fprintf(&b, "%s %s", a.Address, a.Kind)
		if len(a.To) > 0 {
			fmt.Fprintf(&b, " -> %s", strings.Join(a.To, "; "))
		}
		fmt.Fprintf(&b, " %s", a.Sources)
		if a.System {
			b.WriteString(" system")
		}
		if a.Stored && a.Kind != inventory.Mailbox {
			b.WriteString(" with a mailbox")
		}
		b.WriteByte('\n')
	}
	for _, w := range s.CatchAll {
		fmt.Fprintf(&b, "*@%s %s\n", w.Domain, w.Sources)
	}
	for _, u := range s.Unlisted {
		fmt.Fprintf(&b, "unlisted %s: %s\n", u.What, u.Why)
	}
	for _, o := range s.Observed {
		fmt.Fprintf(&b, "seen %s %d %s %s\n", o.Address, o.Count, o.Last.Format(time.DateOnly), o.Source)
	}
	return b.String()
}

func TestFilesMissing(t *testing.T) {
	t.Parallel()
	empty := inventory.Files{{At: "/", FS: fstest.MapFS{}}}
	for _, o := range []inventory.Options{{Files: empty, Postfix: true}, {Files: empty, Dovecot: true}} {
		if _, err := inventory.Read(t.Context(), o); !errors.Is(err, inventory.ErrMissing) {
			t.Errorf("Read of nothing, %+v = %v, want ErrMissing", o, err)
		}
	}
	if set, err := inventory.Read(t.Context(), inventory.Options{}); err != nil || set.Logged {
		t.Errorf("Read of no configuration = %+v, %v, want an empty set", set, err)
	}
}

// TestMounts looks for the files where people put their copies.
func TestMounts(t *testing.T) {
	t.Parallel()
	dir := fstest.MapFS{
		"main.cf":                       {Data: []byte("mydestination = example.org\nlocal_recipient_maps = $alias_maps\nalias_maps = hash:/etc/aliases, hash:/var/lib/lists/aliases\n")},
		"var/lib/lists/aliases":         {Data: []byte("list: anna\n")},
		"../outside-the-copy":           {Data: []byte("x")},
		"etc/shadow-of-the-reader/file": {Data: []byte("x")},
	}
	beside := fstest.MapFS{"aliases": {Data: []byte("info: anna\n")}}
	set, err := inventory.Read(t.Context(), inventory.Options{
		Domains: []string{"example.org"}, Postfix: true,
		Files: inventory.Files{{At: "/etc/postfix", Shown: "copy", FS: dir}, {At: "/etc", Shown: "beside", FS: beside}, {At: "/", Shown: "copy", FS: dir}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "delimiter \"\"\ndomains example.org\ninfo@example.org alias -> anna [beside/aliases:1]\nlist@example.org alias -> anna [copy/var/lib/lists/aliases:1]\n"
	if got := text(set); got != want {
		t.Errorf("Read gives\n%s\nwant\n%s", got, want)
	}
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	for i := range 60 {
		fmt.Fprintf(&bomb, "a%d = $a%d$a%d\n", i, i+1, i+1)
	}
	bomb.WriteString("a60 = x\nmydestination = $a0\nmyself = $myself\nvirtual_alias_maps = $myself\n")
	long := strings.Repeat("x", 2<<20)
	for name, files := range map[string]fstest.MapFS{
		"bomb of variables":  {"etc/postfix/main.cf": {Data: []byte(bomb.String())}},
		"include of itself":  {"etc/dovecot/dovecot.conf": {Data: []byte("!include dovecot.conf\n!include *.conf\n")}},
		"blocks without end": {"etc/dovecot/dovecot.conf": {Data: []byte(strings.Repeat("passdb {\n", 10_000))}},
		"alias of terminals": {
			"etc/postfix/main.cf": {Data: []byte("mydestination = example.org\nlocal_recipient_maps = $alias_maps\n")},
			"etc/aliases":         {Data: []byte("a\x1b[2J: x\nb: \x1b]0;title\x07\nc: :include:/dev/zero\nd: :include:/etc/aliases\n")},
		},
		"a pipe for a table": {
			"etc/postfix/main.cf": {Data: []byte("virtual_alias_maps = hash:/etc/pipe\n")},
			"etc/pipe":            {Mode: fs.ModeNamedPipe},
		},
		"a line without end": {
			"etc/postfix/main.cf": {Data: []byte("virtual_alias_maps = hash:/etc/long\n")},
			"etc/long":            {Data: []byte("a@example.org " + long)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := inventory.Read(t.Context(), inventory.Options{
				Domains: []string{"example.org"}, Files: inventory.Files{{At: "/", FS: files}},
				Postfix: files["etc/postfix/main.cf"] != nil, Dovecot: files["etc/dovecot/dovecot.conf"] != nil,
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := text(set); strings.ContainsAny(got, "\x1b\x07") || len(got) > 1<<20 {
				t.Errorf("Read gives %.200q", got)
			}
		})
	}
}

func TestLogsArePackedOrNot(t *testing.T) {
	t.Parallel()
	line := "Nov 24 10:00:00 mail postfix/lmtp[1]: A: to=<anna@example.org>, relay=x, status=sent (250)\n"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(strings.Repeat(line, 3) + strings.Repeat("y", 1<<20) + "\n" + line)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	old := log("mail.log.2", []byte("Nov 26 10:00:00 mail postfix/lmtp[1]: A: to=<old@example.org>, relay=x, status=sent (250)\n"))
	old.Modified = now.AddDate(-1, 0, 3)
	set, err := inventory.Read(t.Context(), inventory.Options{Domains: []string{"example.org"}, Now: now, Logs: []inventory.Log{
		log("mail.log", []byte(line)), log("mail.log.1.gz", packed.Bytes()), old,
		log("cut.gz", packed.Bytes()[:packed.Len()/2]), log("other.xz", []byte("\xfd7zXZ\x00")),
		{Name: "gone", Open: func() (io.ReadCloser, error) {
			return nil, &fs.PathError{Op: "open", Path: "/x/gone", Err: fs.ErrPermission}
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !set.Logged || len(set.Observed) != 2 || set.Observed[0].Count < 5 || !set.Observed[1].Last.Equal(time.Date(2025, 11, 26, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("observed %+v, want anna 5 times or more and old a year ago", set.Observed)
	}
	var missed []string
	for _, u := range set.Unlisted {
		missed = append(missed, u.What)
	}
	if want := []string{"mail log cut.gz", "mail log gone", "mail log other.xz"}; !slices.Equal(missed, want) {
		t.Errorf("unlisted %q, want %q", missed, want)
	}
}

func TestLogsEndWithTheContext(t *testing.T) {
	t.Parallel()
	stop := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	_, err := inventory.Read(ctx, inventory.Options{Now: now, Logs: []inventory.Log{log("long", bytes.Repeat([]byte("x\n"), 10_000))}})
	if !errors.Is(err, stop) {
		t.Errorf("Read = %v, want %v", err, stop)
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address, delimiter, want string
		extended                 bool
	}{
		{"anna@example.org", "+", "anna@example.org", false},
		{"anna+shop@example.org", "+", "anna@example.org", true},
		{"anna+shop@example.org", "", "anna+shop@example.org", false},
		{"anna-maria+shop@example.org", "+-", "anna@example.org", true},
		{"+shop@example.org", "+", "+shop@example.org", false},
		{"-a-b@example.org", "-", "-a@example.org", true},
		{"@example.org", "@", "@example.org", false},
		{"no address", "+", "no address", false},
	} {
		got, extended := inventory.Base(tt.address, tt.delimiter)
		if got != tt.want || extended != tt.extended {
			t.Errorf("Base(%q, %q) = %q, %v, want %q, %v", tt.address, tt.delimiter, got, extended, tt.want, tt.extended)
		}
	}
}
