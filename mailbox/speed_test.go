package mailbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox"
)

// A work is mail that is copied from one real server to another.
type work struct {
	name     string
	accounts int
	boxes    int
	messages int // of each mailbox
	size     func(*rand.Rand) int
	modes    []string
}

func letterSize(*rand.Rand) int { return 4 << 10 }

// mixedSize is that of ordinary mail: most of it small, most octets in a few.
func mixedSize(r *rand.Rand) int {
	switch p := r.IntN(100); {
	case p < 70:
		return 2<<10 + r.IntN(14<<10)
	case p < 96:
		return 50<<10 + r.IntN(350<<10)
	}
	return 1<<20 + r.IntN(9<<20)
}

var works = []work{
	{"small", 1, 10, 1000, letterSize, []string{"multi", "pipe", "sync"}},
	{"mixed", 1, 5, 400, mixedSize, []string{"multi", "pipe"}},
	{"accounts", 20, 4, 125, letterSize, []string{"multi"}},
	{"large", 1, 1, 1, func(*rand.Rand) int { return 150 << 20 }, []string{"multi", "sync"}},
}

// modeCaps is what the target announces for a mode; nothing: what it has.
var modeCaps = map[string][]string{
	"pipe": {"imap_capability = IMAP4rev1 SASL-IR ID ENABLE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED CONDSTORE ESEARCH LIST-STATUS MOVE STATUS=SIZE LITERAL+ SPECIAL-USE"},
	"sync": {"imap_capability = IMAP4rev1 SASL-IR ID ENABLE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED CONDSTORE ESEARCH LIST-STATUS MOVE STATUS=SIZE SPECIAL-USE"},
}

// BenchmarkLimit measures copies between two real Dovecots against the raw
// loop, each time side by side: x is how many times the time of the loop's
// best the copy took. It copies a tenth under -short.
func BenchmarkLimit(b *testing.B) {
	for _, w := range works {
		if testing.Short() {
			w.messages = max(1, w.messages/10)
		}
		b.Run(w.name, func(b *testing.B) {
			source := newDovecot(b, "source", "/", "maildir:~/Maildir:LAYOUT=fs")
			fillWork(b, source, w)
			for _, mode := range w.modes {
				target := newDovecot(b, "target", "/", "sdbox:~/sdbox", modeCaps[mode]...)
				for _, trip := range []time.Duration{0, 40 * time.Millisecond} {
					if mode == "sync" && w.messages > 1 && trip > 0 {
						continue // a round trip for every message, for both
					}
					b.Run(fmt.Sprintf("%s/%s", mode, trip), func(b *testing.B) { against(b, w, mode, source, target, trip) })
				}
			}
		})
	}
}

