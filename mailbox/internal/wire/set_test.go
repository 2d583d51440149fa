package wire_test

import (
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func TestSetOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		uids []imap.UID
		want string
	}{
		{nil, ""},
		{[]imap.UID{5}, "5"},
		{[]imap.UID{1, 2, 3, 7, 9, 10}, "1:3,7,9:10"},
		{[]imap.UID{10, 9, 3, 3, 2, 1}, "1:3,9:10"},
		{[]imap.UID{4294967294, 4294967295}, "4294967294:4294967295"},
		{[]imap.UID{0, 5}, "5"},
	}
	for _, tt := range tests {
		before := slices.Clone(tt.uids)
		if got := wire.SetOf(tt.uids...).String(); got != tt.want {
			t.Errorf("SetOf(%v) = %q, want %q", tt.uids, got, tt.want)
		}
		if !slices.Equal(before, tt.uids) {
			t.Errorf("SetOf(%v) changed its argument to %v", before, tt.uids)
		}
	}
	if got := wire.From(7).String(); got != "7:*" {
		t.Errorf("From(7) = %q, want 7:*", got)
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	var uids []imap.UID
	for uid := imap.UID(1); uid < 20_000; uid += 2 {
		uids = append(uids, uid)
	}
	var back []imap.UID
	for _, part := range wire.SetOf(uids...).Split(0) {
		if n := len(part.String()); n > wire.MaxSet {
			t.Errorf("part of %d octets, want at most %d", n, wire.MaxSet)
		}
		got, ok := part.UIDs(len(uids))
		if !ok {
			t.Fatalf("UIDs(%v) is open", part)
		}
		back = append(back, got...)
	}
	if !slices.Equal(back, uids) {
		t.Error("Split() loses or reorders UIDs")
	}
}

func TestSetBounds(t *testing.T) {
	t.Parallel()
	set, ok := wire.ParseSet("1:4294967295")
	if !ok {
		t.Fatal("ParseSet() = false")
	}
	if _, ok := set.UIDs(1000); ok {
		t.Error("UIDs(1000) listed four thousand million UIDs")
	}
	last := wire.Set{{First: 4294967294, Last: 4294967295}}
	if got, ok := last.UIDs(10); !ok || len(got) != 2 {
		t.Errorf("UIDs() at the end of the range = %v, %v", got, ok)
	}
	if open := wire.From(5); open.Contains(4) || !open.Contains(5) || !open.Contains(4294967295) {
		t.Error("Contains() of an open set is wrong")
	}
}

func FuzzParseSet(f *testing.F) {
	for _, s := range []string{"1", "4:6,9", "9:4", "*", "5:*", "*:5", "0", "1:", "1,,2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, ok := wire.ParseSet(s)
		if !ok {
			return
		}
		again, ok := wire.ParseSet(set.String())
		if !ok || !slices.Equal(set, again) {
			t.Errorf("ParseSet(%q) = %v, printed and read again %v", s, set, again)
		}
	})
}
