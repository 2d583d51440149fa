package mailbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// A rawLoop moves messages from one server to another as fast as a client can:
// without a journal, without matching, and without asking twice. No copier can
// be faster by much, so that it is what others are measured by.
type rawLoop struct {
	source, target string // addresses
	mode           string // multi, pipe or sync, as the target announces it
	from, to       string // users
	boxes          []rawBox
	conns          int
}

type rawBox struct {
	name     string
	messages int
}

// A rawJob is some messages of a mailbox, by their numbers.
type rawJob struct {
	name     string
	from, to int
}

// A rawConn is a connection that is logged in.
type rawConn struct {
	r *bufio.Reader
	w *bufio.Writer
	n int
}

func dialRaw(ctx context.Context, addr, user string) (*rawConn, func(), error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	c := &rawConn{r: bufio.NewReaderSize(nc, 256<<10), w: bufio.NewWriterSize(nc, 256<<10)}
	if _, err := c.r.ReadString('\n'); err != nil {
		return nil, nil, err
	}
	c.send("LOGIN " + user + " secret")
	return c, func() { stop(); _ = nc.Close() }, nil
}

// send writes a command into the buffer and returns its tag.
func (c *rawConn) send(command string) string {
	c.n++
	tag := "T" + strconv.Itoa(c.n)
	_, _ = c.w.WriteString(tag + " " + command + "\r\n") // the flush tells
	return tag
}

// await reads up to the answer to a command, and fails at a refusal of any.
func (c *rawConn) await(tag string) error {
	if err := c.w.Flush(); err != nil {
		return err
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(line, " ")
		if word != "*" && word != "+" && !strings.HasPrefix(rest, "OK") {
			return errors.New("server answered " + line)
		}
		if word == tag {
			return nil
		}
	}
}

// run copies everything, over several pairs of connections that take jobs
// from one list.
func (l rawLoop) run(ctx context.Context) error {
	var jobs []rawJob
	var makes []string
	total := 0
	for _, b := range l.boxes {
		total += b.messages
	}
	chunk := max(1, min(500, max(10, total/(16*l.conns))))
	for _, b := range l.boxes {
		if b.name != "INBOX" {
			makes = append(makes, b.name)
		}
		for n := 1; n <= b.messages; n += chunk {
			jobs = append(jobs, rawJob{b.name, n, min(b.messages, n+chunk-1)})
		}
	}
	var taken atomic.Int64
	take := func() *rawJob {
		if i := int(taken.Add(1)) - 1; i < len(jobs) {
			return &jobs[i]
		}
		return nil
	}
	made := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	for i := range l.conns {
		g.Go(func() error {
			source, target, end, err := l.dial(ctx)
			if err != nil {
				return err
			}
			defer end()
			if i == 0 {
				tag := target.send("NOOP")
				for _, name := range makes {
					tag = target.send(`CREATE "` + name + `"`)
				}
				if err := target.await(tag); err != nil {
					return err
				}
				close(made)
			}
			return l.work(ctx, source, target, take, made)
		})
	}
	return g.Wait()
}

// dial connects to both sides at once, and lists the source as every copier
// has to.
func (l rawLoop) dial(ctx context.Context) (source, target *rawConn, end func(), err error) {
	var g errgroup.Group
	var endSource, endTarget func()
	g.Go(func() (err error) {
		if source, endSource, err = dialRaw(ctx, l.source, l.from); err == nil {
			err = source.await(source.send(`LIST "" "*"`))
		}
		return err
	})
	g.Go(func() (err error) {
		target, endTarget, err = dialRaw(ctx, l.target, l.to)
		return err
	})
	err = g.Wait()
	end = func() {
		for _, f := range []func(){endSource, endTarget} {
			if f != nil {
				f()
			}
		}
	}
	return source, target, end, err
}

