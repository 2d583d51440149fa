package probe_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/probe"
)

func TestSignersOf(t *testing.T) {
	t.Parallel()
	mine := signed(t, letter, "example.org", "ed", edKey)
	tests := []struct {
		name string
		msg  string
		dns  records
		want string // From, who passed, who was not answered
	}{
		{"signed", mine, world(), "example.org [example.org] []"},
		{"not signed", letter, world(), "example.org [] []"},
		{"signed by another domain", signed(t, letter, "esp.example.net", "esp", edKey), world(), "example.org [esp.example.net] []"},
		{"signed by two", signed(t, mine, "esp.example.net", "esp", edKey), world(), "example.org [esp.example.net example.org] []"},
		{"signed twice by one", signed(t, mine, "example.org", "rsa", rsaKey()), world(), "example.org [example.org] []"},
		{"signed with the key of another", signed(t, letter, "example.org", "ed", oldKey), world(), "example.org [] []"},
		{"body changed", strings.Replace(mine, "Hello.", "Hullo.", 1), world(), "example.org [] []"},
		{"a second From added", "From: x@example.net\r\n" + mine, world(), " [] []"},
		{"end of the body not signed", strings.Replace(mine, "v=1", "l=3; v=1", 1), world(), "example.org [] []"},
		{"key gone", mine, world().with("TXT ed._domainkey.example.org.", ""), "example.org [] []"},
		{"key not answered", mine, world().with("TXT ed._domainkey.example.org.", "!"), "example.org [] [example.org]"},
		{"one of two keys not answered", signed(t, mine, "esp.example.net", "esp", edKey), world().with("TXT esp._domainkey.esp.example.net.", "!"),
			"example.org [example.org] [esp.example.net]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := probe.SignersOf(t.Context(), []byte(tt.msg), tt.dns)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(s.From, " ", s.Passed, " ", s.Unanswered); got != tt.want {
				t.Errorf("signers = %s, want %s", got, tt.want)
			}
		})
	}
}

// TestSignersAskForKeysOnly: no policy, no SPF, no tree walk.
func TestSignersAskForKeysOnly(t *testing.T) {
	t.Parallel()
	asked := 0
	msg := signed(t, signed(t, letter, "example.org", "ed", edKey), "example.org", "ed", edKey)
	if _, err := probe.SignersOf(t.Context(), []byte(msg), counted{world(), &asked}); err != nil || asked != 1 {
		t.Errorf("two signatures with one key took %d questions (%v), want 1", asked, err)
	}
}

func TestSignersOfNothing(t *testing.T) {
	t.Parallel()
	if _, err := probe.SignersOf(t.Context(), nil, world()); !errors.Is(err, probe.ErrMessage) {
		t.Errorf("signers of nothing: %v, want ErrMessage", err)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cancel(cause)
	if _, err := probe.SignersOf(ended, []byte(letter), world()); !errors.Is(err, cause) {
		t.Errorf("signers after the end: %v, want its cause", err)
	}
}
