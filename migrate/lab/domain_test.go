package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/probe"
)

func start(t *testing.T, o lab.Options) *lab.Domain {
	t.Helper()
	if o.Attachment == 0 {
		o.Attachment = 1000
	}
	d, err := lab.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}

const note = "From: Carla <carla@customer.example>\r\nTo: anna@example.org\r\nSubject: note\r\n\r\n.dot\r\nbody\r\n"

func TestDeliveryFollowsTheMX(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 30})
	anna := d.People[0]
	before := len(d.Old.Lookup(anna.User).Messages("INBOX"))
	if err := d.Deliver(t.Context(), "carla@customer.example", anna.Address, []byte(note)); err != nil {
		t.Fatal(err)
	}
	if got := len(d.Old.Lookup(anna.User).Messages("INBOX")); got != before+1 {
		t.Errorf("old INBOX holds %d messages, want %d", got, before+1)
	}
	if err := d.DNS.Set(zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 2, Data: []string{"20 mx2.provider.example.", "10 mx1.provider.example."}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Deliver(t.Context(), "carla@customer.example", anna.Address, []byte(note)); err != nil {
		t.Fatal(err)
	}
	arrived := d.New.Lookup(anna.Address).Messages("INBOX")
	if len(arrived) != 1 || !bytes.HasSuffix(arrived[0].Body, []byte(note)) {
		t.Fatalf("new INBOX holds %d messages, want the note", len(arrived))
	}
	if want := "Return-Path: <carla@customer.example>\r\nReceived: from out.customer.example (out.customer.example [203.0.113.20])\r\n\tby mx1.provider.example"; !bytes.HasPrefix(arrived[0].Body, []byte(want)) {
		t.Errorf("trace = %q", arrived[0].Body)
	}
	if err := d.DeliverAt(t.Context(), lab.OldMXHost, "carla@customer.example", anna.Address, []byte(note)); err != nil {
		t.Fatal(err)
	}
	if got := len(d.Old.Lookup(anna.User).Messages("INBOX")); got != before+2 {
		t.Errorf("old INBOX holds %d messages after late mail, want %d", got, before+2)
	}
	if d.OldMX.Received() != 2 || d.NewMX.Received() != 1 {
		t.Errorf("received %d at the old, %d at the new", d.OldMX.Received(), d.NewMX.Received())
	}
}

func TestDeliveryRefused(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 10})
	var se *smtp.SMTPError
	if err := d.Deliver(t.Context(), "", "nobody@example.org", []byte(note)); !errors.As(err, &se) || se.Code != 550 {
		t.Errorf("to an unknown user = %v, want 550", err)
	}
	if err := d.Deliver(t.Context(), "", "a@nowhere.example", []byte(note)); !errors.Is(err, lab.ErrNoRoute) {
		t.Errorf("to a domain without MX = %v, want ErrNoRoute", err)
	}
	if err := d.DeliverAt(t.Context(), "mx.other.example", "", "a@b.example", []byte(note)); !errors.Is(err, lab.ErrNoRoute) {
		t.Errorf("to a host outside the lab = %v, want ErrNoRoute", err)
	}
}

// submit sends a message as a user of the provider.
func submit(t *testing.T, d *lab.Domain, startTLS bool, user, password, from, to, body string) error {
	t.Helper()
	tc := d.Trust()
	tc.ServerName = "smtp.provider.example"
	var c *smtp.Client
	var err error
	if startTLS {
		c, err = smtp.DialStartTLS(d.Addr("smtp.provider.example:587"), tc)
	} else {
		c, err = smtp.DialTLS(d.Addr("smtp.provider.example:465"), tc)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", user, password)); err != nil {
		return err
	}
	return c.SendMail(from, []string{to}, strings.NewReader(body))
}

func TestSubmissionIsSignedAndArrives(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 10})
	anna := d.People[0]
	body := "From: anna@example.org\r\nTo: probe@elsewhere.example\r\nSubject: probe\r\nMessage-ID: <p@example.org>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nhello\r\n"
	publishKeys(t, d)
	for i, startTLS := range []bool{false, true} {
		if err := submit(t, d, startTLS, anna.Address, anna.NewPassword, anna.Address, d.Probe.Address, body); err != nil {
			t.Fatal(err)
		}
		arrived := d.Elsewhere.Lookup(d.Probe.Address).Messages("INBOX")
		if len(arrived) != i+1 {
			t.Fatalf("%d messages elsewhere, want %d", len(arrived), i+1)
		}
		stub := resolver.Stub{Client: &resolver.Client{Resolver: d.Resolver.Addr()}}
		vs, err := dkim.VerifyWithOptions(bytes.NewReader(arrived[i].Body), &dkim.VerifyOptions{LookupTXT: stub.TXT(t.Context())})
		if err != nil || len(vs) != 2 {
			t.Fatalf("%d signatures, %v; want 2", len(vs), err)
		}
		for _, v := range vs {
			if v.Err != nil || v.Domain != "example.org" {
				t.Errorf("signature of %s: %v", v.Domain, v.Err)
			}
		}
		env, err := probe.EnvelopeOf(arrived[i].Body, "mx.elsewhere.example")
		want := "198.51.100.25 out1.provider.example anna@example.org"
		if got := fmt.Sprint(env.IP, " ", env.Helo, " ", env.MailFrom); err != nil || got != want {
			t.Errorf("envelope = %s, %v; want %s", got, err, want)
		}
	}
}

