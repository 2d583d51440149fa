package imaplab_test

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// TestOwnClient holds the lab against the program's own connection, which has
// another grammar than the lab's.
func TestOwnClient(t *testing.T) {
	t.Parallel()
	server, trust := certificate(t)
	habits := map[string]imaplab.Options{
		"everything": {TLS: server},
		"starttls":   {TLS: server, StartTLS: true},
		"courier":    {TLS: server, Delim: '.', Prefix: "INBOX.", Hide: []imap.Cap{imap.CapListExtended, imap.CapSpecialUse, imap.CapLiteralPlus, imap.CapSASLIR, imap.CapUIDPlus, imap.CapMove}},
	}
	for name, o := range habits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, o)
			acct := s.Account("anna", "se\"c ret")
			box := o.Prefix + "Kunden & Söhne"
			acct.Create(box, "")
			acct.Subscribe(box)
			for _, body := range odd {
				if _, err := acct.Deliver(box, imaplab.Message{Body: body, Flags: []imap.Flag{"Kw", imap.FlagSeen}}); err != nil {
					t.Fatal(err)
				}
			}
			e := imapconn.Endpoint{Addr: s.Addr(), StartTLS: o.StartTLS, TLS: trust}
			read(t, e, acct, box)
			for _, verb := range []string{"SELECT", "APPEND", "CREATE", "STORE", "UID STORE", "SUBSCRIBE"} {
				if n := s.Count(verb); n != 0 {
					t.Errorf("the source saw %d %s", n, verb)
				}
			}
			write(t, e, acct, o.Prefix+"Neues")
		})
	}
}

func read(t *testing.T, e imapconn.Endpoint, acct *imaplab.Account, box string) {
	t.Helper()
	ctx := t.Context()
	src, err := imapconn.DialSource(ctx, e, imapconn.Login{User: "anna", Password: "se\"c ret"})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	list, err := src.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(m wire.Mailbox) bool { return m.Name == box })
	if i < 0 || !list[i].Subscribed {
		t.Fatalf("List = %+v, want %q subscribed", list, box)
	}
	sel, err := src.Examine(ctx, list[i].Wire)
	if err != nil || int(sel.Exists) != len(odd) || !sel.ReadOnly {
		t.Fatalf("Examine = %+v, %v", sel, err)
	}
	stored := acct.Messages(box)
	var uids []imap.UID
	if err := src.Fetch(ctx, wire.From(1), true, func(m wire.Message) error {
		want := stored[len(uids)]
		uids = append(uids, m.UID)
		if m.UID != want.UID || !m.InternalDate.Equal(want.Date) || !slices.Equal(m.Flags, want.Flags) || m.Size != int64(len(want.Body)) {
			t.Errorf("Fetch = %+v, want uid %d of %s", m, want.UID, want.Date)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := src.Bodies(ctx, uids, func(uid imap.UID, _ int64, r io.Reader) error {
		body, err := io.ReadAll(r)
		if !bytes.Equal(body, stored[n].Body) {
			t.Errorf("Bodies: uid %d differs", uid)
		}
		n++
		return err
	}); err != nil || n != len(odd) {
		t.Errorf("Bodies = %d bodies, %v", n, err)
	}
}

func write(t *testing.T, e imapconn.Endpoint, acct *imaplab.Account, name string) {
	t.Helper()
	ctx := t.Context()
	dst, err := imapconn.DialTarget(ctx, e, imapconn.Login{User: "anna", Password: "se\"c ret"})
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	for range 2 { // the second time it is there already
		if err := dst.Create(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Contains(acct.Mailboxes(), name) {
		t.Errorf("mailboxes = %q, want %q", acct.Mailboxes(), name)
	}
	deliver(t, acct, name, "a", "b")
	if _, err := dst.Select(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := dst.Store(ctx, []imap.UID{2}, true, []imap.Flag{"$Forwarded"}); err != nil {
		t.Fatal(err)
	}
	if m := acct.Messages(name); !slices.Equal(m[1].Flags, []imap.Flag{"$Forwarded"}) || len(m[0].Flags) != 0 {
		t.Errorf("flags = %v and %v", m[0].Flags, m[1].Flags)
	}
}
