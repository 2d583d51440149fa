package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mxmove/mxmove/migrate/lab"
)

// schemas compiles the schema of every document, by its name.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "schema", "*.schema.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	all := make(map[string]*jsonschema.Schema)
	for _, file := range files {
		schema, err := c.Compile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".schema.json")] = schema
	}
	return all
}

// A moving domain is one that the commands are run on.
type moving struct {
	t       *testing.T
	dir     string
	schemas map[string]*jsonschema.Schema
	docs    map[string][]any // valid documents, by their schema
}

// startMoving puts a small domain on loopback and writes its move directory.
func startMoving(t *testing.T) *moving {
	t.Helper()
	m := &moving{t: t, dir: filepath.Join(t.TempDir(), "move"), schemas: schemas(t), docs: make(map[string][]any)}
	domain, err := lab.Start(t.Context(), lab.Options{Messages: 60, Attachment: 64 << 10, TTL: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := domain.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := domain.Write(m.dir); err != nil {
		t.Fatal(err)
	}
	return m
}

// command runs mxmove with --json and returns what it wrote to stdout.
func (m *moving) command(args ...string) []byte {
	m.t.Helper()
	var out, talk bytes.Buffer
	code := run(append(args, "--json", "-C", m.dir), &terminal{in: os.Stdin, out: &out, err: &talk})
	if code != exitDone {
		m.t.Fatalf("mxmove %s ends with %d: %s", strings.Join(args, " "), code, talk.Bytes())
	}
	return out.Bytes()
}

// valid checks a document and keeps it.
func (m *moving) valid(schema, from string, data []byte) {
	m.t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		m.t.Fatalf("%s: %v: %s", from, err, data)
	}
	if err := m.schemas[schema].Validate(doc); err != nil {
		m.t.Errorf("%s: %v\n%s", from, err, data)
	}
	m.docs[schema] = append(m.docs[schema], doc)
}

// prints checks the one document that a command prints.
func (m *moving) prints(schema string, args ...string) []byte {
	m.t.Helper()
	data := m.command(args...)
	m.valid(schema, "mxmove "+strings.Join(args, " "), data)
	return data
}

// tells checks every line that a command prints.
func (m *moving) tells(args ...string) {
	m.t.Helper()
	before := len(m.docs["event"])
	defer func() {
		if len(m.docs["event"]) == before {
			m.t.Errorf("mxmove %s tells nothing", strings.Join(args, " "))
		}
	}()
	for line := range bytes.Lines(m.command(args...)) {
		m.valid("event", "mxmove "+strings.Join(args, " "), line)
	}
}

// await waits until the next command is due.
func (m *moving) await(ctx context.Context) {
	m.t.Helper()
	var s struct {
		Next struct {
			NotBefore *time.Time `json:"not_before"`
		} `json:"next"`
	}
	if err := json.Unmarshal(m.prints("status", "status"), &s); err != nil {
		m.t.Fatal(err)
	}
	if s.Next.NotBefore == nil {
		return
	}
	due := time.NewTimer(time.Until(*s.Next.NotBefore))
	defer due.Stop()
	select {
	case <-due.C:
	case <-ctx.Done():
		m.t.Fatal(context.Cause(ctx))
	}
}

// TestDocumentsFitTheirSchemas moves a domain by the commands and holds every
// document that they print, and the files that they keep, against its schema.
func TestDocumentsFitTheirSchemas(t *testing.T) {
	t.Parallel()
	m := startMoving(t)
	m.prints("version", "version")
	m.prints("providers", "providers")
	m.prints("providers", "providers", "google")
	m.prints("status", "status")
	m.prints("report", "report")
	m.prints("handout", "handout", "users")
	m.prints("plan", "plan", "--dns")
	m.hears()
	m.prints("plan", "plan")
	m.prints("status", "status")
	m.tells("prepare", "--yes=example.org")
	m.tells("sync")
	m.prints("verify", "verify")
	m.prints("report", "report")
	m.await(t.Context())
	m.tells("cutover", "--yes=example.org", "--quiet")
	m.tells("watch", "--once")
	m.prints("check-dmarc", "check", "dmarc")
	m.prints("check-dmarc-several", "check", "dmarc", "--each")
	m.prints("check-inbound", "check", "inbound")
	m.prints("verify", "verify", "--hash")
	m.prints("plan", "plan")
	m.prints("status", "status")
	m.prints("report", "report")
	for schema, file := range map[string]string{"plan": "plan.json", "undo": "undo.json"} {
		data, err := os.ReadFile(filepath.Join(m.dir, ".mxmove", file))
		if err != nil {
			t.Fatal(err)
		}
		m.valid(schema, file, data)
	}
	m.seenEverywhere("prepare", "switch")
	m.hearsOf("mailbox.start", "mailbox.done", "run.done", "sweep.done", "phase", "probe")
	m.addsUp()
	m.refusesLess()
}

// hears gives the move a report of four senders, so that every document that
// speaks of reports has some.
func (m *moving) hears() {
	m.t.Helper()
	file := filepath.Join(m.t.TempDir(), "report.xml")
	doc := aggregateXML("7", time.Now().Add(-24*time.Hour), time.Now(), []string{
		"192.0.2.10,5,example.org/old,pass,pass", "192.0.2.10,1,,fail,fail", "198.51.100.25,3,example.org/s1,pass,fail", "2001:db8::7,2,,fail,fail",
	})
	if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
		m.t.Fatal(err)
	}
	tls := filepath.Join(m.t.TempDir(), "tls.json")
	if err := os.WriteFile(tls, []byte(tlsJSON(time.Now())), 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.prints("reports", "reports", file, tls)
}

// seenEverywhere asks that the last report knows when the stages were seen.
func (m *moving) seenEverywhere(stages ...string) {
	m.t.Helper()
	docs := m.docs["report"]
	for _, s := range with(docs[len(docs)-1], "seen") {
		if want := slices.Contains(stages, s["stage"].(string)); (s["seen"] != nil) != want {
			m.t.Errorf("the stage %s is seen at %v, want a time: %v", s["stage"], s["seen"], want)
		}
	}
}

// hearsOf asks that each type of event was told at least once.
func (m *moving) hearsOf(types ...string) {
	m.t.Helper()
	for _, typ := range types {
		if !slices.ContainsFunc(m.docs["event"], func(doc any) bool { return doc.(map[string]any)["type"] == typ }) {
			m.t.Errorf("no event %s was told", typ)
		}
	}
}

// addsUp asks what a schema cannot: that every message is in one state.
func (m *moving) addsUp() {
	m.t.Helper()
	states := []string{"copied", "present", "merged", "skipped", "refused", "gone", "new", "doubt", "missing"}
	var tallies []map[string]any
	for _, doc := range append(slices.Clone(m.docs["verify"]), m.docs["event"]...) {
		tallies = append(tallies, with(doc, "messages")...)
	}
	total := int64(0)
	for _, tally := range tallies {
		sum := int64(0)
		for _, state := range states {
			sum += integer(m.t, tally[state])
		}
		messages := integer(m.t, tally["messages"])
		if messages != sum {
			m.t.Errorf("the states of %v add up to %d", tally, sum)
		}
		total += messages
	}
	if total == 0 {
		m.t.Error("nothing was counted")
	}
}

func integer(t *testing.T, v any) int64 {
	t.Helper()
	n, err := v.(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// with returns the objects in a document that have a key.
func with(v any, key string) []map[string]any {
	var found []map[string]any
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			found = append(found, with(e, key)...)
		}
	case map[string]any:
		if _, ok := v[key]; ok {
			found = append(found, v)
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			found = append(found, with(v[name], key)...)
		}
	}
	return found
}
