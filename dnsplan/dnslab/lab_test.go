package dnslab_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

const exampleZone = `
@ 3600 IN SOA ns1 hostmaster 10 7200 600 1209600 60
@ 3600 IN NS ns1
@ 300 IN MX 10 mail
@ 300 IN TXT "v=spf1 mx -all"
ns1 300 IN A 192.0.2.53
mail 300 IN A 192.0.2.10
www 300 IN CNAME mail
away 300 IN CNAME host.other.example.
selector._domainkey 300 IN TXT "v=DKIM1; p=abc"
*.wild 300 IN A 192.0.2.99
deep.host.wild 300 IN A 192.0.2.98
child 300 IN NS ns.child
`

var key = dnslab.Key{Name: "key.", Algorithm: dns.HmacSHA256, Secret: "c2VjcmV0IHNlY3JldCBzZWNyZXQ="}

func read(t *testing.T, origin, text string) zone.Zone {
	t.Helper()
	z, err := zone.Read(strings.NewReader(text), origin, "test")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func start(t *testing.T, o dnslab.Options) *dnslab.Lab {
	t.Helper()
	if o.Zones == nil {
		o.Zones = []zone.Zone{
			read(t, "example.org.", exampleZone),
			read(t, "other.example.", "@ 60 IN SOA ns hostmaster 1 2 3 4 5\nhost 60 IN A 198.51.100.1\n"),
		}
	}
	o.Keys = []dnslab.Key{key}
	l, err := dnslab.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func exchange(t *testing.T, l *dnslab.Lab, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: network, TsigSecret: map[string]string{key.Name: key.Secret}}
	in, _, err := c.ExchangeContext(t.Context(), m.Copy(), l.Addr())
	if err != nil {
		t.Fatalf("%s: %v", network, err)
	}
	return in
}

func ask(t *testing.T, l *dnslab.Lab, name string, typ uint16) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	return exchange(t, l, "udp", m)
}

// lines returns the answer in short form: the RCODE, aa or ra, the records.
func lines(in *dns.Msg) string {
	out := []string{dns.RcodeToString[in.Rcode]}
	if in.Authoritative {
		out = append(out, "aa")
	}
	if in.RecursionAvailable {
		out = append(out, "ra")
	}
	for _, rr := range in.Answer {
		out = append(out, strings.TrimSuffix(rr.Header().Name, ".")+" "+strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return strings.Join(out, " / ")
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	lab := start(t, dnslab.Options{})
	resolver, err := lab.Resolver()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name           string
		typ            uint16
		want, resolved string
	}{
		{"example.org.", dns.TypeMX, "NOERROR / aa / example.org 10 mail.example.org.", "NOERROR / ra / example.org 10 mail.example.org."},
		{"EXAMPLE.org.", dns.TypeTXT, `NOERROR / aa / example.org "v=spf1 mx -all"`, ""},
		{"www.example.org.", dns.TypeA, "NOERROR / aa / www.example.org mail.example.org. / mail.example.org 192.0.2.10", ""},
		{"www.example.org.", dns.TypeMX, "NOERROR / aa / www.example.org mail.example.org.", ""},
		{"www.example.org.", dns.TypeCNAME, "NOERROR / aa / www.example.org mail.example.org.", ""},
		{"away.example.org.", dns.TypeA, "NOERROR / aa / away.example.org host.other.example.", "NOERROR / ra / away.example.org host.other.example. / host.other.example 198.51.100.1"},
		{"_domainkey.example.org.", dns.TypeTXT, "NOERROR / aa", "NOERROR / ra"},
		{"nobody.example.org.", dns.TypeA, "NXDOMAIN / aa", "NXDOMAIN / ra"},
		{"mail.example.org.", dns.TypeAAAA, "NOERROR / aa", ""},
		{"any.wild.example.org.", dns.TypeA, "NOERROR / aa / any.wild.example.org 192.0.2.99", ""},
		{"a.b.wild.example.org.", dns.TypeA, "NOERROR / aa / a.b.wild.example.org 192.0.2.99", ""},
		{"any.wild.example.org.", dns.TypeTXT, "NOERROR / aa", ""},
		{"host.wild.example.org.", dns.TypeA, "NOERROR / aa", ""},
		{"other.host.wild.example.org.", dns.TypeA, "NXDOMAIN / aa", ""},
		{"elsewhere.test.", dns.TypeA, "REFUSED", "NXDOMAIN / ra"},
		{"x.child.example.org.", dns.TypeA, "NOERROR", ""},
	}
	for _, tt := range tests {
		if got := lines(ask(t, lab, tt.name, tt.typ)); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.name, dns.TypeToString[tt.typ], got, tt.want)
		}
		if tt.resolved == "" {
			continue
		}
		if got := lines(ask(t, resolver, tt.name, tt.typ)); got != tt.resolved {
			t.Errorf("%s %s resolved: got %s, want %s", tt.name, dns.TypeToString[tt.typ], got, tt.resolved)
		}
	}
}

func TestDenialCarriesTheNegativeTTL(t *testing.T) {
	t.Parallel()
	in := ask(t, start(t, dnslab.Options{}), "nobody.example.org.", dns.TypeA)
	if len(in.Ns) != 1 || in.Ns[0].Header().Rrtype != dns.TypeSOA || in.Ns[0].Header().Ttl != 60 {
		t.Errorf("authority section = %v, want the SOA with TTL 60", in.Ns)
	}
}

