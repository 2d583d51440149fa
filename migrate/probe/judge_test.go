package probe_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
)

// A trial is one message, and what is to be said of it.
type trial struct {
	name string
	msg  string
	dns  records
	env  probe.Envelope
	o    probe.JudgeOptions

	dmarc  probe.Outcome
	spf    string // result, "+" behind it when aligned
	dkim   string // the same for each signature
	code   finding.Code
	reason string // part of a reason
}

func (tt trial) run(t *testing.T) {
	t.Parallel()
	if tt.dns == nil {
		tt.dns = world()
	}
	v, err := probe.Judge(t.Context(), []byte(tt.msg), tt.env, tt.dns, tt.o)
	if err != nil {
		t.Fatal(err)
	}
	if v.DMARC != tt.dmarc {
		t.Errorf("dmarc = %s, want %s", v.DMARC, tt.dmarc)
	}
	if got := word(v.SPF.Result, v.SPF.Aligned); got != tt.spf {
		t.Errorf("spf = %s (%s), want %s", got, v.SPF.Text, tt.spf)
	}
	var sigs []string
	for _, d := range v.DKIM {
		sigs = append(sigs, word(d.Result, d.Aligned))
	}
	if got := strings.Join(sigs, " "); got != tt.dkim {
		t.Errorf("dkim = %q, want %q (%v)", got, tt.dkim, v.DKIM)
	}
	if !strings.Contains(strings.Join(v.Reasons, "\n"), tt.reason) {
		t.Errorf("reasons = %q, want one with %q", v.Reasons, tt.reason)
	}
	coded := tt.code == "" && len(v.Findings) == 0
	for _, f := range v.Findings {
		coded = coded || f.Code == tt.code
		if f.Subject == "" || f.Text == "" || f.Fix == "" || len(f.Evidence) == 0 {
			t.Errorf("finding %+v has an empty part", f)
		}
	}
	if !coded {
		t.Errorf("findings = %+v, want %q", v.Findings, tt.code)
	}
	if t.Failed() {
		var b strings.Builder
		_ = v.Text(&b)
		t.Log("\n" + b.String())
	}
}

func word(result string, aligned bool) string {
	if aligned {
		return result + "+"
	}
	return result
}

var (
	ours   = from("192.0.2.25", "anna@example.org")
	theirs = from("198.51.100.7", "bounce@esp.example.net")
)

