package migrate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/smtp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A flow is the mail that the world sends to the domain, twenty messages a
// second, whatever happens to the domain meanwhile.
type flow struct {
	perhaps []string // addresses of servers that take mail from us for everybody
	later   bool
	began   time.Time
	stop    func()

	mu       sync.Mutex
	sent     int
	stubborn string // some senders bring their mail here, whatever the DNS says
	accepted map[string]map[string][32]byte
}

const (
	flowPace    = time.Second / 20
	laterSender = "later@internet.example"
)

// startFlow begins to send. It ends with the test, or when stop is called.
func (r *realm) startFlow(t *testing.T, seed uint64, later bool) {
	t.Helper()
	f := &flow{later: later, accepted: map[string]map[string][32]byte{}}
	for _, user := range realmUsers {
		f.accepted[user] = r.fill(t, seed, user)
	}
	f.began = time.Now()
	for _, p := range r.senders {
		f.perhaps = append(f.perhaps, p.addrs[0])
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := f.send(ctx, rand.New(rand.NewPCG(seed, 6))); err != nil {
			t.Errorf("mail does not leave the world: %v", err)
		}
	}()
	f.stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(f.stop)
	r.flow = f
}

// fill puts mail of earlier years into an account of the old server.
func (r *realm) fill(t *testing.T, seed uint64, user string) map[string][32]byte {
	t.Helper()
	h := newPostbag(seed, user).ordinary(300)
	if err := r.source.fill(t.Context(), user, h); err != nil {
		t.Fatal(err)
	}
	accepted := map[string][32]byte{}
	for _, l := range h.Letters {
		head, body, _ := bytes.Cut(normal(l.Raw), []byte("\r\n\r\n"))
		accepted[identity(head)] = sha256.Sum256(body)
	}
	return accepted
}

// send keeps to the pace: what took longer is caught up with.
func (f *flow) send(ctx context.Context, r *rand.Rand) (err error) {
	lines := map[string]*smtp.Client{}
	defer func() {
		for _, c := range lines {
			err = errors.Join(err, c.Quit())
		}
	}()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(f.began.Add(time.Duration(i) * flowPace))):
		}
		m := newMissive(i, r)
		server := f.perhaps[i%len(f.perhaps)]
		if to := f.keepsTo(); to != "" && i%20 == 7 {
			server = to
		} else if f.later && i%37 == 5 {
			m.from = laterSender
		}
		if lines[server] == nil {
			if lines[server], err = smtp.Dial(net.JoinHostPort(server, "25")); err != nil {
				return err
			}
		}
		if err := m.hand(lines[server]); err != nil {
			return fmt.Errorf("%s: %w", server, err)
		}
		f.note(m)
	}
}

func (f *flow) note(m missive) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent++
	for _, user := range m.users {
		f.accepted[user][m.id] = m.sum
	}
}

func (f *flow) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

// keepTo lets some senders go to one server from now on; none does when it is
// empty.
func (f *flow) keepTo(server string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stubborn = server
}

func (f *flow) keepsTo() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stubborn
}

// await returns when n more messages have been sent.
func (f *flow) await(t *testing.T, n int) {
	t.Helper()
	until := f.count() + n
	eventually(t, time.Duration(n)*flowPace*3+20*time.Second, "mail goes on", func(context.Context) error {
		if got := f.count(); got < until {
			return fmt.Errorf("%d messages of %d", got, until)
		}
		return nil
	})
}

// A missive is one message of the flow.
type missive struct {
	id, from string
	to       []string
	users    []string // whose accounts it is for
	raw      string
	sum      [32]byte // of the body
}

// newMissive writes the i-th message: to one account, by an alias, at the
// further domain, or to two.
func newMissive(i int, r *rand.Rand) missive {
	m := missive{id: fmt.Sprintf("<flow.%d@internet.example>", i), from: "sender@internet.example"}
	switch user := realmUsers[r.IntN(len(realmUsers))]; r.IntN(8) {
	case 0:
		m.users, m.to = []string{"anna"}, []string{"sales@example.org"}
	case 1:
		m.users, m.to = []string{"bert", "info"}, []string{at("bert"), at("info")}
	case 2:
		m.users, m.to = []string{user}, []string{user + "@example.net"}
	default:
		m.users, m.to = []string{user}, []string{at(user)}
	}
	head, subject := "", "a letter"
	switch r.IntN(6) {
	case 0:
		head = "List-Id: <talk.internet.example>\r\n"
	case 1:
		subject = "your invoice"
	}
	body := strings.Repeat(fmt.Sprintf("line of letter %d, %x\r\n", i, r.Uint64()), 1+r.IntN(40))
	m.sum = sha256.Sum256([]byte(body))
	m.raw = fmt.Sprintf("From: Sender <%s>\r\nTo: %s\r\nSubject: %s %d\r\nMessage-ID: %s\r\nDate: %s\r\n%s\r\n%s",
		m.from, strings.Join(m.to, ", "), subject, i, m.id, time.Now().Format(time.RFC1123Z), head, body)
	return m
}

// hand gives the message to a server. No error means that it has said 250.
func (m missive) hand(c *smtp.Client) error {
	if err := c.Mail(m.from); err != nil {
		return err
	}
	for _, to := range m.to {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = w.Write([]byte(m.raw))
	return errors.Join(err, w.Close())
}
