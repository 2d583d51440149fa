package publish

import "time"

// nextSerial returns the serial after an edit, in the style of the one that
// is there: a date with a counter (2026112401), the seconds since 1970, or a
// plain number. It is newer than the old one by RFC 1982 in every case.
func nextSerial(old uint32, now time.Time) uint32 {
	now = now.UTC()
	if day, ok := dated(old); ok {
		today := uint32(now.Year()*1000000 + int(now.Month())*10000 + now.Day()*100 + 1)
		switch {
		case today > old && now.Year() < 2100:
			return today
		case old%100 < 99:
			return old + 1
		}
		// The hundredth edit of a day borrows from the next one.
		next := day.AddDate(0, 0, 1)
		return uint32(next.Year()*1000000 + int(next.Month())*10000 + next.Day()*100)
	}
	const since2001 = 1_000_000_000
	if unix := now.Unix(); old >= since2001 && int64(old) <= unix && unix <= 1<<32-1 {
		return max(old+1, uint32(unix))
	}
	if old == 1<<32-1 {
		return 1 // 0 means "any" to some servers
	}
	return old + 1
}

// dated reads a serial of the form YYYYMMDDnn.
func dated(serial uint32) (time.Time, bool) {
	year, month, day := int(serial/1000000), int(serial/10000%100), int(serial/100%100)
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t, year >= 1990 && year < 2100 && t.Month() == time.Month(month) && t.Day() == day
}
