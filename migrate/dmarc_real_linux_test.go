package migrate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Addresses of this story; the DNS of the realm knows them.
const (
	outgoingIP  = "198.51.100.27" // the provider's, from which its mail comes
	elsewhereIP = "203.0.113.40"  // the exchanger of the probe's mailbox
	forwarderIP = "203.0.113.41"
	ownPortIP   = "203.0.113.42" // this machine, where it receives the probe itself
)

// TestRealAlignment sends real mail in every way that a provider can be set up
// wrong: Postfix takes it from a user and OpenDKIM signs it, BIND serves the
// records, Postfix and Dovecot receive it, and the program says what it thinks.
func TestRealAlignment(t *testing.T) {
	t.Parallel()
	bin := os.Getenv(realmBin)
	if bin == "" {
		requireRealm(t)
		for _, name := range []string{"opendkim", "opendkim-genkey"} {
			if program(name) == "" {
				t.Fatalf("MXMOVE_TEST_REAL=1 asks for real servers; %s is not installed (apt-get install opendkim opendkim-tools)", name)
			}
		}
		inRealm(t, build(t))
		return
	}
	p := newPost(t, bin)
	p.ok(t, "plan") // the first snapshot: which keys are the old server's
	p.publish(t)
	p.judged(t)
	p.forwarded(t)
	p.received(t)
	p.leaks(t)
}

// A post is a provider that users of example.org send through, and those who
// receive.
type post struct {
	*product
	dns  *bind
	keys map[string]dns.RR // by selector
}

// newPost starts the servers inside a realm.
func newPost(t *testing.T, bin string) *post {
	t.Helper()
	dir, ca := openFolder(t), newAuthority(t)
	enterRealm(t, dir, rootIP, primaryIP, secondaryIP, outgoingIP, elsewhereIP, forwarderIP, ownPortIP)
	p := &post{product: &product{bin: bin, dir: filepath.Join(t.TempDir(), "move")}, keys: map[string]dns.RR{}}
	p.dns = startNames(t, filepath.Join(dir, "dns"), newPostOffice(t).record())
	for _, selector := range []string{"s1", "old"} {
		p.keys[selector] = dkimKey(t, filepath.Join(dir, "dkim"), selector)
	}
	p.dns.change(t, "old._domainkey.example.org.", dns.TypeTXT, p.keys["old"].String())
	startSigner(t, filepath.Join(dir, "dkim"))

	mailboxes := &dovecot{name: "mailboxes", separator: "/", location: "maildir:~/Maildir", dir: filepath.Join(dir, "mailboxes"),
		users: map[string]string{"anna": "anna-password", "probe": "probe-password"}}
	mailboxes.startMail(t, ca, "imap.elsewhere.example", "127.0.0.1", "%Ln", "")
	logins := filepath.Join(mailboxes.dir, "run", "auth-client")
	if err := os.Chmod(logins, 0o666); err != nil { // Postfix asks it, too
		t.Fatal(err)
	}
	p.servers(t, dir, ca, logins)
	p.write(t, ca)
	return p
}

// publish makes the records of the ways to send, after the first snapshot.
func (p *post) publish(t *testing.T) {
	t.Helper()
	key := func(name string) string {
		rr := dns.Copy(p.keys["s1"])
		rr.Header().Name = name
		return rr.String()
	}
	const theirs, others = `"v=spf1 ip4:` + outgoingIP + ` -all"`, `"v=spf1 ip4:192.0.2.10 -all"`
	records := []string{
		key("s1._domainkey.example.org."), key("s1._domainkey.ready.example.org."), key("s1._domainkey.selector.example.org."),
		`_dmarc.strict.example.org. 15 TXT "v=DMARC1; p=reject; adkim=s; aspf=s"`,
	}
	for name, spf := range map[string]string{
		"ready": theirs, "unsigned": theirs, "returned": theirs, "old": theirs,
		"selector": others, "strict": others, "relaxed": others,
	} {
		records = append(records, name+".example.org. 15 TXT "+spf)
	}
	p.dns.change(t, "s1._domainkey.example.org.", dns.TypeTXT, records...)
}

// A way is how a message was sent, and what must be said of it: results as
// RFC 8601 words, "+" where the domain is aligned.
type way struct {
	from, spf, dkim, dmarc, code string
}

// verdict is what the program prints of one message.
type verdict struct {
	SPF struct {
		Result, IP string
		Aligned    bool
	}
	DKIM []struct {
		Selector, Result string
		Aligned          bool
	}
	DMARC    string
	Findings []struct{ Code string }
}