// work copies job after job over one pair of connections.
func (l rawLoop) work(ctx context.Context, source, target *rawConn, take func() *rawJob, made chan struct{}) error {
	type asked struct {
		rawJob
		tag string
	}
	var queue []asked
	open := ""
	ask := func() error {
		for len(queue) < 4 {
			j := take()
			if j == nil {
				break
			}
			if open != j.name {
				source.send(`EXAMINE "` + j.name + `"`)
				open = j.name
			}
			queue = append(queue, asked{*j, source.send(fmt.Sprintf("FETCH %d:%d (FLAGS INTERNALDATE BODY.PEEK[])", j.from, j.to))})
		}
		return source.w.Flush()
	}
	if err := ask(); err != nil {
		return err
	}
	select {
	case <-made:
	case <-ctx.Done():
		return ctx.Err()
	}
	a := &rawAppender{rawConn: target, mode: l.mode, ended: make(chan error, 1)}
	if l.mode != "sync" {
		go func() { a.ended <- a.answers("Z") }()
	}
	for len(queue) > 0 {
		j := queue[0]
		queue = queue[1:]
		if err := source.fetched(j.tag, func(head string, size int64) error { return a.add(j.name, head, size, source.r) }); err != nil {
			return err
		}
		a.end()
		if err := ask(); err != nil {
			return err
		}
	}
	return a.close()
}

// fetched reads the answer to a FETCH. What it gives of each message is its
// flags and date as an APPEND has them; the octets come next.
func (c *rawConn) fetched(tag string, each func(head string, size int64) error) error {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return err
		}
		if word, rest, _ := strings.Cut(line, " "); word != "*" {
			if !strings.HasPrefix(rest, "OK") {
				return errors.New("server answered " + line)
			}
			if word == tag {
				return nil
			}
			continue
		}
		head, number, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " BODY[] {")
		_, head, found := strings.Cut(head, "(FLAGS ")
		if !ok || !found {
			continue
		}
		size, err := strconv.ParseInt(strings.TrimSuffix(number, "}"), 10, 64)
		if err != nil {
			return err
		}
		head = strings.Replace(strings.Replace(head, `\Recent`, "", 1), "INTERNALDATE ", "", 1)
		if err := each(head, size); err != nil {
			return err
		}
		if _, err := c.r.ReadString('\n'); err != nil {
			return err
		}
	}
}

// A rawAppender writes APPEND commands.
type rawAppender struct {
	*rawConn
	mode   string
	n      int // its messages
	octets int64
	ended  chan error
}

// answers reads answers up to that to a command.
func (a *rawAppender) answers(tag string) error {
	for {
		line, err := a.r.ReadString('\n')
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(line, " ")
		if word == "*" || word == "+" && tag != "+" {
			continue
		}
		if word == tag {
			return nil
		}
		if !strings.HasPrefix(rest, "OK") {
			return errors.New("server answered " + line)
		}
	}
}

func (a *rawAppender) add(name, head string, size int64, body io.Reader) error {
	if a.n == 0 {
		a.rawConn.n++
		_, _ = fmt.Fprintf(a.w, `T%d APPEND "%s"`, a.rawConn.n, name)
	}
	plus := "+"
	if a.mode == "sync" {
		plus = ""
	}
	_, _ = fmt.Fprintf(a.w, " %s {%d%s}\r\n", head, size, plus)
	if a.mode == "sync" {
		if err := a.w.Flush(); err != nil {
			return err
		}
		if err := a.answers("+"); err != nil {
			return err
		}
	}
	if _, err := io.CopyN(a.w, body, size); err != nil {
		return err
	}
	a.n++
	if a.octets += size; a.mode != "multi" || a.n >= 500 || a.octets >= 8<<20 {
		a.end()
	}
	return nil
}

// end ends the command under way.
func (a *rawAppender) end() {
	if a.n > 0 {
		_, _ = a.w.WriteString("\r\n") // the flush tells
		a.n, a.octets = 0, 0
	}
}

// close waits for all answers.
func (a *rawAppender) close() error {
	_, _ = a.w.WriteString("Z NOOP\r\n")
	if err := a.w.Flush(); err != nil {
		return err
	}
	if a.mode == "sync" {
		return a.answers("Z")
	}
	return <-a.ended
}
