package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/state"
)

var (
	oldMX  = zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 86400, Data: []string{"10 mail.example.org."}}
	lowMX  = zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 300, Data: []string{"10 mail.example.org."}}
	newMX  = zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 300, Data: []string{"1 smtp.google.com."}}
	verify = zone.RRset{Name: "example.org.", Type: dns.TypeTXT, TTL: 300, Data: []string{`"a" "b"`}}

	changes = []dnsplan.Change{
		{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update, Before: &oldMX, After: &lowMX, Why: "caches"},
		{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Create, After: &verify, Why: "verification"},
		{Zone: "example.org.", Stage: dnsplan.Switch, Action: dnsplan.Update, Before: &lowMX, After: &newMX, Why: "the switch"},
	}
)

func TestApplied(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{})
	for _, part := range [][]dnsplan.Change{changes[:2], nil, changes[2:]} {
		if err := m.AppendApplied(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.Applied(t.Context())
	if err != nil || !reflect.DeepEqual(got, changes) {
		t.Errorf("Applied = %+v, %v, want %+v", got, err, changes)
	}
}

func TestUndoOutlivesTheState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := open(t, dir, state.Options{Now: ticking()})
	for _, part := range [][]dnsplan.Change{changes[:2], changes[:2], changes[2:]} {
		if err := m.ExtendUndo("example.org", part); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, state.Dir, "state.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no state to lose: %v", err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	u, err := openReadOnly(t, dir).LoadUndo()
	if err != nil || u.Domain != "example.org" || u.Made.IsZero() || !reflect.DeepEqual(u.Changes, changes) {
		t.Errorf("LoadUndo = %+v, %v, want %+v", u, err, changes)
	}
}

func TestUndoThereAndBack(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{})
	there := changes[2]
	want := []dnsplan.Change{there, there.Reverse(), there}
	for _, c := range []dnsplan.Change{there, there, there.Reverse(), there.Reverse(), there} {
		if err := m.ExtendUndo("example.org", []dnsplan.Change{c}); err != nil {
			t.Fatal(err)
		}
	}
	if u, err := m.LoadUndo(); err != nil || !reflect.DeepEqual(u.Changes, want) {
		t.Errorf("LoadUndo = %+v, %v, want %+v", u, err, want)
	}
}

func TestUndoOfAnotherDomain(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{})
	if err := m.ExtendUndo("example.org", changes); err != nil {
		t.Fatal(err)
	}
	if err := m.ExtendUndo("example.net", changes); err == nil || !strings.Contains(err.Error(), `for the domain "example.org"`) {
		t.Errorf("ExtendUndo = %v", err)
	}
}

func TestUndoThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := open(t, dir, state.Options{})
	tests := []struct {
		text  string
		newer bool
	}{
		{"", false},
		{"[]", false},
		{`{"version": 1}`, false},
		{`{"version": 0, "domain": "example.org"}`, false},
		{`{"domain": 3, "version": 2, "changes": {}}`, true},
		{`{"version": 1, "domain": "example.org", "changes": [{"zone": "example.org."}]}`, false},
		{`{"version": 1, "domain": "example.org", "changes": [{"zone": "example.org.", "after": {}}]}`, false},
		{`{"version": 1, "domain": "example.org", "changes": [null]}`, false},
	}
	for _, tt := range tests {
		if err := os.WriteFile(m.Path("undo.json"), []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := m.LoadUndo()
		if err == nil || errors.Is(err, state.ErrNewer) != tt.newer {
			t.Errorf("LoadUndo of %s = %v, newer is %v", tt.text, err, tt.newer)
		}
		if err := m.ExtendUndo("example.org", changes); err == nil {
			t.Errorf("ExtendUndo wrote over %s", tt.text)
		}
	}
}

func FuzzLoadUndo(f *testing.F) {
	dir := f.TempDir()
	m, err := state.Open(f.Context(), dir, state.Options{})
	if err != nil {
		f.Fatal(err)
	}
	defer m.Close()
	if err := m.ExtendUndo("example.org", changes); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(m.Path("undo.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version": 1, "domain": "example.org", "changes": [{"zone": "a.", "before": {"name": "a."}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(m.Path("undo.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		u, err := m.LoadUndo()
		if err != nil {
			return
		}
		for _, c := range u.Changes {
			if c.RRset().Name == "" || c.Reverse().RRset().Name == "" {
				t.Errorf("accepted %+v", c)
			}
		}
	})
}
