package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/step"
)

// Bounds of one look into the mailbox that reports go to.
const (
	boxBack    = 5000      // UIDs, at the first look
	boxBatch   = 20        // messages of one command
	boxMessage = 16 << 20  // octets; a larger one is no report
	boxOctets  = 256 << 20 // octets of one run; the next one goes on
)

// errNoBox says that no account of the move receives the reports.
var errNoBox = errors.New("migrate: none of the accounts receives the DMARC reports")

// A reportBox is the account that aggregate reports go to, on the server that
// has its mail at this phase.
type reportBox struct {
	side, account string
	endpoint      imapconn.Endpoint
	login         imapconn.Login
}

// box finds the account whose address the DMARC record names.
func (r *run) box(ctx context.Context, p *provider.Provider) (reportBox, error) {
	addresses, err := r.reportAddresses(ctx)
	if err != nil {
		return reportBox{}, err
	}
	if err := r.Config.Require("accounts"); err != nil {
		return reportBox{}, err
	}
	rows, err := config.LoadAccounts(r.Config.Accounts, r.Config.Domain)
	if err != nil {
		return reportBox{}, err
	}
	i := slices.IndexFunc(rows, func(a config.Account) bool {
		return slices.ContainsFunc(append([]string{a.Address}, a.Aliases...), func(own string) bool {
			return slices.ContainsFunc(addresses, func(to string) bool { return strings.EqualFold(own, to) })
		})
	})
	if i < 0 {
		return reportBox{}, fmt.Errorf("%w (%s)", errNoBox, strings.Join(addresses, ", "))
	}
	return r.boxOf(ctx, p, rows[i])
}

// boxOf takes the old server's side as long as mail still goes there.
func (r *run) boxOf(ctx context.Context, p *provider.Provider, row config.Account) (b reportBox, err error) {
	phase, err := r.phase(ctx)
	if err != nil {
		return b, err
	}
	b = reportBox{side: "target", account: row.Name()}
	server, user, password := r.Config.Target, row.TargetUser, row.TargetPassword
	to, err := r.targetIMAP(p)
	if beforeSwitch(phase) {
		if err := r.Config.Require("source.imap"); err != nil {
			return b, err
		}
		b.side = "source"
		server, user, password = r.Config.Source, row.SourceUser, row.SourcePassword
		to, err = r.Config.Source.IMAP, nil
	}
	if err != nil {
		return b, err
	}
	if b.endpoint, err = r.imap(to, server.TLS, server.Insecure); err != nil {
		return b, err
	}
	if b.login, err = r.Move.login(server, user, password); err != nil {
		return b, fmt.Errorf("%s:%d: login of %s: %w", r.Config.Accounts, row.Line, row.Name(), err)
	}
	return b, nil
}

// beforeSwitch reports whether mail still goes to the old server.
func beforeSwitch(phase step.Phase) bool {
	return slices.Contains([]step.Phase{step.None, step.Planned, step.Prepared, step.Undone}, phase)
}

// reportAddresses returns where the DMARC records of the domains send reports.
func (r *run) reportAddresses(ctx context.Context) ([]string, error) {
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, domain := range r.domains() {
		data, err := client.Lookup(ctx, "_dmarc."+domain, dns.TypeTXT)
		if err != nil {
			return nil, fmt.Errorf("DMARC record of %s: %w", domain, err)
		}
		for _, text := range zone.Texts(&zone.RRset{Data: data}) {
			record, err := dmarc.Parse(text)
			if err != nil {
				continue
			}
			for _, uri := range record.Aggregate {
				scheme, to, _ := strings.Cut(uri, ":")
				to, _, _ = strings.Cut(to, "!")
				if strings.EqualFold(scheme, "mailto") && !slices.Contains(addresses, to) {
					addresses = append(addresses, to)
				}
			}
		}
	}
	return addresses, nil
}

// look reads what is new in the box: INBOX, and mailboxes that are named for
// DMARC. Nothing is changed there: mailboxes are examined, bodies are peeked
// at, and messages stay unread.
func (g *reportReading) look(ctx context.Context, b reportBox) error {
	src, err := imapconn.DialSource(ctx, b.endpoint, b.login)
	if err != nil {
		return fmt.Errorf("mailbox of the reports: %w", err)
	}
	defer src.Close()
	list, err := src.List(ctx)
	if err != nil {
		return fmt.Errorf("mailbox of the reports: %w", err)
	}
	left := int64(boxOctets)
	for _, m := range list {
		name := strings.ToLower(m.Name)
		if name != "inbox" && !strings.Contains(name, "dmarc") || slices.Contains(m.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(m.Attrs, imap.MailboxAttrNonExistent) {
			continue
		}
		if err := g.mailbox(ctx, src, b, m.Wire, m.Name, &left); err != nil {
			return fmt.Errorf("mailbox of the reports: %s: %w", m.Name, err)
		}
	}
	return nil
}

// mailbox reads one mailbox from where the last look ended. The mark stays at
// a message whose signature could not be judged, so that the next look does.
func (g *reportReading) mailbox(ctx context.Context, src *imapconn.Source, b reportBox, wire, name string, left *int64) error {
	sel, err := src.Examine(ctx, wire)
	if err != nil || sel.UIDNext <= 1 {
		return err
	}
	next := imap.UID(1)
	if sel.UIDNext > boxBack {
		next = sel.UIDNext - boxBack
	}
	mark, err := g.book.mark(ctx, b, name)
	if err != nil {
		return err
	}
	if mark.validity == sel.UIDValidity {
		next = max(next, mark.next)
	}
	hold := imap.UID(0) // the first message that is to be judged again
	for next < sel.UIDNext && *left > 0 {
		var uids []imap.UID
		for ; len(uids) < boxBatch && next < sel.UIDNext; next++ {
			uids = append(uids, next)
		}
		err := src.Bodies(ctx, uids, func(uid imap.UID, size int64, body io.Reader) error {
			if *left -= size; size > boxMessage {
				return nil
			}
			msg, err := io.ReadAll(body)
			if err != nil {
				return err
			}
			later, err := g.documents(ctx, fmt.Sprintf("%s/%s/%d", b.account, name, uid), bytes.NewReader(msg), !announces(msg))
			if later && (hold == 0 || uid < hold) {
				hold = uid
			}
			return err
		})
		if err != nil {
			return err
		}
		m := boxMark{sel.UIDValidity, next}
		if hold != 0 && *left > 0 {
			m.next = hold // but never so that a run gets no further than the last
		}
		if err := g.book.setMark(ctx, b, name, m); err != nil {
			return err
		}
	}
	if *left <= 0 {
		g.r.say("there is more in the mailbox of the reports; the next run goes on")
	}
	return nil
}

// announces reports whether a message says of itself that it is a report: one
// that cannot be read is then worth a word. RFC 9990, section 4.3.1, gives the
// subject.
func announces(msg []byte) bool {
	m, err := mail.ReadMessage(bytes.NewReader(msg[:min(len(msg), 64<<10)]))
	return err == nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(m.Header.Get("Subject"))), "report domain")
}