func TestJudgeSignatures(t *testing.T) {
	ed := signed(t, letter, "example.org", "ed", edKey)
	rsa := signed(t, letter, "example.org", "rsa", rsaKey())
	short := signed(t, letter, "example.org", "short", shortKey())
	both := signed(t, rsa, "example.org", "ed", edKey)
	esp := signed(t, letter, "esp.example.net", "esp", edKey)
	sub := signed(t, letter, "s.example.org", "sub", edKey)
	identity := signed(t, letter, "example.org", "ed", edKey, func(o *dkim.SignOptions) { o.Identifier = "@s.example.org" })
	later := func(msg string) trial {
		return trial{msg: msg, env: theirs, o: probe.JudgeOptions{Now: time.Now().Add(200 * 24 * time.Hour)}}
	}
	fresh := probe.JudgeOptions{Now: time.Now()}
	withEd := func(record string) records { return world().with("TXT ed._domainkey.example.org.", record) }
	for _, tt := range []trial{
		{name: "rsa", msg: rsa, env: theirs, dmarc: "pass", spf: "pass", dkim: "pass+"},
		{name: "ed25519", msg: ed, env: theirs, dmarc: "pass", spf: "pass", dkim: "pass+"},
		{name: "nothing of the envelope is known", msg: rsa, dmarc: "pass", spf: "not-measured", dkim: "pass+"},
		{name: "one of two is enough", msg: both, env: theirs, dns: withEd(keyRecord(oldKey, "")), dmarc: "pass", spf: "pass", dkim: "fail+ pass+"},
		{name: "foreign and own", msg: signed(t, rsa, "esp.example.net", "esp", edKey), env: theirs, dmarc: "pass", spf: "pass", dkim: "pass pass+"},
		{name: "foreign alone", msg: esp, env: theirs, dmarc: "fail", spf: "pass", dkim: "pass", code: "MX090"},
		{name: "sub-domain signs", msg: sub, env: theirs, dmarc: "pass", spf: "pass", dkim: "pass+"},
		{name: "sub-domain signs, strict", msg: sub, env: theirs, dns: world().with("TXT _dmarc.example.org.", "v=DMARC1; p=reject; adkim=s"),
			dmarc: "fail", spf: "pass", dkim: "pass", code: "MX090"},
		{name: "body changed", msg: rsa + "more\r\n", env: theirs, dmarc: "fail", spf: "pass", dkim: "fail+", code: "MX090"},
		{name: "subject changed", msg: strings.Replace(rsa, "hello", "hullo", 1), env: theirs, dmarc: "fail", spf: "pass", dkim: "fail+", code: "MX090"},
		{name: "body changed, envelope not known", msg: rsa + "more\r\n", dmarc: "not-measured", spf: "not-measured", dkim: "fail+", code: "MX093"},
		{name: "not signed, envelope not known", msg: letter, dmarc: "not-measured", spf: "not-measured", code: "MX093"},
		{name: "line ends of a file", msg: strings.ReplaceAll(rsa, "\r\n", "\n"), env: theirs, dmarc: "pass", spf: "pass", dkim: "pass+"},
		{name: "key not answered", msg: ed, env: theirs, dns: withEd("!"), dmarc: "temperror", spf: "pass", dkim: "temperror+", code: "MX093"},
		{name: "foreign key not answered", msg: esp, env: theirs, dns: world().with("TXT esp._domainkey.esp.example.net.", "!"),
			dmarc: "fail", spf: "pass", dkim: "temperror", code: "MX090"},
		{name: "key missing", msg: ed, env: theirs, o: fresh, dns: withEd(""), dmarc: "fail", spf: "pass", dkim: "permerror+", code: "MX090"},
		{name: "key revoked", msg: ed, env: theirs, o: fresh, dns: withEd("v=DKIM1; k=ed25519; p="), dmarc: "fail", spf: "pass", dkim: "permerror+", code: "MX090"},
		{name: "two keys", msg: ed, env: theirs, dns: withEd(keyRecord(edKey, "") + "|" + keyRecord(oldKey, "")), dmarc: "fail", spf: "pass", dkim: "permerror+", code: "MX090"},
		{name: "l= is no pass", msg: strings.Replace(ed, "v=1", "l=3; v=1", 1), env: theirs, dmarc: "fail", spf: "pass", dkim: "policy+", code: "MX090"},
		{name: "t=s and a sub-domain in i=", msg: identity, env: theirs, dns: withEd(keyRecord(edKey, "t=s; ")), dmarc: "fail", spf: "pass", dkim: "permerror+", code: "MX090"},
		{name: "t=s in a list", msg: identity, env: theirs, dns: withEd(keyRecord(edKey, "t=x : s; ")), dmarc: "fail", spf: "pass", dkim: "permerror+", code: "MX090"},
		{name: "a sub-domain in i= without t=s", msg: identity, env: theirs, dmarc: "pass", spf: "pass", dkim: "pass+"},
		{name: "t=s and the domain itself", msg: ed, env: theirs, dns: withEd(keyRecord(edKey, "t=s; ")), dmarc: "pass", spf: "pass", dkim: "pass+"},
		{name: "t=y is named", msg: ed, env: theirs, dns: withEd(keyRecord(edKey, "t=y; ")), dmarc: "pass", spf: "pass", dkim: "pass+", code: "MX097", reason: "t=y"},
		{name: "short key is named", msg: short, env: theirs, dns: world().with("TXT short._domainkey.example.org.", keyRecord(shortKey(), "")),
			dmarc: "pass", spf: "pass", dkim: "pass+", code: "MX097", reason: "1024"},
		{name: "unknown algorithm is not measured", msg: strings.Replace(ed, "ed25519-sha256", "falcon-sha512", 1), env: theirs,
			dmarc: "not-measured", spf: "pass", dkim: "neutral+", code: "MX093"},
		{name: "sha1", msg: strings.Replace(rsa, "rsa-sha256", "rsa-sha1", 1), env: theirs, dmarc: "fail", spf: "pass", dkim: "permerror+", code: "MX090"},
		{name: "signature of nothing", msg: "DKIM-Signature: \r\n" + letter, env: theirs, dmarc: "fail", spf: "pass", dkim: "permerror", code: "MX090"},
		{name: "d= is no name", msg: strings.Replace(ed, "d=example.org", "d=a..b", 1), env: theirs, dmarc: "fail", spf: "pass", dkim: "permerror", code: "MX090"},
		later(ed).becomes("old message, key gone", withEd(""), "not-measured", "not-measured+", "MX093"),
		later(ed).becomes("old message, key revoked", withEd("v=DKIM1; p="), "not-measured", "not-measured+", "MX093"),
		later(ed).becomes("old message, another key", withEd(keyRecord(oldKey, "")), "not-measured", "not-measured+", "MX093"),
		later(ed).becomes("old message, key still there", nil, "pass", "pass+", ""),
		later(ed+"more\r\n").becomes("old message, body changed", nil, "fail", "fail+", "MX090"),
	} {
		t.Run(tt.name, tt.run)
	}
}