// TestReportsAreSigned: what the lab signs as a receiver can be verified.
func TestReportsAreSigned(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 1})
	msg, err := d.SignReport([]byte("From: dmarc@receiver.example\r\nSubject: Report Domain: example.org\r\n\r\nhello\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := probe.SignersOf(t.Context(), msg, resolver.Stub{Client: &resolver.Client{Resolver: d.Resolver.Addr()}})
	if err != nil || s.From != "receiver.example" || !slices.Equal(s.Passed, []string{"receiver.example"}) {
		t.Errorf("the report is signed by %+v (%v), want receiver.example", s, err)
	}
}

// publishKeys writes the provider's DKIM records by the owner's hand.
func publishKeys(t *testing.T, d *lab.Domain) {
	t.Helper()
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(filepath.Join(dir, "mxmove.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []zone.RRset{
		{Name: "s1._domainkey.example.org.", Type: dns.TypeTXT, TTL: 60, Data: []string{zone.TXT(c.Vars["dkim"][0])}},
		{Name: "s2._domainkey.example.org.", Type: dns.TypeCNAME, TTL: 60, Data: []string{"s2.example-org.dkim.provider.example."}},
	} {
		if err := d.DNS.Set(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSubmissionRefuses(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 10})
	anna, bert := d.People[0], d.People[1]
	tests := []struct {
		name, user, password, from string
		code                       int
	}{
		{"wrong password", anna.Address, bert.NewPassword, anna.Address, 535},
		{"unknown user", "nobody@example.org", anna.NewPassword, "nobody@example.org", 535},
		{"somebody else's address", anna.Address, anna.NewPassword, bert.Address, 553},
	}
	for _, tt := range tests {
		var se *smtp.SMTPError
		err := submit(t, d, false, tt.user, tt.password, tt.from, d.Probe.Address, note)
		if !errors.As(err, &se) || se.Code != tt.code {
			t.Errorf("%s = %v, want %d", tt.name, err, tt.code)
		}
	}
	plain, err := smtp.Dial(d.Addr("smtp.provider.example:587"))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.Hello("client.example"); err != nil {
		t.Fatal(err)
	}
	if plain.SupportsAuth("PLAIN") {
		t.Error("a login is offered without TLS")
	}
	if err := plain.Mail(anna.Address, nil); err == nil {
		t.Error("mail was taken without a login")
	}
}

func TestMoveDirectory(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 10})
	dir := filepath.Join(t.TempDir(), "move")
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(filepath.Join(dir, "mxmove.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := config.LoadAccounts(c.Accounts, c.Domain)
	if err != nil || len(accounts) != 3 || accounts[0].TargetUser != "anna@example.org" {
		t.Errorf("accounts = %+v, %v", accounts, err)
	}
	p := providerOf(t, dir)
	rec, err := p.Expand("example.org", provider.Vars(c.Vars))
	if err != nil || len(rec.DKIM) != 2 || len(rec.MX) != 2 {
		t.Errorf("records = %+v, %v", rec, err)
	}
	if p.Mailboxes.Names[`\Junk`] != "Junk Email" {
		t.Errorf("mailbox names = %v", p.Mailboxes.Names)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v; want 0600", f.Name(), info.Mode(), err)
		}
	}
	if err := d.Write(dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("second Write = %v, want a refusal", err)
	}
}

// dial reaches the lab's addresses as the rehearsal key does.
func dial(d *lab.Domain) resolver.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if real := d.Addr(addr); real != "" {
			addr = real
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

func TestZoneIsFoundFromOutside(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 10})
	c := &resolver.Client{Resolver: d.Resolver.Addr(), Dial: dial(d)}
	servers, err := c.Authoritative(t.Context(), "example.org.")
	if err != nil || len(servers) != 2 || servers[0].Addr != "192.0.2.53:53" || servers[1].Addr != "192.0.2.54:53" {
		t.Fatalf("Authoritative = %v, %v", servers, err)
	}
	for _, s := range servers {
		mx, err := c.Ask(t.Context(), s, "example.org.", dns.TypeMX)
		if err != nil || mx == nil || mx.TTL != 2 || !slices.Equal(mx.Data, []string{"10 mail.example.org."}) {
			t.Errorf("MX at %s = %+v, %v", s, mx, err)
		}
	}
}

func TestOldServerByTLS(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 200})
	tc := d.Trust()
	tc.ServerName = "mail.example.org"
	c, err := imapclient.DialTLS(d.Addr("mail.example.org:993"), &imapclient.Options{TLSConfig: tc})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	anna := d.People[0]
	if err := c.Login(anna.User, anna.OldPassword).Wait(); err != nil {
		t.Fatal(err)
	}
	list, err := c.List("", "*", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	total := uint32(0)
	for _, l := range list {
		if l.Status != nil {
			total += *l.Status.NumMessages
		}
	}
	if total != 100 || len(list) != 13 {
		t.Errorf("%d messages in %d mailboxes, want 100 in 13", total, len(list))
	}
}

func TestMailIsDeterministic(t *testing.T) {
	t.Parallel()
	a, b := start(t, lab.Options{Seed: 7, Messages: 100}), start(t, lab.Options{Seed: 7, Messages: 100})
	for _, p := range a.People {
		one, two := a.Old.Lookup(p.User), b.Old.Lookup(p.User)
		for _, box := range one.Mailboxes() {
			x, y := one.Messages(box), two.Messages(box)
			if len(x) != len(y) {
				t.Fatalf("%s %s: %d and %d messages", p.User, box, len(x), len(y))
			}
			for i := range x {
				if !bytes.Equal(x[i].Body, y[i].Body) || !x[i].Date.Equal(y[i].Date) || !slices.Equal(x[i].Flags, y[i].Flags) {
					t.Errorf("%s %s uid %d differs", p.User, box, x[i].UID)
				}
			}
		}
	}
}