func TestLargeAnswerNeedsTCP(t *testing.T) {
	t.Parallel()
	lab := start(t, dnslab.Options{})
	big := zone.RRset{Name: "big.example.org.", Type: dns.TypeTXT, TTL: 60}
	for i := range 12 {
		big.Data = append(big.Data, zone.TXT(fmt.Sprint(i)+strings.Repeat("x", 200)))
	}
	if err := lab.Set(big); err != nil {
		t.Fatal(err)
	}
	if in := ask(t, lab, big.Name, dns.TypeTXT); !in.Truncated {
		t.Error("UDP answer is not truncated")
	}
	m := new(dns.Msg)
	m.SetQuestion(big.Name, dns.TypeTXT)
	if in := exchange(t, lab, "tcp", m); in.Truncated || len(in.Answer) != 12 {
		t.Errorf("TCP answer has %d records, truncated %v; want 12", len(in.Answer), in.Truncated)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	lab := start(t, dnslab.Options{})
	for _, tt := range []struct {
		kind dnslab.Kind
		want string
	}{
		{dnslab.Servfail, "SERVFAIL"},
		{dnslab.Refused, "REFUSED"},
		{dnslab.Lame, "NOERROR"},
		{dnslab.Truncate, "NOERROR / aa"},
	} {
		lab.Break(dnslab.Fault{Kind: tt.kind, Name: "Example.org", Type: dns.TypeMX, Times: 1})
		if got := lines(ask(t, lab, "example.org.", dns.TypeTXT)); !strings.Contains(got, "spf1") {
			t.Errorf("%s: another type is broken too: %s", tt.kind, got)
		}
		if got := lines(ask(t, lab, "example.org.", dns.TypeMX)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.kind, got, tt.want)
		}
		if got := lines(ask(t, lab, "example.org.", dns.TypeMX)); !strings.Contains(got, "mail") {
			t.Errorf("%s: still broken after one time: %s", tt.kind, got)
		}
	}
	lab.Break(dnslab.Fault{Kind: dnslab.Servfail})
	lab.Mend()
	if got := lines(ask(t, lab, "example.org.", dns.TypeMX)); !strings.Contains(got, "mail") {
		t.Errorf("broken after Mend: %s", got)
	}
}

func TestSecondaryLags(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	lab := start(t, dnslab.Options{Now: func() time.Time { return now }})
	late, err := lab.Secondary(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	never, err := lab.Secondary(-1)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(l *dnslab.Lab) string { return l.Zone("example.org").Get("example.org", dns.TypeMX).Data[0] }
	if err := lab.Set(zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 60, Data: []string{"1 new.example."}}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(30 * time.Second)
	if got := shows(lab) + "|" + shows(late) + "|" + shows(never); got != "1 new.example.|10 mail.example.org.|10 mail.example.org." {
		t.Errorf("after 30 s: %s", got)
	}
	now = now.Add(30 * time.Second)
	if got := shows(late) + "|" + shows(never); got != "1 new.example.|10 mail.example.org." {
		t.Errorf("after 60 s: %s", got)
	}
	never.SetLag(0)
	if got := shows(never); got != "1 new.example." {
		t.Errorf("after SetLag(0): %s", got)
	}
	if got := lab.Zone("example.org").Serial; got != 11 {
		t.Errorf("serial = %d, want 11", got)
	}
}

func TestTransferNeedsTheKey(t *testing.T) {
	t.Parallel()
	lab := start(t, dnslab.Options{})
	transfer := func(sign bool) (n int, err error) {
		m := new(dns.Msg)
		m.SetAxfr("example.org.")
		tr := &dns.Transfer{}
		if sign {
			m.SetTsig(key.Name, key.Algorithm, 300, time.Now().Unix())
			tr.TsigSecret = map[string]string{key.Name: key.Secret}
		}
		ch, err := tr.In(m, lab.Addr())
		if err != nil {
			return 0, err
		}
		for e := range ch {
			n += len(e.RR)
			err = e.Error
		}
		return n, err
	}
	if n, err := transfer(true); err != nil || n != 13 {
		t.Errorf("signed transfer: %d records, %v; want 13", n, err)
	}
	if _, err := transfer(false); err == nil {
		t.Error("unsigned transfer was given")
	}
}

func TestQueriesAreLogged(t *testing.T) {
	t.Parallel()
	lab := start(t, dnslab.Options{})
	ask(t, lab, "Example.org.", dns.TypeMX)
	want := []dnslab.Query{{Name: "example.org.", Type: dns.TypeMX, Network: "udp", Recurse: true}}
	if got := lab.Queries(); !slices.Equal(got, want) {
		t.Errorf("Queries() = %v, want %v", got, want)
	}
}

// TestCloseWaits counts goroutines and therefore runs alone.
func TestCloseWaits(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		lab, err := dnslab.Start(dnslab.Options{Zones: []zone.Zone{read(t, "example.org.", exampleZone)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lab.Secondary(0); err != nil {
			t.Fatal(err)
		}
		ask(t, lab, "example.org.", dns.TypeMX)
		m := new(dns.Msg)
		m.SetQuestion("example.org.", dns.TypeMX)
		exchange(t, lab, "tcp", m)
		if err := lab.Close(); err != nil {
			t.Fatal(err)
		}
		if err := lab.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// A goroutine that has said it is done still has to return, for which a busy
	// machine may take its time.
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines are left, %d before", runtime.NumGoroutine(), before)
}
