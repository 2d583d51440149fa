package resolver

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// FuzzAnswer feeds whatever a server may send to everything that reads it,
// without a network between, which would make it a thousand times slower.
func FuzzAnswer(f *testing.F) {
	key := TSIG{Name: "key", Secret: "c2VjcmV0"}
	for _, answer := range []string{
		"example.org. 60 IN MX 1 mail.example.",
		"example.org. 60 IN CNAME example.org.",
		"example.org. 60 IN SOA a. b. 1 1 1 1 1",
		`example.org. 60 IN TXT "a\000b" "c"`,
	} {
		m := new(dns.Msg)
		m.SetQuestion("example.org.", dns.TypeMX)
		m.Response, m.Authoritative = true, true
		rr, err := dns.NewRR(answer)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = []dns.RR{rr, rr}
		out, _, err := sign(m, &key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := new(dns.Msg)
		if err := in.Unpack(raw); err != nil {
			return
		}
		q := new(dns.Msg)
		q.SetQuestion("example.org.", dns.TypeMX)
		q.Id = in.Id
		answers(in, q)
		_, _ = authoritative(in), recursive(in)
		for _, typ := range []uint16{dns.TypeMX, dns.TypeTXT, dns.TypeSOA, dns.TypeCNAME} {
			sets := owned(in.Answer, follow(in.Answer, "example.org.", typ), typ)
			unlike(sets, sets)
			targets("example.org.", sets)
			for _, set := range sets {
				line(&set)
				_, _ = soaOf(&set, "example.org.", Server{})
				if set.TTL > 0 && len(set.Data) == 0 {
					t.Errorf("%s has no data", set.Key())
				}
			}
		}
		for _, st := range []*stream{{}, {key: &key}, {key: &key, begun: true, mac: "00ff", pending: []byte{1}}} {
			var rrs []dns.RR
			for range 2 {
				_, _ = st.take(in, raw, "example.org.", &rrs)
			}
			zone.FromRRs(rrs)
		}
		_ = verify(in, raw, key, "")
	})
}

// TestUnsignedMessagesAreCovered signs a stream as servers do that spare
// themselves the signature of most messages (RFC 8945, section 5.3.1).
func TestUnsignedMessagesAreCovered(t *testing.T) {
	t.Parallel()
	key := TSIG{Name: "key.", Secret: "c2VjcmV0"}
	soa, err := dns.NewRR("example.org. 60 IN SOA a. b. 1 1 1 1 1")
	if err != nil {
		t.Fatal(err)
	}
	a, err := dns.NewRR("example.org. 60 IN A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	message := func(rrs ...dns.RR) *dns.Msg {
		m := new(dns.Msg)
		m.Response, m.Id, m.Answer = true, 7, rrs
		return m
	}
	for _, altered := range []bool{false, true} {
		st := &stream{key: &key, mac: "00ff"}
		var rrs []dns.RR
		feed := func(raw []byte) (bool, error) {
			in := new(dns.Msg)
			if err := in.Unpack(raw); err != nil {
				t.Fatal(err)
			}
			return st.take(in, raw, "example.org.", &rrs)
		}
		first := message(soa)
		first.SetTsig("key.", dns.HmacSHA256, 300, time.Now().Unix())
		raw, mac, err := dns.TsigGenerate(first, key.Secret, "00ff", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := feed(raw); err != nil {
			t.Fatal(err)
		}
		middle, err := message(a).Pack()
		if err != nil {
			t.Fatal(err)
		}
		last := message(soa)
		last.SetTsig("key.", dns.HmacSHA256, 300, time.Now().Unix())
		raw, _, err = dns.TsigGenerateWithProvider(last, signing{key, middle}, mac, true)
		if err != nil {
			t.Fatal(err)
		}
		if altered {
			middle[len(middle)-1]++
		}
		if _, err := feed(middle); err != nil {
			t.Fatal(err)
		}
		done, err := feed(raw)
		if done == altered || (err != nil) != altered {
			t.Errorf("altered %v: done %v, %v", altered, done, err)
		}
	}
}

// signing signs a message together with an unsigned one before it.
type signing struct {
	key    TSIG
	before []byte
}

func (s signing) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	n := 2 + int(msg[0])<<8 + int(msg[1])
	return mac(s.key, append(append(append([]byte(nil), msg[:n]...), s.before...), msg[n:]...))
}

func (signing) Verify([]byte, *dns.TSIG) error { return nil }
