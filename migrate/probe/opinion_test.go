package probe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
)

// border is the trace of a receiver that took the message from outside.
const border = "Received: from out.example.org (out.example.org [192.0.2.25]) by mx1.receiver.example with ESMTPS; Tue, 24 Nov 2026 10:00:00 +0000\r\n"

// TestOpinion: anybody can write Authentication-Results; the receiver's own is
// known by its name and its place.
func TestOpinion(t *testing.T) {
	t.Parallel()
	const inner = "Received: by store.receiver.example with LMTP; Tue, 24 Nov 2026 10:00:01 +0000\r\n"
	says := func(id, dmarc string) string {
		return "Authentication-Results: " + id + "spf=pass smtp.mailfrom=example.org;\r\n dkim=pass header.i=@example.org header.s=rsa; dmarc=" + dmarc + "\r\n"
	}
	microsoft := strings.Replace(border, "mx1.receiver.example", "AM0.mail.protection.outlook.com", 1)
	foreign := "Received: from a [198.51.100.1] by out.example.org; Tue, 24 Nov 2026 09:59:59 +0000\r\n"
	tests := []struct {
		name, header string
		receivers    []string
		want         string // the DMARC word; empty: no opinion
	}{
		{"above the border", says("mx1.receiver.example; ", "pass") + border, nil, "pass"},
		{"above the border, below the inside", inner + says("mx1.receiver.example; ", "pass") + border, nil, "pass"},
		{"below the border", border + says("mx1.receiver.example; ", "pass"), nil, "pass"},
		{"of the same organization", border + says("auth.receiver.example; ", "fail"), nil, "fail"},
		{"vouched for", says("scanner.example; ", "pass") + border, []string{"scanner.example"}, "pass"},
		{"of a stranger", border + says("evil.example; ", "pass"), nil, ""},
		{"below a stranger's Received", border + foreign + says("mx1.receiver.example; ", "pass"), nil, ""},
		{"without a name", border + says("", "pass"), nil, ""},
		{"without a name, Microsoft", microsoft + says("", "pass"), nil, "pass"},
		{"without a name, Microsoft, through its own servers", strings.ReplaceAll(exchangeInside, "\n", "\r\n") + says("", "pass") + microsoft, nil, "pass"},
		{"no trace at all", says("mx1.receiver.example; ", "pass"), nil, ""},
		{"the first of two", border + says("mx1.receiver.example; ", "fail") + says("mx1.receiver.example; ", "pass"), nil, "fail"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			msg := tt.header + signed(t, letter, "example.org", "rsa", rsaKey())
			v, err := probe.Judge(t.Context(), []byte(msg), ours, world(), probe.JudgeOptions{Receivers: tt.receivers})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if v.Receiver != nil {
				got = v.Receiver.DMARC
				if v.Receiver.SPF != "pass" || len(v.Receiver.DKIM) != 1 || v.Receiver.DKIM[0] != (probe.Signed{Domain: "example.org", Selector: "rsa", Result: "pass"}) {
					t.Errorf("opinion = %+v", v.Receiver)
				}
			}
			if got != tt.want || v.DMARC != probe.Pass {
				t.Errorf("opinion = %q, verdict %s, want %q and pass whatever anybody says", got, v.DMARC, tt.want)
			}
			if differs := len(v.Findings) > 0 && v.Findings[0].Code == finding.ReceiverDisagrees; differs != (tt.want == "fail") {
				t.Errorf("findings %+v", v.Findings)
			}
		})
	}
}

// TestChainIsInformation: a chain that is whole explains a forward, and does
// not make a failure a pass.
func TestChainIsInformation(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "testdata", "mail", "arc")
	dns := records{"TXT _dmarc.example.org.": {"v=DMARC1; p=reject"}, "TXT example.org.": {"v=spf1 -all"}}
	zone, err := os.ReadFile(filepath.Join(dir, "zone.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(zone)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		dns["TXT "+name] = []string{text}
	}
	tests := []struct {
		file  string
		drop  string // a key that nobody answers for
		want  string
		sets  int
		first string
	}{
		{"whole-4", "", "pass", 4, "lists.example.org;"},
		{"body-changed", "", "fail", 3, ""},
		{"whole-2", "TXT l1._domainkey.lists.example.org.", "not-measured", 2, ""},
		{"no-chain", "", "none", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			msg, err := os.ReadFile(filepath.Join(dir, tt.file+".eml"))
			if err != nil {
				t.Fatal(err)
			}
			world := dns
			if tt.drop != "" {
				world = dns.with(tt.drop, "!")
			}
			v, err := probe.Judge(t.Context(), msg, from("198.51.100.9", "anna@example.org"), world, probe.JudgeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if v.ARC.Result != tt.want || v.ARC.Sets != tt.sets || !strings.HasPrefix(v.ARC.First, tt.first) || (v.ARC.First != "") != (tt.first != "") {
				t.Errorf("arc = %+v, want %s of %d sets", v.ARC, tt.want, tt.sets)
			}
			if v.DMARC != probe.Fail {
				t.Errorf("dmarc = %s, want fail: a chain is information", v.DMARC)
			}
		})
	}
}
