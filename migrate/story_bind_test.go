package migrate_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A bind is the DNS of the story: the zone's primary, which takes updates and
// hands out the zone for a key; a secondary; and a resolver with a root of its
// own, which knows no more of the world than the story needs.
type bind struct {
	dir                          string
	primary, secondary, resolver string // addresses
	update, read                 string // secrets of the keys for updates and for transfers
	signer                       string // the DKIM record that the provider publishes
	zones                        []string
}

const (
	storyZone   = "example.org."
	updateKey   = "mxmove."
	transferKey = "transfer."
)

// start runs the three servers until the test ends.
func (b *bind) start(t *testing.T) {
	t.Helper()
	b.update, b.read, b.zones = secret(t), secret(t), []string{storyZone}
	ports := [3]int{freePort(t), freePort(t), freePort(t)}
	words := strings.NewReplacer("DIR", b.dir, "UPDATE", b.update, "READ", b.read, "SIGNER", b.signer,
		"PRIMARY", fmt.Sprint(ports[0]), "SECONDARY", fmt.Sprint(ports[1]), "RESOLVER", fmt.Sprint(ports[2]))
	for name, text := range map[string]string{
		"primary/named.conf": bindPrimary, "primary/zone": storyZoneFile,
		"secondary/named.conf": bindSecondary,
		"resolver/named.conf":  bindResolver, "resolver/root": storyRootFile,
	} {
		file := filepath.Join(b.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(words.Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range []struct {
		name string
		addr *string
	}{{"primary", &b.primary}, {"secondary", &b.secondary}, {"resolver", &b.resolver}} {
		dir := filepath.Join(b.dir, s.name)
		*s.addr = fmt.Sprintf("127.0.0.1:%d", ports[i])
		serve(t, *s.addr, filepath.Join(dir, "log"), program("named"), "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf"))
	}
	b.settle(t)
}

// secret is a new one for a key, in base64.
func secret(t *testing.T) string {
	t.Helper()
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// settle waits until both servers of the zones show the same ones.
func (b *bind) settle(t *testing.T) {
	t.Helper()
	eventually(t, 20*time.Second, "the secondary shows the primary's serial", func(ctx context.Context) error {
		for _, zone := range b.zones {
			p, err := ask(ctx, b.primary, zone, dns.TypeSOA)
			if err != nil {
				return err
			}
			s, err := ask(ctx, b.secondary, zone, dns.TypeSOA)
			if err != nil {
				return err
			}
			if !slices.Equal(p, s) {
				return fmt.Errorf("%s: primary %q, secondary %q", zone, p, s)
			}
		}
		return nil
	})
}

// eventually repeats what until it succeeds, and fails the test with its last
// error after a while.
func eventually(t *testing.T, limit time.Duration, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ask returns the RDATA that a server gives for a name.
func ask(ctx context.Context, server, name string, typ uint16) ([]string, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	r, _, err := new(dns.Client).ExchangeContext(ctx, m, server)
	if err != nil {
		return nil, err
	}
	if r.Rcode != dns.RcodeSuccess {
		return nil, fmt.Errorf("%s answers %s for %s", server, dns.RcodeToString[r.Rcode], name)
	}
	var data []string
	for _, rr := range r.Answer {
		if rr.Header().Rrtype == typ {
			data = append(data, rdata(rr))
		}
	}
	slices.Sort(data)
	return data, nil
}

func rdata(rr dns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// transfer reads the zones from the primary, a record a line and sorted. The
// serials are left out: they grow with every update, forth and back.
func (b *bind) transfer(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, zone := range b.zones {
		lines = append(lines, b.transferOf(t, zone)...)
	}
	return lines
}

func (b *bind) transferOf(t *testing.T, zone string) []string {
	t.Helper()
	m := new(dns.Msg)
	m.SetAxfr(zone)
	m.SetTsig(transferKey, dns.HmacSHA256, 300, time.Now().Unix())
	tr := &dns.Transfer{TsigSecret: map[string]string{transferKey: b.read}}
	in, err := tr.In(m, b.primary)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for part := range in {
		if part.Error != nil {
			t.Fatal(part.Error)
		}
		for _, rr := range part.RR {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 0
			}
			lines = append(lines, rr.String())
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// change edits the zone by hand, as its owner would: what stands under name
// and type is replaced by the records.
func (b *bind) change(t *testing.T, name string, typ uint16, records ...string) {
	t.Helper()
	m := new(dns.Msg)
	m.SetUpdate(storyZone)
	m.RemoveRRset([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: name, Rrtype: typ}}})
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		m.Insert([]dns.RR{rr})
	}
	m.SetTsig(updateKey, dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{Net: "tcp", TsigSecret: map[string]string{updateKey: b.update}}
	r, _, err := c.ExchangeContext(t.Context(), m, b.primary)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rcode != dns.RcodeSuccess {
		t.Fatalf("update of %s: %s", name, dns.RcodeToString[r.Rcode])
	}
	b.settle(t)
}

// difference says which lines two transfers do not share.
func difference(before, after []string) []string {
	var lines []string
	for _, l := range before {
		if !slices.Contains(after, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range after {
		if !slices.Contains(before, l) {
			lines = append(lines, "+ "+l)
		}
	}
	return lines
}
