package probe_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mxmove/mxmove/migrate/probe"
)

const (
	listenToken = "mxmove-listened"
	listenTo    = "probe@elsewhere.example"
)

func listen(t *testing.T, o probe.ListenOptions) *probe.Listener {
	t.Helper()
	o.Addr, o.Recipient = "127.0.0.1:0", listenTo
	if o.Tokens == nil {
		o.Tokens = []string{"mxmove-another", listenToken}
	}
	l, err := probe.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// bring hands a message over and returns the server's refusal as "CODE at
// COMMAND", or nothing.
func bring(t *testing.T, l *probe.Listener, from, to, msg string) string {
	t.Helper()
	c, err := smtp.DialStartTLS(l.Addr(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	refused := func(command string, err error) string {
		answer, ok := errors.AsType[*smtp.SMTPError](err)
		if !ok {
			t.Fatalf("%s: %v", command, err)
		}
		return fmt.Sprintf("%d at %s", answer.Code, command)
	}
	if err := c.Mail(from, nil); err != nil {
		return refused("mail", err)
	}
	if err := c.Rcpt(to, nil); err != nil {
		return refused("rcpt", err)
	}
	if err := c.Rcpt(to, nil); err == nil {
		t.Error("a second recipient was taken")
	}
	w, err := c.Data()
	if err != nil {
		return refused("data", err)
	}
	if _, err := io.WriteString(w, msg); err != nil {
		return refused("data", err)
	}
	if err := w.Close(); err != nil {
		return refused("data", err)
	}
	return ""
}

func bearing(token string) string {
	return strings.Replace(letter, "Subject: hello", "Subject: mxmove probe "+token, 1)
}

func TestListenerTakesTheProbeAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, from, to, msg, want string
	}{
		{"the probe", "anna@example.org", listenTo, bearing(listenToken), ""},
		{"of a bounce", "", listenTo, bearing(listenToken), ""},
		{"of a bouncing address", "bounces+probe=elsewhere.example@example.org", "PROBE@Elsewhere.example", bearing(listenToken), ""},
		{"somebody else", "anna@example.org", "postmaster@elsewhere.example", bearing(listenToken), "550 at rcpt"},
		{"another domain", "anna@example.org", "probe@example.com", bearing(listenToken), "550 at rcpt"},
		{"no token", "anna@example.org", listenTo, letter, "550 at data"},
		{"token in the body alone", "anna@example.org", listenTo, letter + listenToken + "\r\n", "550 at data"},
		{"another run's token", "anna@example.org", listenTo, bearing("mxmove-of-yesterday"), "550 at data"},
		{"too large", "anna@example.org", listenTo, bearing(listenToken) + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 15000), "552 at data"},
		{"sender with a blank", `"a b"@example.org`, listenTo, bearing(listenToken), "553 at mail"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, probe.ListenOptions{})
			if _, err := l.Find(t.Context(), listenToken); !errors.Is(err, probe.ErrNotFound) {
				t.Errorf("Find before anything came = %v, want ErrNotFound", err)
			}
			if got := bring(t, l, tt.from, tt.to, tt.msg); got != tt.want {
				t.Fatalf("refused %q, want %q", got, tt.want)
			}
			found, err := l.Find(t.Context(), listenToken)
			if tt.want != "" {
				if !errors.Is(err, probe.ErrNotFound) {
					t.Errorf("Find = %v, want ErrNotFound", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			from := tt.from
			if from == "" {
				from = probe.NullSender
			}
			// Loopback is no address of a sender elsewhere.
			if e := found.Envelope; e == nil || e.MailFrom != from || e.Helo != "localhost" || e.IP.IsValid() {
				t.Errorf("envelope = %+v", e)
			}
			if !strings.HasSuffix(string(found.Message), tt.msg) || !strings.Contains(string(found.Message), "Received: from localhost ([127.0.0.1])\r\n\tby elsewhere.example with ESMTPS; ") {
				t.Errorf("message = %q", found.Message)
			}
			if e, _ := probe.EnvelopeOf(found.Message); e.MailFrom != from {
				t.Errorf("the message says that it came from %q, want %q", e.MailFrom, from)
			}
		})
	}
}

func TestListenerKeepsTheFirst(t *testing.T) {
	t.Parallel()
	l := listen(t, probe.ListenOptions{})
	for _, from := range []string{"one@example.org", "two@example.org"} {
		if got := bring(t, l, from, listenTo, bearing(listenToken)); got != "" {
			t.Fatal(got)
		}
	}
	if f, err := l.Find(t.Context(), listenToken); err != nil || f.Envelope.MailFrom != "one@example.org" {
		t.Errorf("Find = %+v, %v, want the first", f.Envelope, err)
	}
}

// greeted opens a connection and returns what is read first.
func greeted(t *testing.T, l *probe.Listener) (net.Conn, *bufio.Reader, string) {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	line, _ := r.ReadString('\n') // nothing where the connection was refused
	return c, r, line
}

func TestListenerHasRoomForFew(t *testing.T) {
	t.Parallel()
	l := listen(t, probe.ListenOptions{})
	var first net.Conn
	for i := range 4 {
		c, _, line := greeted(t, l)
		if !strings.HasPrefix(line, "220 elsewhere.example") {
			t.Fatalf("connection %d was greeted with %q", i+1, line)
		}
		if i == 0 {
			first = c
		}
	}
	if _, _, line := greeted(t, l); line != "" {
		t.Errorf("a fifth connection from one address was greeted with %q", line)
	}
	first.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, _, line := greeted(t, l); line != "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a connection that has ended stays taken")
		}
	}
}

