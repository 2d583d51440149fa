package probe_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mxmove/mxmove/mailbox/oauth"
	"github.com/mxmove/mxmove/migrate/probe"
)

// A tokenSubmitter is a submission server that takes tokens, as Exchange
// Online's and Gmail's answer.
type tokenSubmitter struct {
	offers string // after AUTH
	right  string // the token that it takes

	mu       sync.Mutex
	messages int
	lines    []string // all of the AUTH dialogues
}

// start serves until the test has ended.
func (s *tokenSubmitter) start(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); serving.Wait() })
	return ln.Addr().String()
}

func (s *tokenSubmitter) talk(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(line string) { fmt.Fprintf(c, "%s\r\n", line) }
	say("220 smtp.provider.example ready")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "EHLO":
			say("250-smtp.provider.example\r\n250 AUTH " + s.offers)
		case "AUTH":
			s.auth(r, say, line)
		case "DATA":
			say("354 go on")
			for end := false; !end && err == nil; {
				line, err = r.ReadString('\n')
				end = line == ".\r\n"
			}
			s.mu.Lock()
			s.messages++
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

// auth answers one login.
func (s *tokenSubmitter) auth(r *bufio.Reader, say func(string), line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
	fields := strings.Fields(line)
	raw, _ := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if strings.Contains(string(raw), "Bearer "+s.right+"\x01") {
		say("235 2.7.0 in")
		return
	}
	say("334 " + base64.StdEncoding.EncodeToString([]byte(`{"status":"401","schemes":"bearer"}`)))
	answer, _ := r.ReadString('\n')
	s.lines = append(s.lines, strings.TrimRight(answer, "\r\n"))
	// It repeats what it was sent, which has to be hidden.
	say("535 5.7.3 Authentication unsuccessful: " + fields[len(fields)-1])
}

// bearerOf is an account whose tokens are given, one after the other; the last one stays.
func bearerOf(t *testing.T, tokens ...string) *oauth.Account {
	t.Helper()
	n := 0
	all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(context.Context, string) (string, error) {
		n++
		return tokens[min(n, len(tokens))-1], nil
	}}, oauth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return all.Account("anna")
}

func TestSendWithToken(t *testing.T) {
	t.Parallel()
	initial := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, offers := range []string{"LOGIN XOAUTH2", "PLAIN OAUTHBEARER XOAUTH2"} {
		s := &tokenSubmitter{offers: offers, right: "first"}
		addr := s.start(t)
		sub := probe.Submission{Addr: addr, User: "anna", Bearer: bearerOf(t, "first", "second", "third")}
		send := func() error {
			_, err := probe.Send(t.Context(), sub, sender, mailbox, token, noon)
			return err
		}
		if err := send(); err != nil {
			t.Fatalf("%s: Send = %v", offers, err)
		}
		s.take("second") // the first one has been taken back
		if err := send(); err != nil {
			t.Errorf("%s: Send with another token = %v", offers, err)
		}
		s.take("none")
		err := send()
		if !errors.Is(err, probe.ErrLogin) || !errors.As(err, new(*oauth.BearerError)) {
			t.Errorf("%s: Send = %v, want a refused token", offers, err)
		}
		for _, hidden := range []string{"second", "third", initial("user=anna\x01auth=Bearer third\x01\x01")} {
			if err != nil && strings.Contains(err.Error(), hidden) {
				t.Errorf("%s: a token is repeated: %v", offers, err)
			}
		}
		if s.messages != 2 {
			t.Errorf("%s: %d messages, want 2", offers, s.messages)
		}
		bye, ok := "", "AUTH XOAUTH2 "+initial("user=anna\x01auth=Bearer first\x01\x01")
		if strings.Contains(offers, "OAUTHBEARER") {
			host, port, _ := net.SplitHostPort(addr)
			bye, ok = initial("\x01"), "AUTH OAUTHBEARER "+initial("n,a=anna,\x01host="+host+"\x01port="+port+"\x01auth=Bearer first\x01\x01")
		}
		if s.lines[0] != ok || !slices.Contains(s.lines, bye) {
			t.Errorf("%s: dialogue = %q, want %q and an answer %q", offers, s.lines, ok, bye)
		}
	}
}

// TestSendWithoutAWay: a server that takes passwords alone gets no token.
func TestSendWithoutAWay(t *testing.T) {
	t.Parallel()
	s := &tokenSubmitter{offers: "PLAIN LOGIN"}
	sub := probe.Submission{Addr: s.start(t), User: "anna", Bearer: bearerOf(t, "first")}
	if _, err := probe.Send(t.Context(), sub, sender, mailbox, token, noon); !errors.Is(err, oauth.ErrMechanism) || !errors.Is(err, probe.ErrLogin) {
		t.Errorf("Send = %v, want ErrMechanism", err)
	}
	if len(s.lines) != 0 {
		t.Errorf("it was sent %q", s.lines)
	}
}

// take changes the token that is right.
func (s *tokenSubmitter) take(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.right = token
}
