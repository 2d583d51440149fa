package dnslab_test

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
)

func rr(t *testing.T, text string) []dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return []dns.RR{rr}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		build func(t *testing.T, m *dns.Msg)
		rcode int
		ask   string
		typ   uint16
		want  string
	}{
		{"add joins the RRset and sets its TTL", func(t *testing.T, m *dns.Msg) {
			m.Insert(rr(t, "example.org. 60 IN MX 20 b.example."))
		}, dns.RcodeSuccess, "example.org.", dns.TypeMX, "NOERROR / aa / example.org 10 mail.example.org. / example.org 20 b.example."},
		{"whole set as prerequisite, replaced", func(t *testing.T, m *dns.Msg) {
			m.Used(rr(t, "EXAMPLE.org. 0 IN MX 10 MAIL.example.org."))
			m.RemoveRRset(rr(t, "example.org. 0 IN MX 0 ."))
			m.Insert(rr(t, "example.org. 60 IN MX 1 new.example."))
		}, dns.RcodeSuccess, "example.org.", dns.TypeMX, "NOERROR / aa / example.org 1 new.example."},
		{"other value is NXRRSET and changes nothing", func(t *testing.T, m *dns.Msg) {
			m.Used(rr(t, "example.org. 0 IN MX 11 mail.example.org."))
			m.RemoveRRset(rr(t, "example.org. 0 IN MX 0 ."))
		}, dns.RcodeNXRrset, "example.org.", dns.TypeMX, "NOERROR / aa / example.org 10 mail.example.org."},
		{"TXT is compared string by string", func(t *testing.T, m *dns.Msg) {
			m.Used(rr(t, `example.org. 0 IN TXT "v=spf1 " "mx -all"`))
		}, dns.RcodeNXRrset, "example.org.", dns.TypeMX, "NOERROR / aa / example.org 10 mail.example.org."},
		{"RRset exists although it should not", func(t *testing.T, m *dns.Msg) {
			m.RRsetNotUsed(rr(t, "example.org. 0 IN MX 0 ."))
		}, dns.RcodeYXRrset, "example.org.", dns.TypeMX, "NOERROR / aa / example.org 10 mail.example.org."},
		{"RRset does not exist although it should", func(t *testing.T, m *dns.Msg) {
			m.RRsetUsed(rr(t, "mail.example.org. 0 IN MX 0 ."))
		}, dns.RcodeNXRrset, "mail.example.org.", dns.TypeMX, "NOERROR / aa"},
		{"name in use", func(t *testing.T, m *dns.Msg) {
			m.NameNotUsed(rr(t, "mail.example.org. 0 IN A 0.0.0.0"))
		}, dns.RcodeYXDomain, "mail.example.org.", dns.TypeMX, "NOERROR / aa"},
		{"name not in use", func(t *testing.T, m *dns.Msg) {
			m.NameUsed(rr(t, "new.example.org. 0 IN A 0.0.0.0"))
		}, dns.RcodeNameError, "new.example.org.", dns.TypeA, "NXDOMAIN / aa"},
		{"CNAME beside other data is ignored", func(t *testing.T, m *dns.Msg) {
			m.Insert(rr(t, "mail.example.org. 60 IN CNAME x.example."))
		}, dns.RcodeSuccess, "mail.example.org.", dns.TypeA, "NOERROR / aa / mail.example.org 192.0.2.10"},
		{"other data beside a CNAME is ignored", func(t *testing.T, m *dns.Msg) {
			m.Insert(rr(t, "www.example.org. 60 IN TXT x"))
		}, dns.RcodeSuccess, "www.example.org.", dns.TypeTXT, "NOERROR / aa / www.example.org mail.example.org."},
		{"a second CNAME replaces the first", func(t *testing.T, m *dns.Msg) {
			m.Insert(rr(t, "www.example.org. 60 IN CNAME x.example."))
		}, dns.RcodeSuccess, "www.example.org.", dns.TypeCNAME, "NOERROR / aa / www.example.org x.example."},
		{"A becomes CNAME in one message", func(t *testing.T, m *dns.Msg) {
			m.RemoveRRset(rr(t, "mail.example.org. 0 IN A 0.0.0.0"))
			m.Insert(rr(t, "mail.example.org. 60 IN CNAME x.example."))
		}, dns.RcodeSuccess, "mail.example.org.", dns.TypeCNAME, "NOERROR / aa / mail.example.org x.example."},
		{"one record is deleted by its value", func(t *testing.T, m *dns.Msg) {
			m.Remove(rr(t, `example.org. 0 IN TXT "v=spf1 mx -all"`))
		}, dns.RcodeSuccess, "example.org.", dns.TypeTXT, "NOERROR / aa"},
		{"a TXT split in another way is not deleted", func(t *testing.T, m *dns.Msg) {
			m.Remove(rr(t, `example.org. 0 IN TXT "v=spf1" " mx -all"`))
		}, dns.RcodeSuccess, "example.org.", dns.TypeTXT, `NOERROR / aa / example.org "v=spf1 mx -all"`},
		{"the apex keeps its NS", func(t *testing.T, m *dns.Msg) {
			m.RemoveRRset(rr(t, "example.org. 0 IN NS ."))
			m.Remove(rr(t, "example.org. 0 IN NS ns1.example.org."))
		}, dns.RcodeSuccess, "example.org.", dns.TypeNS, "NOERROR / aa / example.org ns1.example.org."},
		{"a whole name goes", func(t *testing.T, m *dns.Msg) {
			m.RemoveName(rr(t, "www.example.org. 0 IN A 0.0.0.0"))
		}, dns.RcodeSuccess, "www.example.org.", dns.TypeA, "NXDOMAIN / aa"},
		{"a lower SOA serial is ignored", func(t *testing.T, m *dns.Msg) {
			m.Insert(rr(t, "example.org. 60 IN SOA a. b. 9 1 1 1 1"))
		}, dns.RcodeSuccess, "example.org.", dns.TypeSOA, "NOERROR / aa / example.org ns1.example.org. hostmaster.example.org. 10 7200 600 1209600 60"},
		{"a record outside the zone spoils all", func(t *testing.T, m *dns.Msg) {
			m.RemoveRRset(rr(t, "example.org. 0 IN MX 0 ."))
			m.Insert(rr(t, "host.other.example. 60 IN TXT x"))
		}, dns.RcodeNotZone, "example.org.", dns.TypeMX, "NOERROR / aa / example.org 10 mail.example.org."},
		{"a type for questions only", func(t *testing.T, m *dns.Msg) {
			m.Ns = append(m.Ns, &dns.ANY{Hdr: dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeAXFR, Class: dns.ClassANY}})
		}, dns.RcodeFormatError, "example.org.", dns.TypeMX, "NOERROR / aa / example.org 10 mail.example.org."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lab := start(t, dnslab.Options{})
			m := new(dns.Msg)
			m.SetUpdate("example.org.")
			tt.build(t, m)
			m.SetTsig(key.Name, key.Algorithm, 300, time.Now().Unix())
			if in := exchange(t, lab, "tcp", m); in.Rcode != tt.rcode {
				t.Errorf("update = %s, want %s", dns.RcodeToString[in.Rcode], dns.RcodeToString[tt.rcode])
			}
			if got := lines(ask(t, lab, tt.ask, tt.typ)); got != tt.want {
				t.Errorf("then got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestUpdateRaisesTheSerialOnce(t *testing.T) {
	t.Parallel()
	lab := start(t, dnslab.Options{})
	m := new(dns.Msg)
	m.SetUpdate("example.org.")
	m.Insert(rr(t, "a.example.org. 60 IN A 192.0.2.1"))
	m.Insert(rr(t, "b.example.org. 60 IN A 192.0.2.1"))
	m.SetTsig(key.Name, key.Algorithm, 300, time.Now().Unix())
	for range 2 { // the second changes nothing
		exchange(t, lab, "tcp", m)
		if got := lab.Zone("example.org").Serial; got != 11 {
			t.Errorf("serial = %d, want 11", got)
		}
	}
}

func TestUpdateNeedsTheKey(t *testing.T) {
	t.Parallel()
	lab := start(t, dnslab.Options{})
	m := new(dns.Msg)
	m.SetUpdate("example.org.")
	m.RemoveRRset(rr(t, "example.org. 0 IN MX 0 ."))
	if in := exchange(t, lab, "tcp", m); in.Rcode != dns.RcodeRefused {
		t.Errorf("unsigned update = %s, want REFUSED", dns.RcodeToString[in.Rcode])
	}
	m.SetTsig(key.Name, key.Algorithm, 300, time.Now().Unix())
	wrong := dns.Client{Net: "tcp", TsigSecret: map[string]string{key.Name: "d3Jvbmc="}}
	in, _, _ := wrong.ExchangeContext(t.Context(), m, lab.Addr())
	if in == nil || in.Rcode != dns.RcodeNotAuth {
		t.Errorf("update with a wrong key = %v, want NOTAUTH", in)
	}
	if lab.Zone("example.org").Get("example.org", dns.TypeMX) == nil {
		t.Error("the MX is gone")
	}
}

func TestMuteUpdateHasItsEffect(t *testing.T) {
	t.Parallel()
	l := start(t, dnslab.Options{Keys: []dnslab.Key{key}})
	l.Break(dnslab.Fault{Kind: dnslab.Mute, Update: true, Times: 1})
	m := new(dns.Msg)
	m.SetUpdate("example.org.")
	m.RemoveRRset(rr(t, "example.org. 0 IN MX 0 ."))
	m.Insert(rr(t, "example.org. 60 IN MX 1 new.example."))
	m.SetTsig(key.Name, dns.HmacSHA256, 300, time.Now().Unix())
	c := dns.Client{Net: "tcp", TsigSecret: map[string]string{key.Name: key.Secret}}
	if in, _, err := c.ExchangeContext(t.Context(), m, l.Addr()); err == nil {
		t.Errorf("the update was answered: %v", in)
	}
	if got, want := lines(ask(t, l, "example.org.", dns.TypeMX)), "NOERROR / aa / example.org 1 new.example."; got != want {
		t.Errorf("MX = %s, want %s", got, want)
	}
}
