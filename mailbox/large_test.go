package mailbox_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestLargeMessageThatIsRefused has other forms too, and is kept where it has
// none that the target takes or that fits into memory.
func TestLargeMessageThatIsRefused(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("0123456789 \xff\r\n"), 10<<20/14)
	for name, tt := range map[string]struct {
		as     string
		memory int64
		want   mailbox.Tally
		flags  string
	}{
		"fault":           {as: "Subject: a\n\nb\r\n", want: mailbox.Tally{Messages: 3, Copied: 3}, flags: `\Seen`},
		"keyword":         {as: "Subject: a\r\n\r\nb\r\n", want: mailbox.Tally{Messages: 3, Copied: 3}, flags: `\Seen`},
		"virus":           {as: "Subject: virus\n\nb\r\n", want: mailbox.Tally{Messages: 3, Copied: 2, Refused: 1}},
		"no room for two": {as: "Subject: a\n\nb\r\n", memory: 16 << 20, want: mailbox.Tally{Messages: 3, Copied: 2, Refused: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{
				RefuseAppend: func(mailbox string, body []byte) error {
					if bytes.Contains(body[:100], []byte("virus")) {
						return &imap.Error{Type: imap.StatusResponseTypeNo, Code: "CANNOT", Text: "virus"}
					}
					return strict(mailbox, body)
				},
				Faults: imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
					if c.Verb == "APPEND" && strings.Contains(c.Args, "x:FLAG211") {
						return imaplab.Refuse
					}
					return imaplab.Pass
				}},
			})
			l.options.Memory = tt.memory
			m := imaplab.Message{Body: append([]byte(tt.as), text...), Flags: []imap.Flag{imap.FlagSeen, "x:FLAG211"}}
			if name == "fault" {
				m.Flags = m.Flags[:1]
			}
			deliver(t, l.from, "INBOX", letter(0), m, letter(1))
			if got := l.copy().Tally(); got != tt.want {
				t.Errorf("tally = %+v, want %+v", got, tt.want)
			}
			for _, got := range l.to.Messages("INBOX") {
				if len(got.Body) < 1<<20 {
					continue
				}
				if !bytes.HasSuffix(got.Body, text) || flagWords(got.Flags) != tt.flags {
					t.Errorf("the copy has %d octets of %d, with %s", len(got.Body), len(m.Body), flagWords(got.Flags))
				}
			}
			l.target.ResetCommands()
			if l.copy(); appends(l.target) != 0 {
				t.Errorf("a further run sent %d APPENDs", appends(l.target))
			}
			if b, _ := l.verify(mailbox.VerifyOptions{}); !b.Balanced || b.Extra() != 0 {
				t.Errorf("Verify() = %+v, want a balance", b)
			}
		})
	}
}

// TestLargeMessageIsNotSentInVain where the target takes octets unasked and
// says nothing of a limit: it has to ask for those of a size that it has not
// taken yet.
func TestLargeMessageIsNotSentInVain(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	most := 10 << 20
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		_, literal, _ := strings.Cut(c.Args, "{")
		n, _ := strconv.Atoi(strings.TrimRight(literal, "+}"))
		if c.Verb == "APPEND" && n > most {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}})
	for n, octets := range []int{9 << 20, 9<<20 - 1000, 12 << 20} {
		m := letter(n)
		m.Body = append(m.Body, bytes.Repeat([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"), octets/64)...)
		deliver(t, l.from, "INBOX", m)
	}
	deliver(t, l.from, "INBOX", letter(5))
	if got := l.copy().Tally(); got != (mailbox.Tally{Messages: 4, Copied: 3, Refused: 1}) {
		t.Errorf("tally = %+v, want one refused", got)
	}
	var heads []string
	for _, c := range l.target.Commands() {
		if strings.HasPrefix(c, "APPEND") {
			heads = append(heads, c[strings.Index(c, "{"):])
		}
	}
	unasked := func(head string) bool { return strings.HasSuffix(head, "+}") }
	if len(heads) < 4 || unasked(heads[0]) || unasked(heads[2]) || !unasked(heads[len(heads)-1]) {
		t.Errorf("APPENDs with %q: the first and the third literal have to be asked for, and not the last", heads)
	}
}
