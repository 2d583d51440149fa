package wire

import (
	"strconv"
	"strings"
	"time"
)

// dateLayout is date-time of RFC 9051 without its quotes.
const dateLayout = "_2-Jan-2006 15:04:05 -0700"

// FormatDate prints an INTERNALDATE for APPEND, with its zone and in quotes.
func FormatDate(t time.Time) string { return `"` + t.Format(dateLayout) + `"` }

// ParseDate reads an INTERNALDATE as served, without its quotes, and keeps its
// zone. Blanks and the case of the month do not matter. A date that is no date
// (NIL, 00-Jan-0000) or has no numeric zone is not guessed at: ok is false.
func ParseDate(text string) (t time.Time, ok bool) {
	f := strings.Fields(text)
	if len(f) != 3 {
		return time.Time{}, false
	}
	zone, ok := parseZone(f[2])
	if !ok {
		return time.Time{}, false
	}
	day, rest, _ := strings.Cut(f[0], "-")
	if len(day) == 1 {
		day = "0" + day
	}
	t, err := time.ParseInLocation("02-Jan-2006 15:04:05", day+"-"+rest+" "+f[1], zone)
	if err != nil || t.Year() < 1 {
		return time.Time{}, false
	}
	return t.Add(-time.Duration(t.Nanosecond())), true // parts of a second, which Parse takes, are none of the format
}

// parseZone reads "+hhmm". It builds the zone itself, since time.Parse puts
// the local zone, with its name, in the place of an equal offset.
func parseZone(text string) (*time.Location, bool) {
	if len(text) != 5 || (text[0] != '+' && text[0] != '-') {
		return nil, false
	}
	hours, err1 := strconv.ParseUint(text[1:3], 10, 8)
	minutes, err2 := strconv.ParseUint(text[3:5], 10, 8)
	if err1 != nil || err2 != nil || hours > 23 || minutes > 59 {
		return nil, false
	}
	offset := int(hours*3600 + minutes*60)
	if text[0] == '-' {
		offset = -offset
	}
	return time.FixedZone("", offset), true
}
