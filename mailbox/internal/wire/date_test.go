package wire_test

import (
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		" 1-Jan-2020 10:00:00 +0100", "01-Jan-2020 10:00:00 +0100", "1-Jan-2020  10:00:00 +0100", "01-JAN-2020 10:00:00 +0100",
	} {
		got, ok := wire.ParseDate(text)
		if want := time.Date(2020, 1, 1, 9, 0, 0, 0, time.UTC); !ok || !got.Equal(want) {
			t.Errorf("ParseDate(%q) = %v, %v; want %v", text, got, ok, want)
		}
		if got := wire.FormatDate(got); got != `" 1-Jan-2020 10:00:00 +0100"` {
			t.Errorf("FormatDate() = %s, want the zone kept", got)
		}
	}
	for _, text := range []string{
		"", "NIL", "00-Jan-0000 00:00:00 +0000", "31-Feb-2020 10:00:00 +0000", "01-Jan-2020 10:00:00", "01-Jan-2020 10:00:00 GMT",
		"01-Jan-2020 10:00:00 +99999", "01-Jan-2020 10:00:00 +2561", "01-Jan-20 10:00:00 +0000", "2020-01-01 10:00:00 +0000", "01-Jan-2020 25:00:00 +0000",
	} {
		if got, ok := wire.ParseDate(text); ok || !got.IsZero() {
			t.Errorf("ParseDate(%q) = %v, %v; want none", text, got, ok)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	f.Add("17-Jul-1996 02:44:25 -0830")
	f.Add(" 1-Jan-9999 23:59:59 +2359")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := wire.ParseDate(text)
		if !ok {
			return
		}
		printed := wire.FormatDate(got)
		again, ok := wire.ParseDate(printed[1 : len(printed)-1])
		if !ok || !again.Equal(got) || wire.FormatDate(again) != printed {
			t.Errorf("ParseDate(%q) = %v, printed %s, read again %v", text, got, printed, again)
		}
	})
}
