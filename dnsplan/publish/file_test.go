package publish_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

var golden = flag.Bool("update", false, "rewrite the golden files")

// evening is when all files are edited.
func evening() time.Time { return time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC) }

// fileSite is the zone as a file.
func fileSite(t *testing.T) site {
	t.Helper()
	path := filepath.Join(t.TempDir(), "example.org.zone")
	save(t, path, exampleZone)
	return site{
		publisher: &publish.File{Paths: map[string]string{"example.org": path}, Now: evening},
		zone: func(t *testing.T) zone.Zone {
			t.Helper()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			loads(t, path)
			return read(t, string(text))
		},
	}
}

// loads asks BIND whether it would load a file, where BIND is installed.
func loads(t *testing.T, path string) {
	t.Helper()
	check, err := exec.LookPath("named-checkzone")
	if err != nil {
		return
	}
	if out, err := exec.Command(check, "-k", "ignore", "example.org", path).CombinedOutput(); err != nil {
		t.Errorf("named-checkzone: %v\n%s", err, out)
	}
}

// Each archive in testdata/publish/edit holds a file, what is to change in it,
// and the file as it shall be, byte for byte.
func TestFileKeepsItsLines(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("../../testdata/publish/edit/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(archive)
			if err != nil || len(a.Files) != 3 || a.Files[2].Name != "want.zone" {
				t.Fatalf("%s does not hold before.zone, changes and want.zone: %v", archive, err)
			}
			path := filepath.Join(t.TempDir(), "example.org.zone")
			save(t, path, string(a.Files[0].Data))
			p := &publish.File{Paths: map[string]string{"example.org": path}, Now: evening}
			before := read(t, string(a.Files[0].Data))
			if err := p.Publish(t.Context(), "example.org", changesOf(t, before, string(a.Files[1].Data))); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			loads(t, path)
			if *golden {
				a.Files[2].Data = got
				if err := os.WriteFile(archive, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(a.Files[2].Data); string(got) != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// changesOf reads changes: "name type ttl data" puts a record into the RRset
// to come, "- name type" takes an RRset out.
func changesOf(t *testing.T, z zone.Zone, text string) []dnsplan.Change {
	t.Helper()
	var changes []dnsplan.Change
	at := make(map[zone.Key]int)
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 4)
		remove := f[0] == "-"
		if remove {
			f = append(f[1:], "0", "")
		}
		typ, err := zone.ParseType(f[1])
		if err != nil {
			t.Fatal(err)
		}
		key := zone.Key{Name: f[0], Type: typ}
		i, ok := at[key]
		if !ok {
			i = len(changes)
			at[key] = i
			changes = append(changes, update(z.Get(f[0], typ), nil))
		}
		if remove {
			continue
		}
		ttl, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		c := &changes[i]
		if c.After == nil {
			c.After = set(f[0], typ, uint32(ttl))
		}
		c.After.Data = append(c.After.Data, f[3])
	}
	return changes
}

func TestFileRefusals(t *testing.T) {
	t.Parallel()
	head := "$ORIGIN example.org.\n$TTL 3600\n@ IN SOA ns1 hostmaster 50 7200 600 1209600 60\n@ IN NS ns1\n@ IN MX 10 mail\n"
	tests := []struct {
		name, text string
		line       int
		journal    bool
		file       string
	}{
		{name: "include", text: head + "$INCLUDE hosts.inc\n", line: 6},
		{name: "generate", text: head + "$GENERATE 1-3 host$ A 192.0.2.$\n", line: 6},
		{name: "journal", text: head, journal: true},
		{name: "signed", text: head, file: "example.org.zone.signed"},
		{name: "raw format", text: head + "\x00\x00"},
		{name: "open parenthesis", text: head + "@ TXT ( \"a\"\n", line: 6},
		{name: "closed too often", text: head + "@ TXT ) \"a\"\n", line: 6},
		{name: "open quote", text: head + "@ TXT \"a\n", line: 6},
		{name: "no data", text: head + "@ A\n", line: 6},
		{name: "no type", text: head + "www 192.0.2.1\n", line: 6},
		{name: "no owner", text: " IN A 192.0.2.1\n", line: 1},
		{name: "no TTL", text: "www IN A 192.0.2.1\n", line: 1},
		{name: "not there", file: "nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			name := tt.file
			if name == "" {
				name = "example.org.zone"
			}
			path := filepath.Join(dir, name)
			if tt.text != "" {
				save(t, path, tt.text)
			}
			if tt.journal {
				save(t, path+".jnl", "journal")
			}
			p := &publish.File{Paths: map[string]string{"example.org": path}, Now: evening}
			err := p.Publish(t.Context(), "example.org", []dnsplan.Change{update(nil, cfg)})
			e, ok := errors.AsType[*publish.FileError](err)
			if !ok || e.Line != tt.line || tt.text != "" && e.File == "" {
				t.Errorf("Publish = %v, want a FileError for line %d", err, tt.line)
			}
			if now, err := os.ReadFile(path); tt.text != "" && (err != nil || string(now) != tt.text) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

// TestFileKeepsModeAndLink edits behind a link, where the server looks.
func TestFileKeepsModeAndLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "example.org.zone"), filepath.Join(dir, "link")
	save(t, path, exampleZone)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	p := &publish.File{Paths: map[string]string{"example.org": link}, Now: evening}
	if err := p.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode = %v, %v; want 0640", info.Mode(), err)
	}
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFileOfTheZone(t *testing.T) {
	t.Parallel()
	s := fileSite(t)
	paths := s.publisher.(*publish.File).Paths
	net := filepath.Join(t.TempDir(), "net")
	save(t, net, exampleZone)
	p := &publish.File{Paths: map[string]string{"mail.example.org": paths["example.org"], "example.net": net}, Now: evening}
	if err := p.Check(t.Context(), "example.org"); err != nil {
		t.Errorf("a domain below the apex: %v", err)
	}
	if got, err := p.List(t.Context(), "example.net"); err != nil || got.Zone.Origin != "example.net." {
		t.Errorf("List = %q, %v", got.Zone.Origin, err)
	}
	p.Paths["example.org"] = net
	if err := p.Check(t.Context(), "example.org"); !errors.Is(err, publish.ErrRefused) {
		t.Errorf("two files for a zone: %v, want ErrRefused", err)
	}
	if text := p.Remind("example.org."); !strings.Contains(text, "rndc reload example.org") {
		t.Errorf("Remind = %q", text)
	}
}
