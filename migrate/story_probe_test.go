package migrate_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate/lab"
)

// A postOffice is how mail leaves the provider and where a probe arrives: the
// provider's submission server, which signs, a mail exchanger elsewhere, and
// the mailbox behind it. These three are the lab's; neither Dovecot nor BIND
// sends mail.
type postOffice struct {
	key        ed25519.PrivateKey
	password   string // of the probe mailbox
	submission *lab.Submission
	mailbox    *imaplab.Server
}

const (
	probeAddress = "probe@elsewhere.example"
	senderHost   = "out.provider.example"
)

func (o *postOffice) record() string {
	return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(o.key.Public().(ed25519.PublicKey))
}

// newPostOffice makes the key, which the zone of the provider has to show.
func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &postOffice{key: key, password: "elsewhere-password"}
}

// start runs the servers until the test ends. login says whose password is
// right at the provider.
func (o *postOffice) start(t *testing.T, ca *authority, login func(user, password string) bool) {
	t.Helper()
	var err error
	if o.mailbox, err = imaplab.Start(imaplab.Options{TLS: ca.server(t, "imap.elsewhere.example")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing(t, o.mailbox.Close))
	account := o.mailbox.Account(probeAddress, o.password)
	elsewhere, err := lab.StartExchanger(lab.ExchangerOptions{
		Host: "mx.elsewhere.example",
		Peer: func(helo string) netip.Addr {
			if helo == senderHost {
				return netip.MustParseAddr("198.51.100.27")
			}
			return netip.Addr{}
		},
		Account: func(address string) *imaplab.Account {
			if address == probeAddress {
				return account
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing(t, elsewhere.Close))
	o.submission, err = lab.StartSubmission(lab.SubmissionOptions{
		Host: "smtp.provider.example", Outgoing: senderHost, TLS: ca.server(t, "smtp.provider.example"),
		Login:     login,
		Alias:     func(_, from string) bool { return !strings.HasSuffix(from, "@example.org") }, // of a further domain
		Sign:      []lab.Signature{{Selector: "s1", Key: o.key}},
		Exchanger: func(context.Context, string) (string, error) { return elsewhere.Addr(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing(t, o.submission.Close))
}

func closing(t *testing.T, f func() error) func() {
	return func() {
		if err := f(); err != nil {
			t.Error(err)
		}
	}
}

// aligned wants the product to prove that mail leaves through the provider
// and speaks for the domain, and to take the move for settled then.
func (d *domain) aligned(t *testing.T) {
	t.Helper()
	var v struct {
		From  string
		DMARC string
		SPF   struct{ Aligned bool }
		DKIM  []struct {
			Selector string
			Aligned  bool
		}
	}
	d.document(t, &v, []int{0}, "check", "dmarc")
	if v.DMARC != "pass" || !v.SPF.Aligned || len(v.DKIM) != 1 || v.DKIM[0].Selector != "s1" || !v.DKIM[0].Aligned {
		t.Errorf("check dmarc: %+v, want a pass by SPF and by DKIM with selector s1", v)
	}
}