// check compares a verdict with what it must be.
func (w way) check(t *testing.T, v verdict) {
	t.Helper()
	word := func(result string, aligned bool) string {
		if aligned {
			return result + "+"
		}
		return result
	}
	var sigs, codes []string
	for _, d := range v.DKIM {
		sigs = append(sigs, d.Selector+" "+word(d.Result, d.Aligned))
	}
	for _, f := range v.Findings {
		codes = append(codes, f.Code)
	}
	got := way{w.from, word(v.SPF.Result, v.SPF.Aligned), strings.Join(sigs, ", "), v.DMARC, w.code}
	if got != w || w.code != "" && !slices.Contains(codes, w.code) || w.code == "" && len(codes) > 0 {
		t.Errorf("verdict %+v with %v, want %+v", got, codes, w)
	}
}

// judged sends from every domain in one run.
func (p *post) judged(t *testing.T) {
	t.Helper()
	ways := []way{
		{"anna@ready.example.org", "pass+", "s1 pass+", "pass", ""},
		{"anna@selector.example.org", "fail+", "s9 permerror+", "fail", "MX090"},
		{"anna@unsigned.example.org", "pass+", "", "pass", "MX171"},
		{"anna@returned.example.org", "pass", "", "fail", "MX090"},
		{"anna@old.example.org", "pass+", "old pass+", "fail", "MX092"},
		{"anna@strict.example.org", "fail+", "s1 pass", "fail", "MX090"},
		{"anna@relaxed.example.org", "fail+", "s1 pass+", "pass", ""},
	}
	args := []string{"check", "dmarc"}
	for _, w := range ways {
		args = append(args, "--from", w.from)
	}
	var doc struct {
		Proofs []struct {
			Address string
			Verdict verdict
		}
	}
	p.document(t, &doc, []int{3}, args...)
	if len(doc.Proofs) != len(ways) {
		t.Fatalf("%d proofs, want %d", len(doc.Proofs), len(ways))
	}
	for i, w := range ways {
		if doc.Proofs[i].Address != w.from || doc.Proofs[i].Verdict.SPF.IP != outgoingIP {
			t.Errorf("proof %d is of %s from %s, want %s from %s", i, doc.Proofs[i].Address, doc.Proofs[i].Verdict.SPF.IP, w.from, outgoingIP)
		}
		w.check(t, doc.Proofs[i].Verdict)
	}
}

// forwarded sends to somebody who passes on: SPF breaks, DKIM survives.
func (p *post) forwarded(t *testing.T) {
	t.Helper()
	p.edit(t, "address: probe@elsewhere.example", "address: probe@forwarder.example")
	var v verdict
	p.document(t, &v, []int{0}, "check", "dmarc", "--from", "anna@ready.example.org")
	way{"anna@ready.example.org", "fail+", "s1 pass+", "pass", ""}.check(t, v)
	if v.SPF.IP != forwarderIP {
		t.Errorf("the message came from %s, want the forwarder %s", v.SPF.IP, forwarderIP)
	}
}

// received sends to this machine itself, which knows the envelope from the
// session.
func (p *post) received(t *testing.T) {
	t.Helper()
	p.edit(t, "address: probe@forwarder.example", "address: probe@port.elsewhere.example")
	p.edit(t, realmMailbox, "  listen: "+ownPortIP+":25\n")
	var v verdict
	p.document(t, &v, []int{0}, "check", "dmarc", "--from", "anna@ready.example.org")
	way{"anna@ready.example.org", "pass+", "s1 pass+", "pass", ""}.check(t, v)
	kept, err := filepath.Glob(filepath.Join(p.dir, ".mxmove", "evidence", "dmarc-*.eml"))
	if err != nil || len(kept) != 9 {
		t.Fatalf("%d messages were kept, want 9 (%v)", len(kept), err)
	}
	n := 0
	for _, file := range kept {
		msg, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(msg), "From: <anna@old.example.org>\r\n") {
			var old verdict
			p.document(t, &old, []int{0}, "check", "dmarc", "--file", file) // nobody has just sent it
			way{"anna@old.example.org", "pass+", "old pass+", "pass", "MX092"}.check(t, old)
		}
		if strings.HasPrefix(string(msg), "Return-Path: <anna@ready.example.org>\r\nReceived: from out.provider.example (["+outgoingIP+"])\r\n\tby port.elsewhere.example with ESMTPS;") {
			n++
			p.again(t, file, v)
		}
	}
	if n != 1 {
		t.Errorf("%d of the messages that were kept were received here with TLS, want 1", n)
	}
}

// again judges a message that was kept: it tells by itself what the session
// told.
func (p *post) again(t *testing.T, file string, want verdict) {
	t.Helper()
	var v verdict
	p.document(t, &v, []int{0}, "check", "dmarc", "--file", file)
	a, _ := json.Marshal(v)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("judged again: %s, want %s", a, b)
	}
}

// edit changes the configuration.
func (p *post) edit(t *testing.T, was, is string) {
	t.Helper()
	file := filepath.Join(p.dir, "mxmove.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), was) {
		t.Fatalf("the configuration has no %q", was)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), was, is, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
