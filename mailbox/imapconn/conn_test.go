package imapconn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// quick is a silence that a test can wait for, and that a busy machine does
// not make by itself; step is well within it.
const (
	quick = 3 * time.Second
	step  = quick / 10
)

func dialQuick(t *testing.T, script func(p *peer)) *imapconn.Source {
	t.Helper()
	e := serve(t, func(p *peer) {
		p.welcome()
		script(p)
		p.silence()
	})
	e.Timeout = quick
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSilentPeer(t *testing.T) {
	t.Parallel()
	s := dialQuick(t, func(p *peer) { p.read() })
	for range 2 { // the second time it is known at once
		_, err := s.Examine(t.Context(), "INBOX")
		if !errors.Is(err, imapconn.ErrSilent) || imapconn.Class(err) != imapconn.ClassTemporary {
			t.Errorf("Examine() = %v, want ErrSilent", err)
		}
	}
}

func TestSilentGreeting(t *testing.T) {
	t.Parallel()
	e := serve(t, (*peer).silence)
	e.Timeout = quick
	if err := dialSource(t.Context(), e, anna); !errors.Is(err, imapconn.ErrSilent) {
		t.Errorf("DialSource() = %v, want ErrSilent", err)
	}
}

func TestSilenceWithinLiteral(t *testing.T) {
	t.Parallel()
	s := dialQuick(t, func(p *peer) {
		p.read()
		p.send("* 1 FETCH (UID 7 BODY[] {1000}\r\nabc")
	})
	err := s.Bodies(t.Context(), []imap.UID{7}, func(_ imap.UID, _ int64, body io.Reader) error {
		_, err := io.ReadAll(body)
		return err
	})
	if !errors.Is(err, imapconn.ErrSilent) {
		t.Errorf("Bodies() = %v, want ErrSilent", err)
	}
}

func TestBlanksKeepAlive(t *testing.T) {
	t.Parallel()
	s := dialQuick(t, func(p *peer) {
		tag, _ := p.read()
		p.send("*")
		tick := time.NewTicker(step)
		defer tick.Stop()
		for range 13 {
			<-tick.C
			p.send(" ")
		}
		p.send("1688 EXISTS\r\n" + tag + " OK done\r\n")
	})
	sel, err := s.Examine(t.Context(), "INBOX")
	if err != nil || sel.Exists != 1688 {
		t.Errorf("Examine() = %+v, %v", sel, err)
	}
}

func TestUploadIsNoSilence(t *testing.T) {
	t.Parallel()
	const pieces = 13
	s := dialQuick(t, func(p *peer) {
		for range pieces {
			if _, err := p.r.ReadString('\n'); err != nil {
				return
			}
		}
		p.send("A99 OK done\r\n")
	})
	raw := s.Raw()
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		tick := time.NewTicker(step)
		defer tick.Stop()
		for range pieces {
			<-tick.C
			_, _ = raw.WriteString("A99 NOOP\r\n")
			_ = raw.Flush()
		}
	})
	if p, err := raw.Next(); err != nil || p.Tag != "A99" {
		t.Errorf("Next() = %+v, %v; want the answer", p, err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	reason := errors.New("window over")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := source(t, func(p *peer) {
		p.read()
		cancel(reason)
	})
	_, err := s.Examine(ctx, "INBOX")
	if !errors.Is(err, imapconn.ErrCancelled) || !errors.Is(err, reason) || imapconn.Class(err) != imapconn.ClassCancelled {
		t.Errorf("Examine() = %v, want ErrCancelled and its cause", err)
	}
	if _, err := s.Status(t.Context(), "INBOX"); !errors.Is(err, imapconn.ErrCancelled) {
		t.Errorf("Status() on a cancelled connection = %v", err)
	}
}

func TestCancelWhileDialling(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	e := serve(t, func(p *peer) {
		cancel()
		p.silence()
	})
	if err := dialSource(ctx, e, anna); imapconn.Class(err) != imapconn.ClassCancelled {
		t.Errorf("DialSource() = %v, want a cancel", err)
	}
	blocked := imapconn.Endpoint{Addr: "mail.example.org:993", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	if err := dialSource(ctx, blocked, anna); imapconn.Class(err) != imapconn.ClassCancelled {
		t.Errorf("DialSource() = %v, want a cancel", err)
	}
}

func TestDialRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	err = dialSource(t.Context(), imapconn.Endpoint{Addr: l.Addr().String()}, anna)
	if imapconn.Class(err) != imapconn.ClassTemporary {
		t.Errorf("Class(%v) = %q, want temporary", err, imapconn.Class(err))
	}
}

func TestByeIsTheReason(t *testing.T) {
	t.Parallel()
	e := serve(t, func(p *peer) {
		p.welcome()
		p.read()
		p.send("* BYE Session expired\x1b[2J, please login again\r\n")
	})
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_, err = s.List(t.Context())
	var bye *imapconn.ResponseError
	if !errors.As(err, &bye) || bye.Status != "BYE" || imapconn.Class(err) != imapconn.ClassTemporary {
		t.Errorf("List() = %v, want the BYE", err)
	}
	if strings.ContainsRune(err.Error(), 0x1b) || strings.ContainsRune(s.Tail(), 0x1b) {
		t.Errorf("an escape sequence of the server comes through: %q", err)
	}
}

func TestHostileLines(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"endless line":    strings.Repeat("x", wire.MaxLine+10),
		"literal size":    "* LIST () NIL {99999999999999999999}\r\n",
		"unknown status":  "A3 MAYBE done\r\n",
		"tag of somebody": "B1 OK done\r\n* BYE\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := serve(t, func(p *peer) {
				p.welcome()
				p.read()
				p.send(answer)
			})
			s, err := imapconn.DialSource(t.Context(), e, anna)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if _, err := s.List(t.Context()); err == nil {
				t.Error("List() = nil, want an error")
			}
		})
	}
}