// against runs the loop and the copy in turn, each into accounts that are new,
// and compares the least time of both.
func against(b *testing.B, w work, mode string, source, target dovecot, trip time.Duration) {
	near, far := farAway(b, source.addr, trip), farAway(b, target.addr, trip)
	var limit, took, again time.Duration
	var peak uint64
	least := func(best *time.Duration, d time.Duration) {
		if *best == 0 || d < *best {
			*best = d
		}
	}
	for n := 0; b.Loop(); n++ {
		for _, conns := range []int{1, 2, 4} {
			began := time.Now()
			if err := runLimit(b.Context(), w, mode, near, far, conns, fmt.Sprintf("l%d-%d-%d", trip, n, conns)); err != nil {
				b.Fatal(err)
			}
			least(&limit, time.Since(began))
			target.empty(b)
		}
		c := &mailbox.Copier{
			Journal: openJournal(b, filepath.Join(b.TempDir(), "state.db")),
			Options: mailbox.Options{Refused: filepath.Join(b.TempDir(), "refused")},
		}
		accounts := workAccounts(w, near, far, fmt.Sprintf("m%d-%d", trip, n))
		stop := watchMemory(&peak)
		began := time.Now()
		res, err := c.Copy(b.Context(), accounts)
		least(&took, time.Since(began))
		stop()
		if want := w.accounts * w.boxes * w.messages; err != nil || res.Err() != nil || res.Sent != want || res.Tally().Copied != want {
			b.Fatalf("Copy() sent %d of %d, tally %+v: %v, %v", res.Sent, want, res.Tally(), err, res.Err())
		}
		began = time.Now()
		if res, err := c.Copy(b.Context(), accounts); err != nil || res.Err() != nil || res.Sent != 0 {
			b.Fatalf("a repeat run sent %d: %v, %v", res.Sent, err, res.Err())
		}
		least(&again, time.Since(began))
		target.empty(b)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(limit.Seconds(), "limit-s")
	b.ReportMetric(took.Seconds(), "copy-s")
	b.ReportMetric(took.Seconds()/limit.Seconds(), "x")
	b.ReportMetric(again.Seconds(), "repeat-s")
	if trip == 0 { // what is under way on a line is in our memory too
		b.ReportMetric(float64(peak)/(1<<20), "MiB")
	}
}

// empty removes all mail: what is measured must not fill the memory that it
// lies in.
func (d dovecot) empty(b *testing.B) {
	b.Helper()
	users, err := filepath.Glob(filepath.Join(d.mail, "*"))
	if err != nil || len(users) == 0 {
		b.Fatalf("no mail in %s: %v", d.mail, err)
	}
	for _, user := range users {
		if err := os.RemoveAll(user); err != nil {
			b.Fatal(err)
		}
	}
}

// runLimit runs the raw loop. Several accounts go side by side, each over one
// pair of connections.
func runLimit(ctx context.Context, w work, mode, source, target string, conns int, to string) error {
	l := rawLoop{source: source, target: target, mode: mode, boxes: w.list(), conns: conns}
	if w.accounts == 1 {
		l.from, l.to = "user0", to
		return l.run(ctx)
	}
	l.conns = 1
	return eachAccount(w.accounts, conns, func(i int) error {
		l := l
		l.from, l.to = fmt.Sprint("user", i), fmt.Sprint(to, "-", i)
		return l.run(ctx)
	})
}

func (w work) list() []rawBox {
	boxes := []rawBox{{"INBOX", w.messages}}
	for n := 1; n < w.boxes; n++ {
		boxes = append(boxes, rawBox{fmt.Sprint("Box", n), w.messages})
	}
	return boxes
}

func workAccounts(w work, source, target, to string) []mailbox.Account {
	var all []mailbox.Account
	for i := range w.accounts {
		name := fmt.Sprint(to, "-", i)
		all = append(all, mailbox.Account{
			Name: name, Source: dovecot{addr: source}.side(fmt.Sprint("user", i)), Target: dovecot{addr: target}.side(name),
		})
	}
	return all
}

// fillWork puts the mail of a work into a server, in a few seconds.
func fillWork(b *testing.B, d dovecot, w work) {
	b.Helper()
	err := eachAccount(w.accounts, 4, func(i int) error {
		c, end, err := dialRaw(b.Context(), d.addr, fmt.Sprint("user", i))
		if err != nil {
			return err
		}
		defer end()
		chance := rand.New(rand.NewPCG(1, uint64(i)))
		for _, box := range w.list() {
			if box.name != "INBOX" {
				c.send(`CREATE "` + box.name + `"`)
			}
			if err := fillBox(c, box, chance, w.size); err != nil {
				return err
			}
		}
		// The first look at a mailbox builds its index.
		for _, box := range w.list() {
			c.send(`EXAMINE "` + box.name + `"`)
			if err := c.await(c.send("FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func fillBox(c *rawConn, box rawBox, chance *rand.Rand, size func(*rand.Rand) int) error {
	flags := []string{"", `\Seen`, `\Seen \Answered`, `\Seen \Flagged work`}
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, and counts its steps.\r\n", 16<<10)
	tag := ""
	for n := range box.messages {
		head := fmt.Sprintf("Message-ID: <%s-%d-%d@example.org>\r\nDate: Fri, 2 Jan 2026 10:00:00 +0100\r\n"+
			"From: bert@example.org\r\nTo: anna@example.org\r\nSubject: letter %d\r\n\r\n", box.name, n, chance.Uint64(), n)
		left := size(chance)
		tag = c.send(fmt.Sprintf(`APPEND "%s" (%s) " 2-Jan-2026 10:%02d:%02d +0100" {%d+}`+"\r\n%s",
			box.name, flags[chance.IntN(len(flags))], n/60%60, n%60, len(head)+left+2, head))
		// The line end that send has written belongs to the message.
		for left > 0 {
			part := text[:min(left, len(text))]
			if _, err := c.w.WriteString(part); err != nil {
				return err
			}
			left -= len(part)
		}
		if _, err := c.w.WriteString("\r\n"); err != nil {
			return err
		}
	}
	return c.await(tag)
}

// watchMemory notes the most memory that the program has from the system,
// until it is told to stop.
func watchMemory(peak *uint64) (stop func()) {
	runtime.GC()
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for {
			metrics.Read(sample)
			*peak = max(*peak, sample[0].Value.Uint64()-sample[1].Value.Uint64())
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// eachAccount calls fn for each number, some at a time.
func eachAccount(n, atOnce int, fn func(int) error) error {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error { return fn(i) })
	}
	return g.Wait()
}
