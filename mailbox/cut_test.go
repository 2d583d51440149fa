package mailbox_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// A line is one direction of one side's connections.
type line struct {
	side string // "source" or "target"
	way  string // "in" to the server, "out" of it
	end  imaplab.End
}

func (c line) String() string { return fmt.Sprintf("%s %s %s", c.side, c.way, c.end) }

// lines are all lines, and both ways to cut them.
func lines() []line {
	var all []line
	for _, side := range []string{"source", "target"} {
		for _, way := range []string{"in", "out"} {
			for _, end := range []imaplab.End{imaplab.Close, imaplab.Reset} {
				all = append(all, line{side, way, end})
			}
		}
	}
	return all
}

// cut lets the line end behind its nth octet, once.
func (c line) cut(l *lab, n int64) {
	f := imaplab.Faults{CutIn: n, End: c.end}
	if c.way == "out" {
		f = imaplab.Faults{CutOut: n, End: c.end}
	}
	if c.side == "source" {
		l.source.SetFaults(f)
	} else {
		l.target.SetFaults(f)
	}
}

// A meter counts the octets of connections.
type meter struct{ in, out atomic.Int64 }

type metered struct {
	net.Conn
	m *meter
}

func (c metered) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.m.in.Add(int64(n))
	return n, err
}

func (c metered) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.m.out.Add(int64(n))
	return n, err
}

// measure tells how many octets an undisturbed run sends over each line.
func measure(l *lab) map[string]int {
	sides := map[string]*mailbox.Side{"source": &l.account.Source, "target": &l.account.Target}
	meters := make(map[string]*meter)
	account := l.account
	for name, s := range sides {
		m := new(meter)
		meters[name] = m
		s.Endpoint.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return metered{c, m}, err
		}
	}
	l.copy()
	l.account = account
	octets := make(map[string]int)
	for name, m := range meters {
		octets[name+" in"], octets[name+" out"] = int(m.in.Load()), int(m.out.Load())
	}
	return octets
}

// renew begins anew with an account that neither the servers nor the state
// have seen.
func (l *lab) renew(t *testing.T, n int) {
	t.Helper()
	l.source.SetFaults(imaplab.Faults{})
	l.target.SetFaults(imaplab.Faults{})
	l.source.ResetCommands()
	l.from, l.to = l.source.Account("anna", "a"), l.target.Account("anna", "b")
	l.account.Name = fmt.Sprintf("anna%d@example.org", n)
	l.furnish(t)
}

// TestCutInALargeMessage cuts the lines while messages pass that are never
// whole in memory: a very large one, or several with small ones in between.
func TestCutInALargeMessage(t *testing.T) {
	t.Parallel()
	large := func(n, octets int) imaplab.Message {
		m := letter(n)
		m.Body = append(m.Body, bytes.Repeat([]byte("a line of a large message, with its end\r\n"), octets/41)...)
		return m
	}
	works := map[string][]imaplab.Message{
		"one":     {large(1, 9<<20)},
		"several": {large(1, 300<<10), letter(2), large(3, 400<<10), large(4, 300<<10), letter(5), large(6, 500<<10)},
	}
	for _, name := range []string{"multiappend", "without uidplus", "synchronising"} {
		for _, c := range lines() {
			if c.side+c.way != "sourceout" && c.side+c.way != "targetin" {
				continue
			}
			for work, messages := range works {
				t.Run(name+" "+work+" "+c.String(), func(t *testing.T) {
					t.Parallel()
					l := start(t, imaplab.Options{}, habits[name])
					l.options.Connections = 1
					total := 0
					for _, m := range messages {
						total += len(m.Body)
					}
					const places = 40
					for _, n := range tortured(places, 1, t.Name()) {
						l.renew(t, n)
						deliver(t, l.from, "INBOX", messages...)
						c.cut(l, int64(n*total/places))
						exact(t, l)
					}
				})
			}
		}
	}
}

// TestCutAtAnyOctet cuts a line at its nth octet. The run goes on by itself,
// and ends well.
func TestCutAtAnyOctet(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		for _, c := range lines() {
			if c.side == "source" && name != "multiappend" && name != "bare imap4rev1" {
				continue // the source does not see how the target takes messages
			}
			t.Run(name+" "+c.String(), func(t *testing.T) {
				t.Parallel()
				l := small(t, habit)
				l.books = openJournal(t, ":memory:")
				octets := measure(l)[c.side+" "+c.way]
				t.Logf("%d octets", octets)
				for _, n := range tortured(octets, 3, t.Name()) {
					if !t.Run(fmt.Sprint(n), func(t *testing.T) {
						l.t = t
						l.renew(t, n)
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
