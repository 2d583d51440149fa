package publish

import (
	"testing"
	"time"
)

func TestNextSerial(t *testing.T) {
	t.Parallel()
	evening := time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name      string
		old, want uint32
	}{
		{"date of another day", 2026112307, 2026112501},
		{"date of today", 2026112501, 2026112502},
		{"date of today, not begun", 2026112500, 2026112501},
		{"hundredth of the day", 2026112599, 2026112600},
		{"hundredth, from tomorrow on", 2026112600, 2026112601},
		{"hundredth of a month", 2026113099, 2026120100},
		{"hundredth of a year", 2026123199, 2027010100},
		{"date in the future", 2030010105, 2030010106},
		{"no day of the calendar", 2026023001, 2026023002},
		{"seconds", 1795000000, 1795636800},
		{"seconds of now", 1795636800, 1795636801},
		{"seconds in the future", 1795636999, 1795637000},
		{"number", 50, 51},
		{"nothing", 0, 1},
		{"end of 32 bits", 1<<32 - 1, 1},
	} {
		got := nextSerial(tt.old, evening)
		if got != tt.want {
			t.Errorf("%s: nextSerial(%d) = %d, want %d", tt.name, tt.old, got, tt.want)
		}
		if int32(got-tt.old) <= 0 {
			t.Errorf("%s: %d is not newer than %d", tt.name, got, tt.old)
		}
	}
}
