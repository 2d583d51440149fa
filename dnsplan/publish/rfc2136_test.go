package publish_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestRFC2136SendsOneMessage(t *testing.T) {
	t.Parallel()
	lab := startLab(t)
	s := rfc2136Site(lab.Addr())
	mustPublish(t, s, update(oldMX, newMX), update(oldTXT, newTXT), update(nil, longK))
	updates := 0
	for _, q := range lab.Queries() {
		if q.Network != "tcp" {
			t.Errorf("%s was asked over %s", q.Name, q.Network)
		}
		if q.Update {
			updates++
		}
	}
	if updates != 1 || lab.Zone("example.org").Serial != 51 {
		t.Errorf("%d updates, serial %d; want 1 and 51", updates, lab.Zone("example.org").Serial)
	}
}

func TestRFC2136Refusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault dnslab.Fault
		want  error
	}{
		{dnslab.Fault{Kind: dnslab.Servfail, Update: true}, publish.ErrUnavailable},
		{dnslab.Fault{Kind: dnslab.Drop, Update: true}, publish.ErrUnavailable},
		{dnslab.Fault{Kind: dnslab.Refused, Update: true}, publish.ErrRefused},
		{dnslab.Fault{Kind: dnslab.Ignore, Update: true}, publish.ErrNotApplied},
		{dnslab.Fault{Kind: dnslab.Servfail}, publish.ErrUnavailable},
		{dnslab.Fault{Kind: dnslab.Lame}, publish.ErrUnavailable},
	}
	for _, tt := range tests {
		lab := startLab(t)
		lab.Break(tt.fault)
		p := &publish.RFC2136{Server: lab.Addr(), TSIG: &key, Timeout: 50 * time.Millisecond}
		err := p.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
		if !errors.Is(err, tt.want) {
			t.Errorf("%+v: Publish = %v, want %v", tt.fault, err, tt.want)
		}
		if got := lab.Zone("example.org").Get("example.org", dns.TypeMX); !zone.Same(got, oldMX) {
			t.Errorf("%+v: MX = %v", tt.fault, got)
		}
	}
	p := &publish.RFC2136{Server: "127.0.0.1:1", TSIG: &key, Timeout: 50 * time.Millisecond}
	if err := p.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)}); !errors.Is(err, publish.ErrUnavailable) {
		t.Errorf("no server: Publish = %v, want ErrUnavailable", err)
	}
	if err := p.Check(t.Context(), "example.org"); !errors.Is(err, publish.ErrUnavailable) {
		t.Errorf("no server: Check = %v, want ErrUnavailable", err)
	}
}

// TestRFC2136SettlesALostAnswer cuts the connection after the update has
// arrived: whether it took effect can only be found by looking.
func TestRFC2136SettlesALostAnswer(t *testing.T) {
	t.Parallel()
	lab := startLab(t)
	var conns atomic.Int32
	p := &publish.RFC2136{Server: lab.Addr(), TSIG: &key, Timeout: time.Second}
	p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil && conns.Add(1) == 2 { // the first read the RRset
			return deaf{conn}, nil
		}
		return conn, err
	}
	if err := p.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)}); err != nil {
		t.Errorf("Publish = %v, although the update took effect", err)
	}
	if got := lab.Zone("example.org").Get("example.org", dns.TypeMX); !zone.Same(got, newMX) {
		t.Errorf("MX = %v, want the new one", got)
	}
}

// deaf is a connection that loses the answer once the server has given it.
type deaf struct{ net.Conn }

func (d deaf) Read(p []byte) (int, error) {
	if _, err := d.Conn.Read(p); err != nil {
		return 0, err
	}
	return 0, net.ErrClosed
}

// TestRFC2136SeesAChangeBetweenLookAndUpdate lets somebody else write in the
// moment before the update arrives.
func TestRFC2136SeesAChangeBetweenLookAndUpdate(t *testing.T) {
	t.Parallel()
	lab := startLab(t)
	var conns atomic.Int32
	p := &publish.RFC2136{Server: lab.Addr(), TSIG: &key, Timeout: time.Second}
	foreign := set("example.org.", dns.TypeMX, 60, "5 other.example.")
	p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if conns.Add(1) == 2 {
			if err := lab.Set(*foreign); err != nil {
				return nil, err
			}
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	err := p.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
	stale, ok := errors.AsType[*publish.StaleError](err)
	if !ok || !zone.Equal(stale.Got, foreign) {
		t.Errorf("Publish = %v, want a StaleError with the foreign MX", err)
	}
	if got := lab.Zone("example.org").Get("example.org", dns.TypeMX); !zone.Same(got, foreign) {
		t.Errorf("MX = %v, want the foreign one untouched", got)
	}
}

func TestStaleErrorIsShort(t *testing.T) {
	t.Parallel()
	err := &publish.StaleError{Name: "example.org.", Type: dns.TypeMX, Want: oldMX}
	if got, want := err.Error(), "publish: example.org. MX is stale: want 86400 10 mail.example.org., got nothing"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	err.Got = longK
	if got := err.Error(); len(got) > 300 {
		t.Errorf("Error() has %d bytes", len(got))
	}
}

func TestRFC2136DialsTheServer(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"192.0.2.53": "192.0.2.53:53", "192.0.2.53:5353": "192.0.2.53:5353", "2001:db8::53": "[2001:db8::53]:53", "ns1.example.org": "ns1.example.org:53",
	} {
		var dialled string
		p := &publish.RFC2136{Server: server, Dial: func(_ context.Context, network, addr string) (net.Conn, error) {
			dialled = network + " " + addr
			return nil, net.ErrClosed
		}}
		if err := p.Check(t.Context(), "example.org"); !errors.Is(err, publish.ErrUnavailable) || dialled != "tcp "+want {
			t.Errorf("%s: dialled %s, %v; want %s", server, dialled, err, want)
		}
	}
}
