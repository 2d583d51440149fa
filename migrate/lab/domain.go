// Package lab puts a whole mail domain on loopback: its old server, its zone,
// the provider that it moves to and a mailbox elsewhere, all speaking the real
// protocols. The demo and the end-to-end tests move this domain.
package lab

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// Options size the domain. The zero value is the domain of the demo.
type Options struct {
	Seed       uint64        // of the mail; the same seed gives the same mail
	Messages   int           // in all accounts together; 0 means 600
	Attachment int           // octets of each account's large attachment, before base64; 0 means 2 MiB
	TTL        uint32        // of the MX records; 0 means 2 s
	Lag        time.Duration // until the secondary shows a change
	SourceIP   netip.Addr    // where the provider's mail seems to come from; zero means an address that its SPF record allows

	// ElsewhereMX is where the exchanger of the mailbox elsewhere is, "host:port",
	// when somebody else plays it; empty: the lab does.
	ElsewhereMX string

	Old, New  imaplab.Options // habits and faults of the two servers; names and TLS are the lab's
	Elsewhere imaplab.Options // the same of the probe's mailbox
}

// A Person is a user of the domain, or of the mailbox elsewhere.
type Person struct {
	User        string // login at the old server
	Address     string // address, and login at the provider and elsewhere
	OldPassword string
	NewPassword string
}

// A Domain is example.org and the world around it. The servers may be used
// directly: to look at what is stored, or to break something.
type Domain struct {
	People []Person
	Probe  Person // the mailbox elsewhere; its password is NewPassword

	Old, New, Elsewhere       *imaplab.Server
	OldMX, NewMX, ElsewhereMX *Exchanger
	Submission                *Submission // TLS from the first octet
	SubmissionSTARTTLS        *Submission // the same provider's, with STARTTLS
	DNS                       *dnslab.Lab // the primary, which takes updates
	Secondary                 *dnslab.Lab
	Resolver                  *dnslab.Lab // the outside view

	ca      *authority
	tsig    dnslab.Key
	keys    map[string]crypto.Signer // by selector
	connect map[string]string        // where the hosts' ports really are
	closers []func() error
}

// AliasAddress is an address that every user may send from, besides those of
// shop.example.org; nobody receives what is sent to it.
const AliasAddress = "sales@example.org"

// Host names of the lab, and the addresses that the zones give them.
const (
	oldHost        = "mail.example.org"
	newIMAP        = "imap.provider.example"
	newSMTP        = "smtp.provider.example"
	newMX1         = "mx1.provider.example"
	newMX2         = "mx2.provider.example"
	newOutgoing    = "out1.provider.example"
	elsewhereIMAP  = "imap.elsewhere.example"
	elsewhereMX    = "mx.elsewhere.example"
	senderHost     = "out.customer.example"
	primaryAddr    = "192.0.2.53:53"
	secondaryAddr  = "192.0.2.54:53"
	oldSelector    = "old"
	newSelector    = "s1" // a key that the owner publishes
	newSelectorTwo = "s2" // a CNAME to the provider's
	reporter       = "receiver.example"
	reporterKey    = "r1"
)

// Start opens all servers and fills the old one. The caller closes the domain.
func Start(ctx context.Context, o Options) (_ *Domain, err error) {
	if o.Messages == 0 {
		o.Messages = 600
	}
	if o.Attachment == 0 {
		o.Attachment = 2 << 20
	}
	if o.TTL == 0 {
		o.TTL = 2
	}
	d := &Domain{keys: make(map[string]crypto.Signer), connect: make(map[string]string)}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	for _, user := range []string{"anna", "bert", "info"} {
		d.People = append(d.People, Person{user, user + "@example.org", secret(), secret()})
	}
	d.Probe = Person{"probe", "probe@elsewhere.example", "", secret()}
	for _, begin := range []func(Options) error{d.startKeys, d.startDNS, d.startIMAP, d.startExchangers, d.startSubmission, d.fill} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := begin(o); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// secret makes a password, or the secret of a key.
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, by its documentation
	return base64.StdEncoding.EncodeToString(b)
}

// Close ends every server and waits for it. It may be called twice.
func (d *Domain) Close() error {
	var errs []error
	for i := len(d.closers) - 1; i >= 0; i-- {
		errs = append(errs, d.closers[i]())
	}
	d.closers = nil
	return errors.Join(errs...)
}

// startKeys makes what the zones and the servers need: certificates, DKIM keys
// of both kinds that providers use, and the key for updates and transfers.
func (d *Domain) startKeys(Options) (err error) {
	if d.ca, err = newAuthority(); err != nil {
		return err
	}
	for _, selector := range []string{oldSelector, newSelectorTwo, reporterKey} {
		if _, d.keys[selector], err = ed25519.GenerateKey(rand.Reader); err != nil {
			return err
		}
	}
	d.keys[newSelector], err = rsa.GenerateKey(rand.Reader, 2048)
	d.tsig = dnslab.Key{Name: "mxmove.", Algorithm: "hmac-sha256", Secret: secret()}
	return err
}

// startDNS serves all zones from one lab: who is asked at 192.0.2.53 is the
// primary of every one of them, and the secondary holds the same.
func (d *Domain) startDNS(o Options) error {
	zs, err := d.zones(o)
	if err != nil {
		return err
	}
	if d.DNS, err = dnslab.Start(dnslab.Options{Zones: zs, Keys: []dnslab.Key{d.tsig}}); err != nil {
		return err
	}
	d.closers = append(d.closers, d.DNS.Close)
	if d.Secondary, err = d.DNS.Secondary(o.Lag); err != nil {
		return err
	}
	if d.Resolver, err = d.DNS.Resolver(); err != nil {
		return err
	}
	d.connect[primaryAddr], d.connect[secondaryAddr] = d.DNS.Addr(), d.Secondary.Addr()
	return nil
}

