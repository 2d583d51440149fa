package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate"
)

// TestConfirm: who agrees ahead agrees to the changes of a plan, and to those
// steps of the hardening calendar that were asked for by name.
func TestConfirm(t *testing.T) {
	t.Parallel()
	plan := migrate.Confirmation{Command: "close", Domain: "example.org", Text: "the changes"}
	offered := plan
	offered.Step = "the DMARC policy p=quarantine"
	named := offered
	named.Ahead = true
	for _, tt := range []struct {
		name  string
		c     migrate.Confirmation
		yes   string
		typed string // by a person; empty: nobody is there
		want  error  // nil: agreed
		usage bool
		shown bool
	}{
		{"plan, yes", plan, "example.org", "", nil, false, false},
		{"plan, typed", plan, "", "Example.org.", nil, false, true},
		{"plan, nobody", plan, "", "", nil, true, true},
		{"plan, another domain", plan, "example.net", "", nil, true, false},
		{"offered, yes is for the plan", offered, "example.org", "", migrate.ErrNotAsked, false, false},
		{"offered, nobody", offered, "", "", migrate.ErrNotAsked, false, false},
		{"offered, typed", offered, "", "example.org", nil, false, true},
		{"offered, typed beside yes", offered, "example.org", "example.org", nil, false, true},
		{"offered, left", offered, "", " ", migrate.ErrNotConfirmed, false, true},
		{"offered, yes typed", offered, "", "yes", migrate.ErrNotConfirmed, false, true},
		{"named, yes", named, "example.org", "", nil, false, true},
		{"named, nobody", named, "", "", nil, true, true},
		{"named, another domain", named, "example.net", "", nil, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in, keys, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			if _, err := keys.WriteString(tt.typed + "\n"); err != nil {
				t.Fatal(err)
			}
			keys.Close()
			var said strings.Builder
			a := &app{yes: tt.yes, term: &terminal{in: in, err: &said, asks: tt.typed != ""}}
			err = a.confirm(t.Context(), tt.c)
			_, usage := errors.AsType[*usageError](err)
			if usage != tt.usage || !usage && !errors.Is(err, tt.want) || tt.want == nil && !usage && err != nil {
				t.Errorf("confirm = %v, want %v, or that it is used wrongly: %v", err, tt.want, tt.usage)
			}
			if got := strings.Contains(said.String(), "the changes"); got != tt.shown {
				t.Errorf("said %q, want the changes shown: %v", said.String(), tt.shown)
			}
		})
	}
}