// Whoever sends a little, again and again, stays no longer than others.
func TestListenerEndsConnections(t *testing.T) {
	t.Parallel()
	l := listen(t, probe.ListenOptions{Hold: 300 * time.Millisecond})
	c, r, _ := greeted(t, l)
	for n := 0; ; n++ {
		if _, err := io.WriteString(c, "EHLO x\r\n"); err != nil {
			return
		}
		line, err := r.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "421") {
			return
		}
		if n > 10_000_000 {
			t.Fatal("the connection does not end")
		}
	}
}

func TestListenerCloses(t *testing.T) {
	t.Parallel()
	l := listen(t, probe.ListenOptions{})
	_, r, _ := greeted(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadString('\n'); err == nil {
		t.Error("an idle connection outlives its listener")
	}
	if c, err := net.Dial("tcp", l.Addr()); err == nil {
		c.Close()
		t.Error("the port is still open")
	}
}

func TestListenErrors(t *testing.T) {
	t.Parallel()
	l := listen(t, probe.ListenOptions{})
	_, err := probe.Listen(probe.ListenOptions{Addr: l.Addr(), Recipient: listenTo})
	if e, ok := errors.AsType[*probe.ListenError](err); !ok || e.Addr != l.Addr() || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port that is taken: %v", err)
	}
	denied := &probe.ListenError{Addr: ":25", Err: &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}}
	if !errors.Is(denied, fs.ErrPermission) || !strings.Contains(denied.Error(), "setcap") {
		t.Errorf("a port that is not permitted: %v", denied)
	}
	for _, o := range []probe.ListenOptions{
		{Addr: "127.0.0.1:0", Recipient: "nobody"},
		{Addr: "127.0.0.1:0", Recipient: listenTo, Tokens: []string{"x"}},
	} {
		if _, err := probe.Listen(o); !errors.Is(err, probe.ErrArgument) {
			t.Errorf("Listen(%+v) = %v, want ErrArgument", o, err)
		}
	}
}

// What came straight from the sender has no receiver whose word would count.
func TestJudgeDirectBelievesNobody(t *testing.T) {
	t.Parallel()
	msg := "Received: from out.example.org ([192.0.2.7])\r\n\tby elsewhere.example with ESMTPS; Tue, 24 Nov 2026 10:00:00 +0000\r\n" +
		"Authentication-Results: elsewhere.example; dmarc=pass\r\n" + letter
	for _, direct := range []bool{false, true} {
		v, err := probe.Judge(t.Context(), []byte(msg), from("192.0.2.7", "anna@example.org"), world(), probe.JudgeOptions{Direct: direct})
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Receiver == nil; got != direct {
			t.Errorf("direct %v: receiver %+v", direct, v.Receiver)
		}
	}
}