// becomes completes a trial of an old message that came through a foreign
// envelope.
func (tt trial) becomes(name string, dns records, dmarc probe.Outcome, sig string, code finding.Code) trial {
	tt.name, tt.dns, tt.dmarc, tt.spf, tt.dkim, tt.code = name, dns, dmarc, "pass", sig, code
	return tt
}

func TestJudgeTenants(t *testing.T) {
	t.Parallel()
	const microsoft, google = "example.onmicrosoft.com", "example-org.20230601.gappssmtp.com"
	dns := world().with(
		"TXT m._domainkey."+microsoft+".", keyRecord(edKey, ""), "TXT "+microsoft+".", "v=spf1 ip4:203.0.113.0/24 -all",
		"TXT g._domainkey."+google+".", keyRecord(edKey, ""))
	byMicrosoft := signed(t, letter, microsoft, "m", edKey)
	byGoogle := signed(t, letter, google, "g", edKey)
	both := signed(t, byGoogle, "example.org", "ed", edKey)
	tests := []trial{
		{name: "Microsoft", msg: byMicrosoft, dns: dns, env: theirs, dmarc: "fail", spf: "pass", dkim: "pass", code: "MX170", reason: "is signed by " + microsoft},
		{name: "Google", msg: byGoogle, dns: dns, env: theirs, dmarc: "fail", spf: "pass", dkim: "pass", code: "MX170", reason: "is signed by " + google},
		{name: "SPF carries it", msg: byGoogle, dns: dns, env: ours, dmarc: "pass", spf: "pass+", dkim: "pass", code: "MX170"},
		{name: "signed by both", msg: both, dns: dns, env: ours, dmarc: "pass", spf: "pass+", dkim: "pass+ pass"},
		{name: "return path", msg: signed(t, letter, "example.org", "ed", edKey), dns: dns, env: from("203.0.113.5", "anna@"+microsoft),
			dmarc: "pass", spf: "pass", dkim: "pass+", code: "MX170", reason: "returns to " + microsoft},
		{name: "a name like it", msg: signed(t, letter, "notonmicrosoft.com", "n", edKey), dns: dns.with("TXT n._domainkey.notonmicrosoft.com.", keyRecord(edKey, "")),
			env: ours, dmarc: "pass", spf: "pass+", dkim: "pass", code: "MX171"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// TestTenantWithoutAConfiguration: a domain of which Microsoft has no DKIM
// configuration yet needs a new one; to set one says that there is none.
func TestTenantWithoutAConfiguration(t *testing.T) {
	t.Parallel()
	dns := world().with("TXT m._domainkey.example.onmicrosoft.com.", keyRecord(edKey, ""))
	v, err := probe.Judge(t.Context(), []byte(signed(t, letter, "example.onmicrosoft.com", "m", edKey)), theirs, dns, probe.JudgeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Findings {
		if f.Code != finding.TenantDomain {
			continue
		}
		made, set := strings.Index(f.Fix, "New-DkimSigningConfig -DomainName example.org"), strings.Index(f.Fix, "Set-DkimSigningConfig -Identity example.org")
		if made < 0 || set < made {
			t.Errorf("the fix is %q, want a new configuration before one is set", f.Fix)
		}
		return
	}
	t.Errorf("findings %+v, want the default name", v.Findings)
}

func TestJudgeOldSelectors(t *testing.T) {
	old := signed(t, letter, "example.org", "old", oldKey)
	both := signed(t, old, "example.org", "ed", edKey)
	bare := probe.JudgeOptions{OldSelectors: []string{"OLD"}}
	whole := probe.JudgeOptions{OldSelectors: []string{"old._domainkey.example.org."}}
	elsewhere := probe.JudgeOptions{OldSelectors: []string{"old._domainkey.example.net."}}
	for _, tt := range []trial{
		{name: "old alone", msg: old, env: theirs, o: bare, dmarc: "fail", spf: "pass", dkim: "pass+", code: "MX092", reason: "old server"},
		{name: "old alone, whole name", msg: old, env: theirs, o: whole, dmarc: "fail", spf: "pass", dkim: "pass+", code: "MX092"},
		{name: "another domain's selector", msg: old, env: theirs, o: elsewhere, dmarc: "pass", spf: "pass", dkim: "pass+"},
		{name: "SPF does not help", msg: old, env: ours, o: bare, dmarc: "fail", spf: "pass+", dkim: "pass+", code: "MX092"},
		{name: "old alone, of a message at hand", msg: old, env: theirs, o: probe.JudgeOptions{OldSelectors: []string{"old"}, AtHand: true},
			dmarc: "pass", spf: "pass", dkim: "pass+", code: "MX092", reason: "it left through the old server"},
		{name: "old and new", msg: both, env: theirs, o: bare, dmarc: "pass", spf: "pass", dkim: "pass+ pass+"},
		{name: "new alone", msg: signed(t, letter, "example.org", "ed", edKey), env: theirs, o: bare, dmarc: "pass", spf: "pass", dkim: "pass+"},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestJudgeEnvelope(t *testing.T) {
	withSPF := func(record string) records { return world().with("TXT example.org.", record) }
	helo := from("192.0.2.25", probe.NullSender)
	helo.Helo = "bounce.example.org"
	noIP := ours
	noIP.IP = probe.Envelope{}.IP
	for _, tt := range []trial{
		{name: "aligned", env: ours, dmarc: "pass", spf: "pass+", code: "MX171", reason: "whoever forwards it"},
		{name: "sub-domain", env: from("192.0.2.25", "x@bounce.example.org"), dmarc: "pass", spf: "pass+", code: "MX171"},
		{name: "sub-domain, strict", env: from("192.0.2.25", "x@bounce.example.org"), dns: world().with("TXT _dmarc.example.org.", "v=DMARC1; p=reject; aspf=s"),
			dmarc: "fail", spf: "pass", code: "MX090"},
		{name: "IPv4 in IPv6", env: from("::ffff:192.0.2.25", "anna@example.org"), dmarc: "pass", spf: "pass+", code: "MX171"},
		{name: "null sender, HELO", env: helo, dmarc: "pass", spf: "pass+"},
		{name: "wrong address", env: from("203.0.113.9", "anna@example.org"), dmarc: "fail", spf: "fail+", code: "MX090"},
		{name: "another domain", env: theirs, dmarc: "fail", spf: "pass", code: "MX090"},
		{name: "lookalike domain", env: from("192.0.2.25", "a@badexample.org"), dns: world().with("TXT badexample.org.", "v=spf1 +all"), dmarc: "fail", spf: "pass", code: "MX090"},
		{name: "address not known", env: noIP, dmarc: "not-measured", spf: "not-measured+", code: "MX093"},
		{name: "address not known, another domain", env: probe.Envelope{MailFrom: "x@esp.example.net"}, dmarc: "fail", spf: "not-measured", code: "MX090"},
		{name: "no domain", env: from("192.0.2.25", "anna"), dmarc: "fail", spf: "none", code: "MX090"},
		{name: "record not answered", env: ours, dns: withSPF("!"), dmarc: "temperror", spf: "temperror+", code: "MX093"},
		{name: "two records", env: ours, dns: withSPF("v=spf1 -all|v=spf1 +all"), dmarc: "fail", spf: "permerror+", code: "MX090"},
		{name: "no record", env: ours, dns: withSPF(""), dmarc: "fail", spf: "none+", code: "MX090"},
		{name: "neutral is no pass", env: ours, dns: withSPF("v=spf1 ?all"), dmarc: "fail", spf: "neutral+", code: "MX090"},
	} {
		tt.msg = letter
		t.Run(tt.name, tt.run)
	}
}

func TestJudgePolicy(t *testing.T) {
	rsa := signed(t, letter, "example.org", "rsa", rsaKey())
	for _, tt := range []trial{
		{name: "no record", dns: world().with("TXT _dmarc.example.org.", ""), dmarc: "none", code: "MX094"},
		{name: "several records", dns: world().with("TXT _dmarc.example.org.", "v=DMARC1; p=none|v=DMARC1; p=reject"), dmarc: "none", code: "MX095", reason: "several"},
		{name: "not answered", dns: world().with("TXT _dmarc.example.org.", "!"), dmarc: "temperror", code: "MX093"},
		{name: "above not answered, identical names", dns: world().with("TXT _dmarc.org.", "!"), dmarc: "pass", code: "MX093"},
		{name: "unusable", dns: world().with("TXT _dmarc.example.org.", "v=DMARC1; p=refuse"), dmarc: "permerror", code: "MX095", reason: "refuse"},
		{name: "missing p with an address", dns: world().with("TXT _dmarc.example.org.", "v=DMARC1; rua=mailto:a@example.org"), dmarc: "pass", code: "MX095"},
		{name: "removed tags are named", dns: world().with("TXT _dmarc.example.org.", "v=DMARC1; p=reject; pct=10"), dmarc: "pass", code: "MX095", reason: "pct"},
		{name: "test mode is named", dns: world().with("TXT _dmarc.example.org.", "v=DMARC1; p=reject; t=y"), dmarc: "pass", code: "MX095", reason: "t=y"},
		{name: "case of the version", dns: world().with("TXT _dmarc.example.org.", "v=dmarc1; p=reject"), dmarc: "none", code: "MX094"},
	} {
		tt.msg, tt.env, tt.spf, tt.dkim = rsa, theirs, "pass", "pass+"
		t.Run(tt.name, tt.run)
	}
}

func TestJudgeTheTwoWays(t *testing.T) {
	at := func(from, d string, pairs ...string) trial {
		msg := signed(t, strings.Replace(letter, "anna@example.org", "anna@"+from, 1), d, "k", edKey)
		return trial{msg: msg, env: theirs, spf: "pass", dns: world().with(pairs...).with("TXT k._domainkey."+d+".", keyRecord(edKey, ""))}
	}
	expect := func(tt trial, name string, dmarc probe.Outcome, sig string, code finding.Code, reason string) trial {
		tt.name, tt.dmarc, tt.dkim, tt.code, tt.reason = name, dmarc, sig, code, reason
		return tt
	}
	for _, tt := range []trial{
		expect(at("github.io", "github.io", "TXT _dmarc.github.io.", "v=DMARC1; p=reject"), "the suffix itself", "pass", "pass+", "", ""),
		expect(at("dept.github.io", "github.io", "TXT _dmarc.github.io.", "v=DMARC1; p=reject"), "below a private suffix", "fail", "pass", "MX091", "by tree walk only"),
		expect(at("news.example.org", "example.org", "TXT _dmarc.news.example.org.", "v=DMARC1; p=none; psd=n"), "psd=n at the sub-domain", "fail", "pass", "MX091", "by suffix list only"),
		expect(at("a.b.c.example.org", "z.example.org"), "siblings", "pass", "pass+", "", ""),
		expect(at("a.co.uk", "b.co.uk", "TXT _dmarc.a.co.uk.", "v=DMARC1; p=none"), "under a public suffix", "fail", "pass", "MX090", ""),
		expect(at("x.b.example.net", "x.b.example.net", "TXT _dmarc.b.example.net.", "v=DMARC1; p=none"), "policy at an intermediate label", "pass", "pass+", "MX091", "policy is read at"),
		expect(at("a.example.org", "b.example.org", "TXT _dmarc.a.example.org.", "v=DMARC1; p=none", "TXT _dmarc.b.example.org.", "!"), "walk of the signer not answered", "temperror", "pass", "MX093", ""),
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestJudgeFrom(t *testing.T) {
	for _, tt := range []struct {
		name, from string
		want       string // the domain; empty: refused
	}{
		{"plain", "From: anna@example.org", "example.org"},
		{"name with an address", `From: "boss@evil.example" <anna@example.org>`, "example.org"},
		{"comment with an address", "From: anna@example.org (boss@evil.example)", "example.org"},
		{"nested comment", `From: (a (b <x@evil.example>) \) c) <anna@example.org>`, "example.org"},
		{"quoted local part", `From: "a@b> c"@example.org`, "example.org"},
		{"quoted local part in brackets", `From: X <"a>b"@example.org>`, "example.org"},
		{"folded", "From: Anna\r\n <anna@example.org>", "example.org"},
		{"case", "from: Anna <anna@EXAMPLE.Org>", "example.org"},
		{"several of one domain", "From: a@example.org, b@example.org", "example.org"},
		{"group", "From: all: a@example.org;", "example.org"},
		{"missing", "X-From: anna@example.org", ""},
		{"doubled", "From: anna@example.org\r\nFrom: anna@example.org", ""},
		{"doubled in another case", "From: anna@example.org\r\nFROM: boss@evil.example", ""},
		{"two domains", "From: a@example.org, b@example.net", ""},
		{"two domains in brackets", "From: A <a@example.org>, B <b@example.net>", ""},
		{"no domain", "From: anna", ""},
		{"empty", "From: ", ""},
		{"null address", "From: <>", ""},
		{"address literal", "From: <anna@[192.0.2.1]>", ""},
		{"control character", "From: <anna@exa\x00mple.org>", ""},
		{"unclosed", "From: Anna <anna@example.org", "example.org"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := probe.Judge(t.Context(), []byte(tt.from+"\r\nTo: b@example.net\r\n\r\nx\r\n"), ours, world(), probe.JudgeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if v.From != tt.want {
				t.Errorf("From = %q, want %q (%q)", v.From, tt.want, v.Reasons)
			}
			refused := v.DMARC == probe.Fail && len(v.Findings) > 0 && v.Findings[0].Code == finding.FromUnusable
			if refused != (tt.want == "") {
				t.Errorf("dmarc = %s, findings %+v, want a refused From: %v", v.DMARC, v.Findings, tt.want == "")
			}
		})
	}
}

func TestJudgePolicyOfNames(t *testing.T) {
	t.Parallel()
	dns := world().with("TXT _dmarc.example.org.", "v=DMARC1; p=none; sp=quarantine; np=reject", "A there.example.org.", "192.0.2.7")
	for name, want := range map[string]probe.Policy{
		"example.org":         {Domain: "example.org", P: "none", Source: "p"},
		"there.example.org":   {Domain: "example.org", P: "quarantine", Source: "sp"},
		"nowhere.example.org": {Domain: "example.org", P: "reject", Source: "np"},
	} {
		v, err := probe.Judge(t.Context(), []byte("From: a@"+name+"\r\n\r\n"), ours, dns, probe.JudgeOptions{})
		want.Record = "v=DMARC1; p=none; sp=quarantine; np=reject"
		if err != nil || v.Policy != want {
			t.Errorf("policy of %s = %+v, %v, want %+v", name, v.Policy, err, want)
		}
	}
}

func TestJudgeManySignatures(t *testing.T) {
	t.Parallel()
	msg := letter
	for range 14 {
		msg = signed(t, msg, "example.org", "ed", edKey)
	}
	v, err := probe.Judge(t.Context(), []byte(msg), theirs, world(), probe.JudgeOptions{})
	if err != nil || v.DMARC != probe.Pass || len(v.DKIM) != 10 || !strings.Contains(fmt.Sprint(v.Reasons), "14 signatures") {
		t.Errorf("14 signatures = %s, %d judged, %q, %v", v.DMARC, len(v.DKIM), v.Reasons, err)
	}
	// A list of names that would keep a verifier busy is not verified.
	long := strings.Replace(signed(t, letter, "example.org", "ed", edKey), " h=", " h="+strings.Repeat("a:", 5000), 1)
	v, err = probe.Judge(t.Context(), []byte(long), theirs, world(), probe.JudgeOptions{})
	if err != nil || v.DMARC != probe.Fail || v.DKIM[0].Result != "fail" {
		t.Errorf("5,000 signed names = %s, %v, %v, want fail", v.DMARC, v.DKIM, err)
	}
}

func TestJudgeRefuses(t *testing.T) {
	t.Parallel()
	for name, msg := range map[string]string{
		"nothing":          "",
		"body only":        "\r\nhello\r\n",
		"header too large": "X: " + strings.Repeat("x", 300<<10) + "\r\n\r\n",
		"header too long":  strings.Repeat("X: y\r\n", 10000) + "\r\n",
	} {
		if _, err := probe.Judge(t.Context(), []byte(msg), ours, world(), probe.JudgeOptions{}); !errors.Is(err, probe.ErrMessage) {
			t.Errorf("%s: Judge = %v, want ErrMessage", name, err)
		}
	}
}

func TestJudgeEnds(t *testing.T) {
	t.Parallel()
	stop := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := probe.Judge(ctx, []byte(letter), ours, world(), probe.JudgeOptions{}); !errors.Is(err, stop) {
		t.Errorf("Judge after the end = %v, want %v", err, stop)
	}
	v, err := probe.Judge(t.Context(), []byte(letter), ours, nil, probe.JudgeOptions{})
	if err != nil || v.DMARC != probe.TempError {
		t.Errorf("Judge without a resolver = %s, %v, want temperror", v.DMARC, err)
	}
}
