package mailbox_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// A pace is one direction of a line that carries so many octets a second, of
// all connections together.
type pace struct {
	rate int // octets in a second

	mu   sync.Mutex
	free time.Time
}

// take waits until n octets have passed.
func (p *pace) take(n int) {
	p.mu.Lock()
	now := time.Now()
	if p.free.Before(now.Add(-20 * time.Millisecond)) {
		p.free = now.Add(-20 * time.Millisecond)
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	wait := p.free.Sub(now)
	p.mu.Unlock()
	time.Sleep(wait)
}

// narrowLine gives an address at which a server is reached over a narrow line.
// Little lies on the line at a time, as on a real one.
func narrowLine(t testing.TB, server string, rate int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up, down := &pace{rate: rate}, &pace{rate: rate}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				_ = near.Close()
				continue
			}
			for _, c := range []net.Conn{near, far} {
				_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
				_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
			}
			passing.Go(func() { squeeze(far, near, up) })
			passing.Go(func() { squeeze(near, far, down) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		passing.Wait()
	})
	return l.Addr().String()
}

// squeeze carries octets one way until it ends, and closes both ends then.
func squeeze(to, from net.Conn, p *pace) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.take(n)
			if _, werr := to.Write(buf[:n]); werr != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
}

// A mail is what messages are made of.
type mail string

// The mails: words as people write them, and attachments, of which base64
// leaves no more than a quarter to be saved.
const (
	words    mail = "words"
	attached mail = "base64"
)

// body makes a message of about so many octets.
func (m mail) body(chance *rand.Rand, octets int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Message-ID: <%d@example.org>\r\nDate: Fri, 2 Jan 2026 10:00:00 +0100\r\nFrom: bert@example.org\r\n"+
		"To: anna@example.org\r\nSubject: letter\r\n\r\n", chance.Uint64())
	line, words := make([]byte, 57), vocabulary()
	for b.Len() < octets {
		if m == attached {
			for i := range line {
				line[i] = byte(chance.Uint32())
			}
			b.WriteString(base64.StdEncoding.EncodeToString(line) + "\r\n")
			continue
		}
		for end := b.Len() + 66; b.Len() < end; {
			b.WriteString(words[min(chance.IntN(4000), chance.IntN(4000), chance.IntN(4000))] + " ")
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

// vocabulary holds the words, the frequent ones first.
var vocabulary = sync.OnceValue(func() (words [4000]string) {
	const letters = "etaoinshrdlcumwfgypbvk"
	chance := rand.New(rand.NewPCG(3, 3))
	for n := range words {
		w := make([]byte, 2+chance.IntN(8))
		for i := range w {
			w[i] = letters[min(chance.IntN(len(letters)), chance.IntN(len(letters)))]
		}
		words[n] = string(w)
	}
	return words
})

// zlib lets a Dovecot compress.
const zlib = "mail_plugins = zlib\nprotocol imap {\n  mail_plugins = zlib imap_zlib\n}"

// BenchmarkNarrow copies between two real Dovecots, of which one is reached over
// a narrow line: plain, compressed from the beginning (x is what is left of the
// time), and by what a copy finds out itself.
func BenchmarkNarrow(b *testing.B) {
	const seconds = 10 // that a copy takes plain
	for _, m := range []mail{words, attached} {
		source := newDovecot(b, "source", "/", "maildir:~/Maildir:LAYOUT=fs", zlib)
		target := newDovecot(b, "target", "/", "sdbox:~/sdbox", zlib)
		for _, rate := range []int{1e6, 4e6, 12.5e6, 32e6, 64e6} {
			user := fmt.Sprint("user", rate)
			octets := fillNarrow(b, source, user, m, rate*seconds)
			for _, side := range []string{"source", "target"} {
				b.Run(fmt.Sprintf("%s/%s/%dk", m, side, rate/1000), func(b *testing.B) {
					a := mailbox.Account{Source: source.side(user), Target: target.side(user)}
					if side == "source" {
						a.Source.Endpoint.Addr = narrowLine(b, source.addr, rate)
					} else {
						a.Target.Endpoint.Addr = narrowLine(b, target.addr, rate)
						a.Target.Endpoint.Dial = shallow
					}
					var took [3]time.Duration
					for n := 0; b.Loop(); n++ {
						for i, line := range []*imapconn.Line{{Below: 1}, {Narrow: true}, {}} {
							took[i] += copyNarrow(b, a, fmt.Sprintf("%s-%s-%s-%d-%d", user, m, side, n, i), line, octets)
						}
					}
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(took[0].Seconds()/float64(b.N), "plain-s")
					b.ReportMetric(took[1].Seconds()/float64(b.N), "compressed-s")
					b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "x")
					b.ReportMetric(took[2].Seconds()/float64(b.N), "found-out-s")
				})
			}
		}
	}
}

// shallow connects with no more room for what waits to be sent than a line of
// that kind would have.
func shallow(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	return c, err
}

// copyNarrow copies into a new account.
func copyNarrow(b *testing.B, a mailbox.Account, to string, line *imapconn.Line, octets int64) time.Duration {
	a.Name, a.Target.Login.User = to, to
	a.Source.Endpoint.Line, a.Target.Endpoint.Line = line, &imapconn.Line{Below: 1}
	if a.Target.Endpoint.Dial != nil {
		a.Source.Endpoint.Line, a.Target.Endpoint.Line = &imapconn.Line{Below: 1}, line
	}
	c := &mailbox.Copier{
		Journal: openJournal(b, filepath.Join(b.TempDir(), "state.db")),
		Options: mailbox.Options{Refused: filepath.Join(b.TempDir(), "refused")},
	}
	began := time.Now()
	res, err := c.Copy(b.Context(), []mailbox.Account{a})
	if err != nil || res.Err() != nil || res.Bytes != octets {
		b.Fatalf("Copy() sent %d octets of %d: %v, %v", res.Bytes, octets, err, res.Err())
	}
	return time.Since(began)
}

// fillNarrow puts letters of all sizes into four mailboxes, and returns how
// many octets they are.
func fillNarrow(b *testing.B, d dovecot, user string, m mail, octets int) int64 {
	b.Helper()
	c, end, err := dialRaw(b.Context(), d.addr, user)
	if err != nil {
		b.Fatal(err)
	}
	defer end()
	chance := rand.New(rand.NewPCG(1, uint64(octets)))
	tag, sum := "", int64(0)
	for n := range 4 {
		name := fmt.Sprint("Box", n)
		c.send("CREATE " + name)
		for left := octets / 4; left > 0; {
			body := m.body(chance, min(left, 2<<10+chance.IntN(200<<10)))
			left -= len(body)
			sum += int64(len(body))
			tag = c.send(fmt.Sprintf("APPEND %s {%d+}\r\n%s", name, len(body), body))
		}
		if err := c.await(tag); err != nil {
			b.Fatal(err)
		}
	}
	return sum
}
