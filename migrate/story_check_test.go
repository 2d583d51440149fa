package migrate_test

import (
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// want is what a server with these names must hold after the move: every
// letter exactly once.
func (h holding) want(wire func(path) string) dump {
	d := dump{}
	for _, p := range h.Mailboxes {
		d[wire(p)] = &box{Subscribed: slices.Contains(h.Subscribed, p)}
	}
	for _, l := range h.Letters {
		b := d[wire(l.Mailbox)]
		b.Messages = append(b.Messages, store(l.Raw, l.Date, l.Flags))
	}
	return d
}

// faults compares an account with what it must hold, UIDs apart, and says
// each difference in a line that begins with its kind: "lost", "doubled",
// "altered", "strange", "flags", "date", "mailbox", "subscription".
func faults(want, got dump) []string {
	var fs []string
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			fs = append(fs, fmt.Sprintf("mailbox: %q is missing (%d messages)", name, len(w.Messages)))
			continue
		}
		if w.Subscribed && !g.Subscribed {
			fs = append(fs, fmt.Sprintf("subscription: %q", name))
		}
		fs = append(fs, boxFaults(name, w.Messages, g.Messages)...)
	}
	for name, g := range got {
		if _, ok := want[name]; !ok && name != "INBOX" {
			fs = append(fs, fmt.Sprintf("mailbox: %q was never at the source (%d messages)", name, len(g.Messages)))
		}
	}
	sort.Strings(fs)
	return fs
}

// boxFaults pairs the messages of two mailboxes as multisets, first by
// everything, then by less and less. What is left stands on one side only.
func boxFaults(name string, want, got []stored) []string {
	strip := func(ms []stored) []stored {
		ms = slices.Clone(ms)
		for i := range ms {
			ms[i].UID = 0
		}
		return ms
	}
	known := map[[32]byte]bool{}
	for _, m := range want {
		known[m.Sum] = true
	}
	want, got = strip(want), strip(got)
	var fs []string
	for _, level := range []struct {
		kind string
		key  func(stored) stored
	}{
		{"", func(m stored) stored { return m }},
		{"flags", func(m stored) stored { return stored{Sum: m.Sum, Date: m.Date} }},
		{"date", func(m stored) stored { return stored{Sum: m.Sum, Flags: m.Flags} }},
		{"flags and date", func(m stored) stored { return stored{Sum: m.Sum} }},
		{"altered", func(m stored) stored { return stored{Head: m.Head} }},
	} {
		var pairs [][2]stored
		pairs, want, got = pair(want, got, level.key)
		if level.kind == "" {
			continue
		}
		for _, p := range pairs {
			fs = append(fs, fmt.Sprintf("%s: %q %x: want %s {%s}, got %s {%s}", level.kind, name, p[0].Sum[:4], instant(p[0]), p[0].Flags, instant(p[1]), p[1].Flags))
		}
	}
	for _, m := range want {
		fs = append(fs, fmt.Sprintf("lost: %q %x of %s", name, m.Sum[:4], instant(m)))
	}
	for _, m := range got {
		kind := "strange"
		if known[m.Sum] {
			kind = "doubled"
		}
		fs = append(fs, fmt.Sprintf("%s: %q %x of %s", kind, name, m.Sum[:4], instant(m)))
	}
	return fs
}

func pair(want, got []stored, key func(stored) stored) (pairs [][2]stored, restWant, restGot []stored) {
	waiting := map[stored][]stored{}
	for _, m := range want {
		waiting[key(m)] = append(waiting[key(m)], m)
	}
	for _, m := range got {
		k := key(m)
		if ws := waiting[k]; len(ws) > 0 {
			pairs = append(pairs, [2]stored{ws[0], m})
			waiting[k] = ws[1:]
			continue
		}
		restGot = append(restGot, m)
	}
	for _, ws := range waiting {
		restWant = append(restWant, ws...)
	}
	return pairs, restWant, restGot
}

func instant(m stored) string { return time.Unix(m.Date, 0).UTC().Format(time.RFC3339) }

// untouched compares two dumps of the source: every message that was there
// stands there still, under its UID, with its date and flags.
func untouched(before, after dump) []string {
	var fs []string
	for name, b := range before {
		a, ok := after[name]
		if !ok {
			fs = append(fs, fmt.Sprintf("mailbox: %q is gone from the source", name))
			continue
		}
		byUID := map[imap.UID]stored{}
		for _, m := range a.Messages {
			byUID[m.UID] = m
		}
		for _, m := range b.Messages {
			if byUID[m.UID] != m {
				fs = append(fs, fmt.Sprintf("touched: %q uid %d: was %+v, is %+v", name, m.UID, m, byUID[m.UID]))
			}
		}
	}
	sort.Strings(fs)
	return fs
}

// report fails the test with the first faults of one account.
func report(t *testing.T, what string, fs []string) {
	t.Helper()
	for i, f := range fs {
		if i == 10 {
			t.Errorf("%s: and %d more", what, len(fs)-i)
			return
		}
		t.Errorf("%s: %s", what, f)
	}
}