// startIMAP opens the old server with the names of Courier and of Dovecot's
// Maildir++, and the new one with those of everybody else.
func (d *Domain) startIMAP(o Options) error {
	o.Old.Delim, o.Old.Prefix = '.', "INBOX."
	o.New.Delim, o.New.Prefix = '/', ""
	for _, s := range []struct {
		server **imaplab.Server
		o      imaplab.Options
		host   string
	}{{&d.Old, o.Old, oldHost}, {&d.New, o.New, newIMAP}, {&d.Elsewhere, o.Elsewhere, elsewhereIMAP}} {
		tc, err := d.ca.server(s.host)
		if err != nil {
			return err
		}
		s.o.TLS, s.o.StartTLS = tc, false
		if *s.server, err = imaplab.Start(s.o); err != nil {
			return err
		}
		d.closers = append(d.closers, (*s.server).Close)
		d.connect[s.host+":993"] = (*s.server).Addr()
	}
	d.Elsewhere.Account(d.Probe.Address, d.Probe.NewPassword).Create("Junk", "\\Junk")
	for _, p := range d.People {
		d.Old.Account(p.User, p.OldPassword)
		a := d.New.Account(p.Address, p.NewPassword)
		for _, m := range newMailboxes {
			a.Create(m.name, m.use)
			a.Subscribe(m.name)
		}
	}
	return nil
}

// startExchangers opens what the MX records point to. They look for accounts
// when mail comes, so that a test may replace one.
func (d *Domain) startExchangers(o Options) (err error) {
	for _, x := range []struct {
		exchanger **Exchanger
		hosts     []string
		account   func(Person) *imaplab.Account
	}{
		{&d.OldMX, []string{oldHost}, func(p Person) *imaplab.Account { return d.Old.Lookup(p.User) }},
		{&d.NewMX, []string{newMX1, newMX2}, func(p Person) *imaplab.Account { return d.New.Lookup(p.Address) }},
		{&d.ElsewhereMX, []string{elsewhereMX}, func(p Person) *imaplab.Account { return d.Elsewhere.Lookup(p.Address) }},
	} {
		tc, err := d.ca.server(x.hosts...)
		if err != nil {
			return err
		}
		people := d.People
		if x.exchanger == &d.ElsewhereMX {
			people = []Person{d.Probe}
		}
		*x.exchanger, err = StartExchanger(ExchangerOptions{
			Host: x.hosts[0], TLS: tc, Peer: d.peer,
			Account: func(address string) *imaplab.Account {
				for _, p := range people {
					if strings.EqualFold(p.Address, address) {
						return x.account(p)
					}
				}
				return nil
			},
		})
		if err != nil {
			return err
		}
		d.closers = append(d.closers, (*x.exchanger).Close)
		for _, host := range x.hosts {
			d.connect[host+":25"] = (*x.exchanger).Addr()
		}
	}
	if o.ElsewhereMX != "" {
		d.connect[elsewhereMX+":25"] = o.ElsewhereMX
	}
	return nil
}

// startSubmission opens the provider's two ports for users. What they send is
// signed twice, by the key that the owner publishes and by the one that the
// provider does.
func (d *Domain) startSubmission(Options) error {
	for _, s := range []struct {
		server   **Submission
		startTLS bool
		port     string
	}{{&d.Submission, false, ":465"}, {&d.SubmissionSTARTTLS, true, ":587"}} {
		tc, err := d.ca.server(newSMTP)
		if err != nil {
			return err
		}
		*s.server, err = StartSubmission(SubmissionOptions{
			Host: newSMTP, Outgoing: newOutgoing, TLS: tc, StartTLS: s.startTLS,
			Login: func(user, password string) bool {
				for _, p := range d.People {
					if user == p.Address {
						return password == p.NewPassword
					}
				}
				return false
			},
			Alias: func(_, from string) bool { return from == AliasAddress || domainOf(from) == "shop.example.org" },
			Sign: []Signature{
				{"example.org", newSelectorTwo, d.keys[newSelectorTwo]},
				{"example.org", newSelector, d.keys[newSelector]},
			},
			Exchanger: d.exchanger,
		})
		if err != nil {
			return err
		}
		d.closers = append(d.closers, (*s.server).Close)
		d.connect[newSMTP+s.port] = (*s.server).Addr()
	}
	return nil
}

// fill puts mail into the accounts of the old server, most of it into the
// first.
func (d *Domain) fill(o Options) error {
	for i, share := range []int{50, 35, 15} {
		p := d.People[i]
		if err := newPostbag(o.Seed, p.User).fill(d.Old.Lookup(p.User), o.Messages*share/100, o.Attachment); err != nil {
			return fmt.Errorf("mail of %s: %w", p.User, err)
		}
	}
	return nil
}

// Addr returns where a port of one of the lab's hosts really is, such as
// "imap.provider.example:993" or "192.0.2.53:53", and "" for any other.
func (d *Domain) Addr(hostPort string) string { return d.connect[hostPort] }

// Trust returns a client's side of TLS that trusts the lab's authority.
func (d *Domain) Trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(d.ca.cert)
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
}

// client asks the DNS as the rest of the world does: through a resolver, which
// here forgets at once, so that no test waits for a TTL to run out.
func (d *Domain) client() *resolver.Client { return &resolver.Client{Resolver: d.Resolver.Addr()} }
