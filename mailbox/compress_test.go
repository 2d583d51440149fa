package mailbox_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// narrow lets both sides be compressed from the first message on.
func (l *lab) narrow() {
	l.account.Source.Endpoint.Line = &imapconn.Line{Narrow: true}
	l.account.Target.Endpoint.Line = &imapconn.Line{Narrow: true}
}

// TestCopyCompressed copies what is hard to copy.
func TestCopyCompressed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"multiappend", "synchronising", "without uidplus"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, habits[name])
			fill(t, l)
			l.narrow()
			if res := l.copy(); res.Tally().Copied != 275 || res.Sent != 275 {
				t.Errorf("Copy() = %+v", res.Tally())
			}
			samePaths(t, l)
			if l.source.Count("COMPRESS") == 0 || l.target.Count("COMPRESS") == 0 {
				t.Error("a side is not compressed")
			}
			if b, _ := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced {
				t.Errorf("Verify() = %+v", b)
			}
		})
	}
}

// TestNarrowLine finds out by itself that a line is narrow while it copies, and
// goes on compressed on that side alone. What it found out is gone with the
// run.
func TestNarrowLine(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target", "neither"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			chance := rand.New(rand.NewPCG(1, 1))
			const mailboxes, messages = 30, 5 // more than are asked for ahead
			for box := range mailboxes {
				name := fmt.Sprintf("INBOX.Box%d", box)
				l.from.Create(name, "")
				for range messages {
					deliver(t, l.from, name, imaplab.Message{Body: []byte(words.body(chance, 24_000)), Date: letter(1).Date})
				}
			}
			for name, s := range map[string]*mailbox.Side{"source": &l.account.Source, "target": &l.account.Target} {
				if name == side {
					s.Endpoint.Addr, s.Endpoint.Dial = narrowLine(t, s.Endpoint.Addr, 3_000_000), shallow
					s.Endpoint.Line = &imapconn.Line{After: 50 * time.Millisecond, Below: 1e9}
				}
			}
			if res := l.copy(); res.Sent != mailboxes*messages {
				t.Errorf("Copy() sent %d messages, want %d", res.Sent, mailboxes*messages)
			}
			for box := range mailboxes {
				same(t, l.from, fmt.Sprintf("INBOX.Box%d", box), l.to, fmt.Sprintf("Box%d", box))
			}
			for name, s := range map[string]*imaplab.Server{"source": l.source, "target": l.target} {
				if n := s.Count("COMPRESS"); (n > 0) != (name == side) {
					t.Errorf("%d times COMPRESS at the %s", n, name)
				}
			}
		})
	}
}

// TestCompressionFails copies from and to servers that cannot do what they
// agree to. It goes on without, and blames no message.
func TestCompressionFails(t *testing.T) {
	t.Parallel()
	for _, how := range []imaplab.Compression{imaplab.Garbled, imaplab.Bomb} {
		for _, side := range []string{"source", "target"} {
			t.Run(string(how)+" "+side, func(t *testing.T) {
				t.Parallel()
				l := start(t, imaplab.Options{}, imaplab.Options{})
				fill(t, l)
				l.narrow()
				server := map[string]*imaplab.Server{"source": l.source, "target": l.target}[side]
				server.SetFaults(imaplab.Faults{Compress: how})
				log := new(journalled)
				l.account.Source.Endpoint.Log, l.account.Target.Endpoint.Log = slog.New(slog.NewTextHandler(log, nil)), slog.New(slog.NewTextHandler(log, nil))
				l.options.Connections = 1
				res := l.copy()
				samePaths(t, l)
				if got := res.Tally(); got.Messages != 275 || got.Missing+got.Doubt != 0 {
					t.Errorf("Copy() = %+v", got)
				}
				for _, f := range res.Accounts[0].Findings {
					t.Errorf("finding %s: %s", f.Code, f.Text)
				}
				if n := server.Count("COMPRESS"); n != 1 {
					t.Errorf("%d times COMPRESS, want 1", n)
				}
				if n := strings.Count(log.String(), "go on without compression"); n != 1 {
					t.Errorf("told %d times that it goes on without, want 1", n)
				}
			})
		}
	}
}

// journalled keeps what several goroutines log.
type journalled struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journalled) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journalled) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// TestCutCompressed cuts a compressed line at its nth octet.
func TestCutCompressed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"multiappend", "synchronising"} {
		for _, c := range lines() {
			if c.side == "source" && name != "multiappend" {
				continue
			}
			t.Run(name+" "+c.String(), func(t *testing.T) {
				t.Parallel()
				l := small(t, habits[name])
				l.books = openJournal(t, ":memory:")
				l.narrow()
				octets := measure(l)[c.side+" "+c.way]
				t.Logf("%d octets", octets)
				for _, n := range tortured(octets, 1, t.Name()) {
					if !t.Run(fmt.Sprint(n), func(t *testing.T) {
						l.t = t
						l.renew(t, n)
						l.narrow()
						c.cut(l, int64(n))
						exact(t, l)
					}) {
						return
					}
				}
			})
		}
	}
}

// TestRealDovecotCompressed copies between Dovecots that compress, a large
// message among others.
func TestRealDovecotCompressed(t *testing.T) {
	t.Parallel()
	r := newReal(t, zlib)
	r.account.Source.Endpoint.Line, r.account.Target.Endpoint.Line = &imapconn.Line{Narrow: true}, &imapconn.Line{Narrow: true}
	r.fillSource()
	large := letter(901)
	large.Body = append(large.Body, bytes.Repeat([]byte("a line of a large message, with its end\r\n"), 9<<20/41)...)
	r.source.fill(t, "INBOX", large, letter(902, imap.FlagSeen))
	log := new(journalled)
	r.account.Source.Endpoint.Log, r.account.Target.Endpoint.Log = slog.New(slog.NewTextHandler(log, nil)), slog.New(slog.NewTextHandler(log, nil))
	r.copy()
	r.check()
	for _, d := range []dovecot{r.source, r.target} {
		if !strings.Contains(log.String(), `msg="line is narrow: go on compressed" server=`+d.addr) {
			t.Errorf("%s is not compressed", d.addr)
		}
	}
	if res := r.copy(); res.Sent != 0 {
		t.Errorf("a second run sent %d messages", res.Sent)
	}
}
