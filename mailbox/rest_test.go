package mailbox

import (
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

func status(validity, messages, next uint32, modseq uint64) wire.Status {
	uid := imap.UID(next)
	s := wire.Status{UIDValidity: &validity, Messages: &messages, UIDNext: &uid}
	if modseq > 0 {
		s.HighestModSeq = &modseq
	}
	return s
}

func TestUnchanged(t *testing.T) {
	t.Parallel()
	there := status(9, 3, 4, 0)
	rest := &journal.Rest{
		SourceValidity: 7, TargetValidity: 9,
		Mark: `{"uidnext":4,"messages":3,"modseq":50}`, Note: `{"messages":3,"copied":3}`,
	}
	unflagged := *rest
	unflagged.Mark = `{"uidnext":4,"messages":3}`
	tests := []struct {
		name string
		pair Pair
		o    Options
		want bool
	}{
		{"as it was", Pair{sourceStatus: status(7, 3, 4, 50), targetStatus: there, rest: rest}, Options{}, true},
		{"a flag changed", Pair{sourceStatus: status(7, 3, 4, 51), targetStatus: there, rest: rest}, Options{}, false},
		{"a flag changed after the switch", Pair{sourceStatus: status(7, 3, 4, 51), targetStatus: there, rest: rest}, Options{Additions: true}, true},
		{"no CONDSTORE", Pair{sourceStatus: status(7, 3, 4, 0), targetStatus: there, rest: &unflagged}, Options{}, false},
		{"flags never carried over", Pair{sourceStatus: status(7, 3, 4, 50), targetStatus: there, rest: &unflagged}, Options{}, false},
		{"a message more", Pair{sourceStatus: status(7, 4, 5, 51), targetStatus: there, rest: rest}, Options{}, false},
		{"one came and one went", Pair{sourceStatus: status(7, 3, 5, 51), targetStatus: there, rest: rest}, Options{Additions: true}, false},
		{"one went", Pair{sourceStatus: status(7, 2, 4, 51), targetStatus: there, rest: rest}, Options{Additions: true}, false},
		{"source renumbered", Pair{sourceStatus: status(8, 3, 4, 50), targetStatus: there, rest: rest}, Options{}, false},
		{"target renumbered", Pair{sourceStatus: status(7, 3, 4, 50), targetStatus: status(10, 3, 4, 0), rest: rest}, Options{}, false},
		{"target gone", Pair{sourceStatus: status(7, 3, 4, 50), targetStatus: there, rest: rest, Create: true}, Options{}, false},
		{"sent again", Pair{sourceStatus: status(7, 3, 4, 50), targetStatus: there, rest: rest}, Options{RecopyMissing: true}, false},
		{"another rule", Pair{sourceStatus: status(7, 3, 4, 50), targetStatus: there, rest: rest}, Options{Deleted: DeletedSkip}, false},
		{"never at rest", Pair{sourceStatus: status(7, 3, 4, 50), targetStatus: there}, Options{}, false},
		{"no status", Pair{targetStatus: there, rest: rest}, Options{Additions: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tally, got := tt.o.unchanged(tt.pair)
			if got != tt.want || got && tally.Copied != 3 {
				t.Errorf("unchanged() = %+v, %v, want %v", tally, got, tt.want)
			}
		})
	}
}
