package mailbox_test

import (
	"errors"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestRights asks old servers whether they would take messages back.
func TestRights(t *testing.T) {
	t.Parallel()
	answers := func(verb string, lines ...string) imaplab.Faults {
		return imaplab.Faults{Answer: func(c imaplab.Command) []string {
			if c.Verb == verb {
				return lines
			}
			return nil
		}}
	}
	errAny := errors.New("the server's own refusal")
	acl := imaplab.Options{Extra: []imap.Cap{"ACL"}}
	for _, tt := range []struct {
		name   string
		o      imaplab.Options
		faults imaplab.Faults
		want   error
	}{
		{"no access lists", imaplab.Options{}, imaplab.Faults{}, nil},
		{"every right", acl, answers("MYRIGHTS", "* MYRIGHTS INBOX lrswipkxtea", "TAG OK done"), nil},
		{"a quoted name", acl, answers("MYRIGHTS", `* MYRIGHTS "INBOX" lrsi`, "TAG OK done"), nil},
		{"reading alone", acl, answers("MYRIGHTS", "* MYRIGHTS INBOX lrs", "TAG OK done"), mailbox.ErrNoInsert},
		{"nothing said", acl, answers("MYRIGHTS", "TAG OK done"), mailbox.ErrNoInsert},
		{"no answer to that", acl, answers("MYRIGHTS", "TAG NO not today"), errAny},
		{"opened for reading", imaplab.Options{}, answers("SELECT", "* 0 EXISTS", "* FLAGS ()", "* OK [UIDVALIDITY 1] fine", "* OK [UIDNEXT 1] fine", "TAG OK [READ-ONLY] done"), mailbox.ErrReadOnly},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, tt.o, imaplab.Options{})
			l.source.SetFaults(tt.faults)
			got := mailbox.Rights(t.Context(), []mailbox.Account{l.account}, l.options)
			refused := len(got) == 1 && imapconn.Class(got[0].Err) == imapconn.ClassRefused
			if len(got) != 1 || tt.want == errAny && !refused || tt.want != errAny && !errors.Is(got[0].Err, tt.want) {
				t.Errorf("Rights() = %v, want %v", got, tt.want)
			}
		})
	}
}
