package migrate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

func plain(p path) string { return p.wire("", "/") }

func sample() holding {
	b := newPostbag(1, "anna")
	b.identities()
	b.flagSets()
	b.declare("Empty")
	b.h.Subscribed = []path{"Identity"}
	return b.h
}

// number gives the messages of a dump the UIDs that a server would.
func number(d dump) dump {
	for _, b := range d {
		for i := range b.Messages {
			b.Messages[i].UID = imap.UID(i + 1)
		}
	}
	return d
}

func TestCheckerFindsPlantedFaults(t *testing.T) {
	t.Parallel()
	const box, twins = "Identity", 31 // the first of six byte-identical letters stands at 30
	tests := []struct {
		name  string
		plant func(dump)
		want  string
	}{
		{"nothing", func(dump) {}, ""},
		{"other order", func(d dump) { slices.Reverse(d[box].Messages) }, ""},
		{"lost", func(d dump) { d[box].Messages = d[box].Messages[1:] }, "lost"},
		{"lost of several equal ones", func(d dump) { d[box].Messages = slices.Delete(d[box].Messages, twins, twins+1) }, "lost"},
		{"doubled", func(d dump) { d[box].Messages = append(d[box].Messages, d[box].Messages[3]) }, "doubled"},
		{"doubled of several equal ones", func(d dump) { d[box].Messages = append(d[box].Messages, d[box].Messages[twins]) }, "doubled"},
		{"altered body", func(d dump) { d[box].Messages[4].Sum[0] ^= 1 }, "altered"},
		{"altered header", func(d dump) { d[box].Messages[4].Sum[0] ^= 1; d[box].Messages[4].Head[0] ^= 1 }, "lost strange"},
		{"flag gone", func(d dump) { d[box].Messages[0].Flags = "" }, "flags"},
		{"keyword more", func(d dump) { d[box].Messages[0].Flags += " Work" }, "flags"},
		{"flags changed among equal ones", func(d dump) { d[box].Messages[twins].Flags = "" }, "flags"},
		{"a second later", func(d dump) { d[box].Messages[5].Date++ }, "date"},
		{"date and flag", func(d dump) { d[box].Messages[5].Date++; d[box].Messages[5].Flags = "Work" }, "flags and date"},
		{"empty mailbox missing", func(d dump) { delete(d, "Empty") }, "mailbox"},
		{"mailbox too many", func(d dump) { d["Foreign"] = d["Empty"] }, "mailbox"},
		{"not subscribed", func(d dump) { d[box].Subscribed = false }, "subscription"},
		{"in another mailbox", func(d dump) {
			d["Empty"].Messages = d[box].Messages[:1]
			d[box].Messages = d[box].Messages[1:]
		}, "lost strange"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := number(sample().want(plain))
			tt.plant(got)
			fs := faults(sample().want(plain), got)
			kinds := make([]string, len(fs))
			for i, f := range fs {
				kinds[i], _, _ = strings.Cut(f, ":")
			}
			if strings.Join(kinds, " ") != tt.want {
				t.Errorf("faults = %q, want kinds %q", fs, tt.want)
			}
		})
	}
}

func TestCheckerSeesTouchedSource(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		touch func(*box)
		want  int
	}{
		{"nothing", func(*box) {}, 0},
		{"new mail", func(b *box) { b.Messages = append(b.Messages, stored{UID: 999}) }, 0},
		{"seen set", func(b *box) { b.Messages[0].Flags += ` \Seen` }, 1},
		{"expunged", func(b *box) { b.Messages = b.Messages[1:] }, 1},
		{"stored again under another UID", func(b *box) { b.Messages[0].UID = 999 }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			after := number(sample().want(plain))
			tt.touch(after["Identity"])
			if fs := untouched(number(sample().want(plain)), after); len(fs) != tt.want {
				t.Errorf("untouched = %q, want %d lines", fs, tt.want)
			}
		})
	}
}

func TestPostbagIsDeterministicAndBalanced(t *testing.T) {
	t.Parallel()
	write := func() holding {
		b := newPostbag(7, "anna")
		b.awkward()
		return b.ordinary(1200)
	}
	a, b := write(), write()
	if len(a.Letters) != 1200 {
		t.Fatalf("the postbag wrote %d letters, want 1200", len(a.Letters))
	}
	if fs := faults(a.want(plain), b.want(plain)); len(fs) != 0 {
		t.Errorf("two postbags with one seed differ: %q", fs[0])
	}
	if _, ok := a.want(plain)["Deep/a/b/c/d/e"]; !ok {
		t.Error("the awkward mailboxes are missing")
	}
}
