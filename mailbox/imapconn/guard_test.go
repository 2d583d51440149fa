package imapconn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

func TestSourceAllowList(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line    string
		allowed bool
	}{
		{"A9 NOOP\r\n", true},
		{"A9 uid fetch 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])\r\n", true},
		{"A9 UID FETCH 1 (RFC822.HEADER BODY.PEEK[]<0.10> BINARY.SIZE[1])\r\n", true},
		{"A9 UID SEARCH UID 1:5\r\n", true},
		{"A9 EXAMINE {3+}\r\nabc\r\n", true},
		{"A9 STATUS \"a\" (MESSAGES)\r\nA10 LIST \"\" \"*\"\r\n", true},
		{"A9 LOGOUT\r\n", true},
		{"A9 SELECT INBOX\r\n", false},
		{"A9 UID FETCH 1 (BODY[])\r\n", false},
		{"A9 UID FETCH 1 (UID body[text])\r\n", false},
		{"A9 UID FETCH 1 RFC822\r\n", false},
		{"A9 UID FETCH 1 (RFC822.TEXT)\r\n", false},
		{"A9 UID FETCH 1 (BINARY[1])\r\n", false},
		{"A9 UID FETCH {1+}\r\n1 (BODY[])\r\n", false},
		{"A9 FETCH 1 (FLAGS)\r\n", false},
		{"A9 UID STORE 1 +FLAGS (\\Deleted)\r\n", false},
		{"A9 UID EXPUNGE 1\r\n", false},
		{"A9 UID MOVE 1 Trash\r\n", false},
		{"A9 EXPUNGE\r\n", false},
		{"A9 CLOSE\r\n", false},
		{"A9 DELETE INBOX\r\n", false},
		{"A9 APPEND INBOX {3+}\r\nabc\r\n", false},
		{"A9  DELETE INBOX\r\n", false},
		{"A9\tDELETE INBOX\r\n", false},
		{"A9 NOOP\r\nA10 EXPUNGE\r\n", false},
		{"A9 NOOP\rA10 EXPUNGE\r\n", false},
		{"A9 LIST \"\" " + strings.Repeat("x", 70_000) + "\r\n", false},
	}
	for _, tt := range tests {
		t.Run(strings.TrimSpace(tt.line)[:min(len(tt.line)-2, 40)], func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 1)
			s := source(t, func(p *peer) {
				var b strings.Builder
				_, _ = p.r.WriteTo(&b)
				got <- b.String()
			})
			raw := s.Raw()
			_, err := raw.WriteString(tt.line)
			if err == nil {
				err = raw.Flush()
			}
			if tt.allowed != (err == nil) || !tt.allowed && !errors.Is(err, imapconn.ErrForbidden) {
				t.Errorf("write of %q = %v, want allowed %v", tt.line, err, tt.allowed)
			}
			_ = s.Close()
			want := tt.line
			if !tt.allowed {
				want = ""
			}
			if left := <-got; left != want {
				t.Errorf("%q left, want %q", left, want)
			}
		})
	}
}

func TestSourceHoldsBackHalfACommand(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		if line, _ := p.r.ReadString('\n'); line != "A9 NOOP\r\n" {
			t.Errorf("server got %q, want NOOP", line)
		}
		if rest, _ := p.r.ReadString(0); rest != "" {
			t.Errorf("server got %q behind it, want nothing", rest)
		}
	})
	raw := s.Raw()
	for _, piece := range []string{"A9 NO", "OP\r\nA10 EXP"} {
		_, _ = raw.WriteString(piece)
		if err := raw.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = raw.WriteString("UNGE\r\n")
	if err := raw.Flush(); !errors.Is(err, imapconn.ErrForbidden) {
		t.Errorf("Flush() = %v, want ErrForbidden", err)
	}
	_ = s.Close()
}
