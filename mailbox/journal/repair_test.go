package journal_test

import (
	"reflect"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/journal"
)

func TestRepairs(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	p := page(t, j, key)
	first := journal.Repair{UID: 4, What: "one", Reason: "NO", File: "1/1-7-4.eml"}
	second := journal.Repair{UID: 5, What: "two", Reason: "BAD\x00", File: "1/1-7-5.eml"}
	check(t, p.Repairing(t.Context(), first))
	check(t, p.Repairing(t.Context(), second))
	check(t, p.RepairListed(t.Context(), 4))
	first.Listed, second.Reason = true, `"BAD\x00"`
	want := map[imap.UID]journal.Repair{4: first, 5: second}
	if got, err := page(t, j, key).Repairs(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Repairs() = %+v, %v, want %+v", got, err, want)
	}
	first.What, first.Listed = "one and more", false
	check(t, p.Repairing(t.Context(), first))
	check(t, p.Unrepaired(t.Context(), 5))
	want = map[imap.UID]journal.Repair{4: first}
	if got, err := p.Repairs(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("after a further attempt, Repairs() = %+v, %v, want %+v", got, err, want)
	}
	other, back := key, key
	other.SourceValidity++
	back.Reverse = true
	for _, k := range []journal.Key{other, back} {
		if got, err := page(t, j, k).Repairs(t.Context()); err != nil || len(got) > 0 {
			t.Errorf("another page has repairs: %v, %v", got, err)
		}
	}
}
