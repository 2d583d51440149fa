package journal_test

import (
	"fmt"
	"testing"

	"github.com/mxmove/mxmove/mailbox/journal"
)

func TestRenamed(t *testing.T) {
	t.Parallel()
	j, _ := open(t)
	old := key
	old.Source, old.Target = "Old\xe4", "Old"
	check(t, page(t, j, old).Found(t.Context(), []journal.Run{{Source: 1, Target: 1, Count: 5, Outcome: journal.Copied}}))
	check(t, j.Renamed(t.Context(), "anna", "Old\xe4", "New", "Old"))
	kept, err := j.Kept(t.Context(), "anna")
	if want := "[{New Old 7 5}]"; err != nil || fmt.Sprint(kept) != want {
		t.Errorf("Kept() = %v, %v, want %s", kept, err, want)
	}
	is := old
	is.Source = "New"
	if n := runs(t, page(t, j, is)).Messages(); n != 5 {
		t.Errorf("the new name knows of %d messages, want 5", n)
	}
	check(t, j.Renamed(t.Context(), "anna", "New", "Old\xe4", "Old"))
	renames, err := j.Renames(t.Context(), "anna")
	if err != nil || len(renames) != 1 {
		t.Errorf("Renames() = %v, %v, want one", renames, err)
	}
	for source, target := range renames {
		if !journal.Same(source, "Old\xe4") || journal.Same(source, "Old") || target != "Old" {
			t.Errorf("Renames() = %v, want the old name again", renames)
		}
	}
	if kept, err := j.Kept(t.Context(), "bert"); err != nil || len(kept) > 0 {
		t.Errorf("another account has kept %v, %v", kept, err)
	}
}
