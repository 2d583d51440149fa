package zone

import (
	"encoding/json"
	"fmt"
)

type zoneJSON struct {
	Origin   string   `json:"origin"`
	Coverage Coverage `json:"coverage"`
	Serial   uint32   `json:"serial"`
	RRsets   []RRset  `json:"rrsets"`
}

// MarshalJSON writes {"origin", "coverage", "serial", "rrsets"}, sorted.
func (z Zone) MarshalJSON() ([]byte, error) {
	return json.Marshal(zoneJSON{z.Origin, z.Coverage, z.Serial, z.All()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (z *Zone) UnmarshalJSON(text []byte) error {
	var j zoneJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	switch j.Coverage {
	case AXFR, File, Listing, Probed:
	default:
		return fmt.Errorf("zone: unknown coverage %q", j.Coverage)
	}
	r := New(j.Origin, j.Coverage)
	r.Serial = j.Serial
	for _, s := range j.RRsets {
		if !r.Holds(s.Name) {
			return fmt.Errorf("zone: %s lies outside of %s", s.Name, r.Origin)
		}
		r.Put(s)
	}
	*z = r
	return nil
}
