package dnsplan_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// large is an ordinary domain in a zone of ten thousand records more: hosts,
// aliases, texts and mail domains below it.
func large(tb testing.TB) dnsplan.Input {
	tb.Helper()
	_, in := ordinary(tb)
	z := in.Now
	z.Coverage = zone.AXFR
	for i := range 10_000 {
		s := zone.RRset{Name: fmt.Sprintf("h%d.example.org.", i), TTL: 3600}
		switch i % 4 {
		case 0:
			s.Type, s.Data = dns.TypeA, []string{fmt.Sprintf("192.0.2.%d", i%250)}
		case 1:
			s.Type, s.Data = dns.TypeCNAME, []string{"h0.example.org."}
		case 2:
			s.Type, s.Data = dns.TypeTXT, []string{`"v=spf1 a -all"`}
		case 3:
			s.Type, s.Data = dns.TypeMX, []string{"10 mail.example.org."}
		}
		z.Put(s)
	}
	in.Now, in.Origin = z, z.Clone()
	return in
}

// A plan of ten thousand records takes less than a second and 100 MB, once the
// snapshot is there.
func BenchmarkBuild(b *testing.B) {
	in := large(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dnsplan.Build([]dnsplan.Input{in}, made); err != nil {
			b.Fatal(err)
		}
	}
}

// TestLargeZone holds the bounds loosely, so that a busy machine does not
// break them: a plan that looks at the zone once for every name is a hundred
// times slower.
func TestLargeZone(t *testing.T) {
	in := large(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	p, err := dnsplan.Build([]dnsplan.Input{in}, made)
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	if err != nil || len(p.Changes) == 0 {
		t.Fatalf("plan = %d changes, %v", len(p.Changes), err)
	}
	if took > 5*time.Second {
		t.Errorf("the plan took %v, want less than a second on a machine at rest", took)
	}
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 100 {
		t.Errorf("the plan allocated %d MB, want less than 100", mb)
	}
}
