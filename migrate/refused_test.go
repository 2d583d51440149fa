package migrate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/lab"
)

// TestStatusTellsWhatWasRefused: what a person has to mend stands in status
// until the next step, and what time mends does not.
func TestStatusTellsWhatWasRefused(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 3, Attachment: 1 << 10, TTL: 60})
	told := func() string {
		t.Helper()
		s, err := h.open(t).Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, y := range s.Yours {
			lines = append(lines, string(y.Code)+" "+y.Text)
		}
		return strings.Join(lines, "\n")
	}
	h.ready(t, 0)
	if err := h.cutover(t); err == nil {
		t.Fatal("cutover passes before its time")
	}
	if got := told(); strings.Contains(got, "was refused") {
		t.Errorf("what only waits is told: %s", got)
	}
	anna := h.People[0]
	h.waited(t, 30*time.Minute)
	h.New.Lookup(anna.Address).SetPassword("another")
	if err := h.cutover(t); err == nil {
		t.Fatal("cutover passes without a login")
	}
	if got := told(); !strings.Contains(got, "MX084 cutover was refused at ") || !strings.Contains(got, "1 of 3 accounts cannot log in at the target; create") {
		t.Errorf("status says %q, want the login that was refused", got)
	}
	h.New.Lookup(anna.Address).SetPassword(anna.NewPassword)
	if err := h.cutover(t); err != nil {
		t.Fatal(err)
	}
	if got := told(); strings.Contains(got, "was refused") {
		t.Errorf("after the switch status still says %q", got)
	}
}
