package probe_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/probe"
)

func TestVerdictJSON(t *testing.T) {
	t.Parallel()
	msg := "ARC-Seal: i=2\r\nARC-Seal: i=1\r\n" + signed(t, letter, "example.org", "rsa", rsaKey())
	v, err := probe.Judge(t.Context(), []byte(msg), ours, world(), probe.JudgeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	keys := func(m any) string { return strings.Join(slices.Sorted(maps.Keys(m.(map[string]any))), " ") }
	sig := doc["dkim"].([]any)[0]
	for _, tt := range []struct{ what, got, want string }{
		{"document", keys(doc), "arc dkim dmarc findings from org_domain policy reasons spf version"},
		{"org_domain", keys(doc["org_domain"]), "psl treewalk"},
		{"policy", keys(doc["policy"]), "domain p record source"},
		{"spf", keys(doc["spf"]), "aligned domain ip result"},
		{"dkim", keys(sig), "algorithm aligned bits domain key result selector"},
		{"arc", keys(doc["arc"]), "result sets text"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s has %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	if doc["version"] != 1.0 || doc["dmarc"] != "pass" || v.ARC != (probe.ARC{Result: "fail", Sets: 2, Text: "instance 1 is not complete"}) {
		t.Errorf("document = %s", data)
	}
	var again probe.Verdict
	if err := json.Unmarshal(data, &again); err != nil || !reflect.DeepEqual(again, v) {
		t.Errorf("read back = %+v, %v, want %+v", again, err, v)
	}
}

func TestVerdictJSONHasNoNull(t *testing.T) {
	t.Parallel()
	v, err := probe.Judge(t.Context(), []byte("Subject: x\r\n\r\n"), probe.Envelope{}, world(), probe.JudgeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := json.Marshal(v); err != nil || strings.Contains(string(data), "null") {
		t.Errorf("document = %s, %v, want no null", data, err)
	}
}

func TestVerdictText(t *testing.T) {
	t.Parallel()
	msg := signed(t, strings.Replace(letter, "anna@example.org", "anna@dept.github.io", 1), "github.io", "k", edKey)
	dns := world().with("TXT k._domainkey.github.io.", keyRecord(edKey, ""), "TXT _dmarc.github.io.", "v=DMARC1; p=reject; sp=quarantine")
	v, err := probe.Judge(t.Context(), []byte(msg), from("192.0.2.25", "anna@example.org"), dns, probe.JudgeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := v.Text(&b); err != nil {
		t.Fatal(err)
	}
	want := `dmarc  fail
from   dept.github.io, organizational domain dept.github.io by suffix list, github.io by tree walk
policy quarantine, from tag sp of the record at github.io
spf    pass example.org from 192.0.2.25, not aligned
dkim   pass github.io selector k ed25519-sha256, not aligned
       - the policy is read at github.io by tree walk and at no name by suffix list
       - dkim github.io is aligned with dept.github.io by tree walk only; receivers differ
       - no aligned SPF or DKIM pass: receivers act on the policy of github.io
`
	if b.String() != want {
		t.Errorf("Text = \n%s\nwant\n%s", b.String(), want)
	}
}

func FuzzJudge(f *testing.F) {
	dns := world().with("TXT x._domainkey.example.org.", "v=DKIM1; k=rsa; t=s:y; p=AAAA")
	for _, seed := range []string{
		letter,
		"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=rsa; h=from:from; bh=AAAA; b=AAAA; i=@x.example.org; l=1\r\n" + letter,
		"DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=x; h=from; bh=; b=; x=1; t=99999999999999999\r\nDKIM-Signature:\r\n" + letter,
		"DKIM-Signature: a=b=c;;=;d=\xff;s=.\r\n x\r\n\ty\r\nARC-Seal: i=1\r\nFrom: \"((<\\\r\n\r\n",
		"From: <a@xn--.example>\r\nReceived: from [\r\n", "\n\n", ": \r\n\r\n",
	} {
		f.Add([]byte(seed), "anna@example.org", "helo")
	}
	f.Fuzz(func(t *testing.T, msg []byte, mailFrom, helo string) {
		env := from("192.0.2.25", mailFrom)
		env.Helo = helo
		asked, before := 0, allocated()
		v, err := probe.Judge(t.Context(), msg, env, counted{dns, &asked}, probe.JudgeOptions{Now: time.Unix(1764000000, 0), OldSelectors: []string{"x"}})
		if used, most := allocated()-before, uint64(16<<20+64*len(msg)); used > most {
			t.Errorf("%d octets took %d octets of memory, want %d at most", len(msg), used, most)
		}
		if asked > 400 {
			t.Errorf("asked %d times", asked)
		}
		if err != nil {
			return
		}
		var b strings.Builder
		if err := v.Text(&b); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(b.String(), func(r rune) bool { return (r < ' ' || r > '~') && r != '\n' }) {
			t.Errorf("text is not printable ASCII: %q", b.String())
		}
		if v.DMARC == probe.Pass && !v.SPF.Aligned && !slices.ContainsFunc(v.DKIM, func(d probe.DKIM) bool { return d.Aligned && d.Result == "pass" }) {
			t.Errorf("pass without an aligned pass: %+v", v)
		}
	})
}
