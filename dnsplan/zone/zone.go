// Package zone holds DNS data as the planner sees it: RRsets in presentation
// form, and zones of them with a word about how much of the zone is known.
package zone

// An RRset is all records of one name and type (RFC 2181, section 5).
type RRset struct {
	Name string   // absolute, lower case, with the final dot
	Type uint16   // dns.TypeMX and so on
	TTL  uint32   // seconds
	Data []string // RDATA in presentation form as served; TXT keeps its strings, since a delete has to match them
}

// A Coverage says how a zone came to be known, and so how much its silence
// is worth: only a full copy can say that a record does not exist.
type Coverage string

// The coverages, the best first.
const (
	AXFR    Coverage = "axfr"    // transferred whole
	File    Coverage = "file"    // read from a master file
	Listing Coverage = "listing" // listed by the publisher
	Probed  Coverage = "probed"  // only the well-known names were asked for
)

// Complete reports whether a name that the zone lacks does not exist.
func (c Coverage) Complete() bool { return c == AXFR || c == File || c == Listing }
