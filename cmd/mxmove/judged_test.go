package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A judgement is one file of testdata/dmarc/mail: a message, the DNS at the
// time, how the message came, and what is to be said of it. The verdict was
// written down from the RFCs, never from the program's answer; the text before
// the files says why.
type judgement struct {
	name    string
	args    []string
	zone    []byte
	faults  []dnslab.Fault
	message []byte
	want    ruled
}

// ruled is the document of check dmarc as the contract has it, and what else a
// judgement may ask for. Reasons are parts of reasons, codes are among the
// findings.
type ruled struct {
	From      string `json:"from"`
	OrgDomain struct {
		PSL      string `json:"psl"`
		TreeWalk string `json:"treewalk"`
	} `json:"org_domain"`
	Policy struct {
		Domain string `json:"domain"`
		P      string `json:"p"`
		Source string `json:"source"`
	} `json:"policy"`
	SPF  identified   `json:"spf"`
	DKIM []identified `json:"dkim"`
	ARC  struct {
		Result string `json:"result"`
		Sets   int    `json:"sets"`
	} `json:"arc"`
	DMARC    string         `json:"dmarc"`
	Receiver *opinion       `json:"receiver"`
	Reasons  []string       `json:"reasons"`
	Codes    []finding.Code `json:"codes"`
	Exit     int            `json:"exit"`
}

type identified struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	Result   string `json:"result"`
	Aligned  bool   `json:"aligned"`
}

type opinion struct {
	ID    string `json:"id"`
	DMARC string `json:"dmarc"`
}

// TestMessagesAreJudgedAsRecorded runs check dmarc --file on every recorded
// message.
func TestMessagesAreJudgedAsRecorded(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "dmarc", "mail", "*.txtar"))
	if err != nil || len(files) < 60 {
		t.Fatalf("%d recorded messages, want 60 at least: %v", len(files), err)
	}
	schema := schemas(t)["check-dmarc"]
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			j, err := readJudgement(file)
			if err != nil {
				t.Fatal(err)
			}
			j.check(t, schema)
		})
	}
}

// readJudgement reads a file. Line ends of a message are CRLF, as on the wire,
// unless it is called message-lf.eml.
func readJudgement(file string) (judgement, error) {
	j := judgement{name: file}
	a, err := txtar.ParseFile(file)
	if err != nil {
		return j, err
	}
	for _, f := range a.Files {
		switch f.Name {
		case "args":
			j.args = strings.Fields(string(f.Data))
		case "zone":
			j.zone = f.Data
		case "fault":
			err = j.addFaults(string(f.Data))
		case "message.eml":
			j.message = bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
		case "message-lf.eml":
			j.message = f.Data
		case "want.json":
			d := json.NewDecoder(bytes.NewReader(f.Data))
			d.DisallowUnknownFields()
			err = d.Decode(&j.want)
		default:
			err = fmt.Errorf("%s: unknown part %s", file, f.Name)
		}
		if err != nil {
			return j, fmt.Errorf("%s: %s: %w", file, f.Name, err)
		}
	}
	if len(bytes.TrimSpace(a.Comment)) == 0 || len(j.message) == 0 || j.want.DMARC == "" {
		return j, fmt.Errorf("%s: it lacks the reason, the message or the verdict", file)
	}
	return j, nil
}

// addFaults reads lines such as "example.org. TXT servfail".
func (j *judgement) addFaults(text string) error {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 {
			return fmt.Errorf("%q is no fault", line)
		}
		typ, err := zone.ParseType(words[1])
		if err != nil {
			return err
		}
		j.faults = append(j.faults, dnslab.Fault{Name: words[0], Type: typ, Kind: dnslab.Kind(words[2])})
	}
	return nil
}

// start serves the DNS of the judgement and writes a move directory that asks
// it.
func (j *judgement) start(t *testing.T) (dir string) {
	t.Helper()
	z, err := zone.Read(strings.NewReader("$TTL 300\n"+string(j.zone)), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	lab, err := dnslab.Start(dnslab.Options{Zones: []zone.Zone{z}, Recursive: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, f := range j.faults {
		lab.Break(f)
	}
	dir = t.TempDir()
	for name, data := range map[string][]byte{
		"mxmove.yaml": []byte("domain: example.org\nprovider: google\ndns:\n  resolver: " + lab.Addr() + "\n"),
		"message.eml": j.message,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (j *judgement) check(t *testing.T, schema *jsonschema.Schema) {
	dir := j.start(t)
	args := append([]string{"check", "dmarc", "--json", "-C", dir, "--file", filepath.Join(dir, "message.eml")}, j.args...)
	var out, talk bytes.Buffer
	exit := run(args, &terminal{in: os.Stdin, out: &out, err: &talk})
	var got struct {
		ruled
		Findings []finding.Finding `json:"findings"`
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
	if err == nil {
		err = schema.Validate(doc)
	}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &got)
	}
	if err != nil {
		t.Fatalf("mxmove %s ends with %d: %v\n%s%s", strings.Join(args, " "), exit, err, out.Bytes(), talk.Bytes())
	}
	for _, f := range got.Findings {
		got.Codes = append(got.Codes, f.Code)
	}
	got.Exit = exit
	for _, d := range differences(got.ruled, j.want) {
		t.Error(d)
	}
	if t.Failed() {
		t.Logf("%s", out.Bytes())
	}
}

// differences compares field by field, so that one look tells what is wrong.
func differences(got, want ruled) (all []string) {
	for _, part := range want.Reasons {
		if !slices.ContainsFunc(got.Reasons, func(r string) bool { return strings.Contains(r, part) }) {
			all = append(all, fmt.Sprintf("reasons = %q, want one with %q", got.Reasons, part))
		}
	}
	for _, code := range want.Codes {
		if !slices.Contains(got.Codes, code) {
			all = append(all, fmt.Sprintf("findings = %s, want %s", got.Codes, code))
		}
	}
	switch w := want.Receiver; {
	case w == nil: // not asked
	case *w == opinion{} && got.Receiver != nil:
		all = append(all, fmt.Sprintf("receiver = %+v, want none", *got.Receiver))
	case *w != opinion{} && (got.Receiver == nil || *got.Receiver != *w):
		all = append(all, fmt.Sprintf("receiver = %+v, want %+v", got.Receiver, *w))
	}
	got.Reasons, got.Codes, got.Receiver = want.Reasons, want.Codes, want.Receiver
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if have, asked := g.Field(i).Interface(), w.Field(i).Interface(); !reflect.DeepEqual(have, asked) {
			all = append(all, fmt.Sprintf("%s = %+v, want %+v", g.Type().Field(i).Name, have, asked))
		}
	}
	return all
}
