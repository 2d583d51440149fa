package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mxmove/mxmove"

// floors is the house: a package imports only what lies strictly below it.
var floors = map[string]int{
	"cmd/mxmove": 7,

	"migrate/report": 6, "migrate/lab": 6,

	"migrate": 5,

	"mailbox": 4,

	"mailbox/internal/lane": 3, "migrate/probe": 3, "migrate/state": 3, "migrate/handout": 3,

	"mailbox/imapconn": 2, "dnsplan/publish": 2, "dnsplan/export": 2,

	"dnsplan": 1, "dnsplan/resolver": 1, "dnsplan/dnslab": 1, "mailbox/imaplab": 1,
	"mailbox/oauth": 1, "mailbox/journal": 1, "migrate/config": 1, "migrate/inventory": 1,
	"migrate/step": 1,

	"dnsplan/zone": 0, "dnsplan/spf": 0, "dnsplan/dkim": 0, "dnsplan/dmarc": 0,
	"dnsplan/arc": 0, "dnsplan/mtasts": 0, "dnsplan/provider": 0,
	"mailbox/internal/wire": 0, "mailbox/internal/repair": 0, "migrate/finding": 0,
}

var labs = []string{"dnsplan/dnslab", "mailbox/imaplab", "migrate/lab"}

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func (p pkg) room() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func house(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ps []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

// below reports whether room is the place or stands inside it.
func below(room, place string) bool {
	return room == place || strings.HasPrefix(room, place+"/")
}

func TestFloors(t *testing.T) {
	for _, p := range house(t) {
		floor, ok := floors[p.room()]
		if !ok {
			t.Errorf("%s stands on no floor; give it one in house_test.go", p.room())
			continue
		}
		for _, imp := range p.Imports {
			room, ours := strings.CutPrefix(imp, module+"/")
			if ours && floors[room] >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d); only what lies strictly below may be imported", p.room(), floor, room, floors[room])
			}
		}
	}
}

func TestWallsOfImports(t *testing.T) {
	for _, p := range house(t) {
		room := p.room()
		for _, imp := range p.Imports {
			if why := wall(room, imp); why != "" {
				t.Errorf("%s imports %s: %s", room, imp, why)
			}
		}
	}
}

// wall says why room may not import imp, or nothing.
func wall(room, imp string) string {
	pure := floors[room] == 0 || room == "dnsplan"
	other, ours := strings.CutPrefix(imp, module+"/")
	switch {
	case below(room, "mailbox") && below(other, "dnsplan"), below(room, "dnsplan") && below(other, "mailbox"):
		return "the two halves never meet; migrate translates"
	case (below(room, "mailbox") || below(room, "dnsplan")) && below(other, "migrate") && other != "migrate/finding":
		return "of migrate only finding is theirs"
	case pure && slices.Contains([]string{"net/http", "os", "log/slog"}, imp):
		return "floor 0 and dnsplan are pure"
	case imp == "github.com/spf13/cobra" && !below(room, "cmd"):
		return "commands are declared in cmd only"
	case imp == "html/template" && room != "migrate/report":
		return "HTML is written in report only"
	case imp == "github.com/emersion/go-imap/v2/imapserver" && room != "mailbox/imaplab":
		return "servers run in the labs only"
	case ours && slices.Contains(labs, other) && room != "migrate/lab" && room != "cmd/mxmove":
		return "product code never imports a lab"
	}
	return ""
}

// words are calls that have a room of their own. The source is searched as
// text: a comment that names one is as confusing as a call.
var words = []struct {
	pattern *regexp.Regexp
	allowed func(room, file string) bool
	why     string
}{
	{
		regexp.MustCompile(`\btime\.(Now|Since|Until|After|Sleep|NewTimer|NewTicker)\(`),
		func(room, _ string) bool { return floors[room] != 0 && room != "dnsplan" },
		"planning is a function of its arguments and never asks for the time",
	},
	{
		regexp.MustCompile(`\bos\.(Exit|Args|Getenv|LookupEnv|Environ|Stdin|Stdout|Stderr)\b`),
		func(room, _ string) bool { return below(room, "cmd") },
		"exit, arguments, environment and terminal belong to cmd",
	},
	{
		regexp.MustCompile(`\bnet\.Listen|\bListenConfig\b|\bsmtp\.NewServer\(|\bdns\.Server\b`),
		func(room, file string) bool {
			return slices.Contains(labs, room) || room == "migrate/probe" && file == "listen.go"
		},
		"servers run in the labs only",
	},
	{
		regexp.MustCompile(`\.Publish\(`),
		func(room, file string) bool { return room == "migrate" && file == "apply.go" },
		"a zone is changed in one place",
	},
	{
		regexp.MustCompile(`\blane\.NewWriter\(|\.(Make|Create|Subscribe|Store|Move)\(ctx`),
		func(room, file string) bool {
			return !below(room, "mailbox") || below(room, "mailbox/imapconn") ||
				room == "mailbox" && slices.Contains([]string{"copy.go", "flags.go", "follow.go"}, file)
		},
		"mailboxes are changed in three files",
	},
	{
		regexp.MustCompile(`mxmove/(dnsplan/dnslab|mailbox/imaplab|migrate/lab)"`),
		func(room, file string) bool {
			return room == "migrate/lab" || room == "cmd/mxmove" && file == "demo.go"
		},
		"of the product only demo.go uses a lab",
	},
}

func TestWallsOfWords(t *testing.T) {
	for _, p := range house(t) {
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range words {
				if hit := w.pattern.Find(text); hit != nil && !w.allowed(p.room(), file) {
					t.Errorf("%s/%s uses %s: %s", p.room(), file, hit, w.why)
				}
			}
		}
	}
}

func TestTopLevel(t *testing.T) {
	want := []string{"LICENSE", "README.md", "cmd", "dnsplan", "go.mod", "go.sum", "mailbox", "migrate", "testdata"}
	cmd := exec.CommandContext(t.Context(), "git", "ls-files")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	for _, file := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(file, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(want, top) {
			t.Errorf("%s: the top level has %v and dot files only", file, want)
		}
	}
}
