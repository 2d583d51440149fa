package migrate

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// A SenderClass says what is known of an address that sends as the domain.
type SenderClass string

// The classes.
const (
	SenderOld         SenderClass = "old"    // the old server
	SenderTarget      SenderClass = "target" // the provider moved to
	SenderNamed       SenderClass = "spf"    // named in the domain's SPF record
	SenderUnknown     SenderClass = "unknown"
	SenderNotMeasured SenderClass = "not-measured" // the DNS did not answer
)

// A Stream is mail that comes from one network, signed by one domain.
type Stream struct {
	Domain     string      `json:"domain"`  // whose policy was applied
	Network    string      `json:"network"` // a /24 or /48
	DKIMDomain string      `json:"dkim_domain"`
	From       []string    `json:"from"` // domains in From
	Known      SenderClass `json:"known"`
	Because    string      `json:"because"` // what it is known by
	Sources    int         `json:"sources"` // addresses
	Messages   int64       `json:"messages"`
	Aligned    int64       `json:"aligned"`
	DKIM       int64       `json:"dkim"` // aligned by DKIM
	SPF        int64       `json:"spf"`  // aligned by SPF
	Rejected   int64       `json:"rejected"`
	Quarantine int64       `json:"quarantined"`
	First      time.Time   `json:"first"`
	Last       time.Time   `json:"last"`
	Days       []StreamDay `json:"days"`
}

// A StreamDay is what a stream sent in the reports that begin on one day.
type StreamDay struct {
	Day       string `json:"day"` // such as 2026-10-12
	Aligned   int64  `json:"aligned"`
	Unaligned int64  `json:"unaligned"`
}

// Unaligned counts the messages without an aligned pass.
func (s Stream) Unaligned() int64 { return s.Messages - s.Aligned }

// A SelectorSeen is a DKIM key as the reports saw it used for the domain.
type SelectorSeen struct {
	Domain   string    `json:"domain"`
	Selector string    `json:"selector"`
	Pass     int64     `json:"pass"`
	Fail     int64     `json:"fail"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// Bounds of what is shown: whoever forges mail chooses the networks.
const (
	maxStreams   = 1000
	maxSelectors = 200
	maxDays      = 400 // of one stream
	maxFrom      = 20  // domains in From of one stream
	maxGrowing   = 2 * maxStreams
	maxKeys      = 5000 // selectors that are kept while counting
)

type streamKey struct {
	domain  string
	network netip.Prefix
	dkim    string
	class   SenderClass
	because string
}

type growing struct {
	Stream
	sources map[netip.Addr]struct{}
	days    map[string]*StreamDay
}

// A gathering groups rows into streams. It is pure but for classify. All
// streams are counted, and the largest are kept: where there are too many to
// know which those are, the rows have to be added once more, see again.
type gathering struct {
	classify  func(domain string, addr netip.Addr) (SenderClass, string)
	census    census
	chosen    map[uint64]bool // streams that are kept; nil: all, as far as there is room
	complete  bool            // nothing is to be added any more
	over      bool            // there was no room
	streams   map[streamKey]*growing
	selectors map[[2]string]*SelectorSeen
	differs   int64 // messages with two verdicts
}

func newGathering(classify func(string, netip.Addr) (SenderClass, string)) *gathering {
	return &gathering{
		classify: classify, census: make(census),
		streams: make(map[streamKey]*growing), selectors: make(map[[2]string]*SelectorSeen),
	}
}

// again makes the gathering ready for the same rows once more, to keep the
// largest streams of all. It reports whether that is needed.
func (g *gathering) again() bool {
	if !g.over || g.chosen != nil {
		g.complete = true
		return false
	}
	g.chosen = g.census.largest(maxStreams)
	clear(g.streams)
	return true
}

// add counts one row.
func (g *gathering) add(row sentRow) {
	if g.complete {
		return
	}
	key := streamKey{domain: row.Domain, network: network(row.Source)}
	if row.Key.Result == "pass" {
		key.dkim = row.Key.Domain
	}
	part := key.part()
	if g.chosen != nil && !g.chosen[part] {
		return
	}
	key.class, key.because = g.classify(row.Domain, row.Source)
	if g.chosen == nil {
		g.census.add(key, part, row)
		g.selector(row)
		if row.Differs {
			g.differs += row.Messages
		}
	}
	s, ok := g.streams[key]
	if !ok {
		if len(g.streams) >= maxGrowing {
			g.over = true
			return
		}
		s = &growing{sources: make(map[netip.Addr]struct{}), days: make(map[string]*StreamDay)}
		s.Stream = Stream{Domain: key.domain, Network: key.network.String(), DKIMDomain: key.dkim, Known: key.class, Because: key.because, First: row.Begin}
		g.streams[key] = s
	}
	s.count(row)
}

func (s *growing) count(row sentRow) {
	s.sources[row.Source] = struct{}{}
	s.Sources = len(s.sources)
	s.Messages += row.Messages
	if row.Begin.Before(s.First) {
		s.First = row.Begin
	}
	if row.End.After(s.Last) {
		s.Last = row.End
	}
	if !slices.Contains(s.From, row.From) && len(s.From) < maxFrom {
		s.From = append(s.From, row.From)
	}
	switch row.Disposition {
	case "reject":
		s.Rejected += row.Messages
	case "quarantine":
		s.Quarantine += row.Messages
	}
	name := row.Begin.UTC().Format(time.DateOnly)
	day, ok := s.days[name]
	if !ok {
		day = &StreamDay{Day: name}
		s.days[name] = day
	}
	if row.DKIM {
		s.DKIM += row.Messages
	}
	if row.SPF {
		s.SPF += row.Messages
	}
	if row.Aligned() {
		s.Aligned += row.Messages
		day.Aligned += row.Messages
	} else {
		day.Unaligned += row.Messages
	}
}

// selector counts a key of the domain's own.
func (g *gathering) selector(row sentRow) {
	if row.Key.Selector == "" || !dmarc.ValidName(row.Key.Domain) || !within(row.Key.Domain, row.Domain) {
		return
	}
	at := [2]string{row.Key.Domain, row.Key.Selector}
	s, ok := g.selectors[at]
	if !ok {
		if len(g.selectors) >= maxKeys {
			return
		}
		s = &SelectorSeen{Domain: at[0], Selector: at[1], First: row.Begin}
		g.selectors[at] = s
	}
	if row.Key.Result == "pass" {
		s.Pass += row.Messages
	} else {
		s.Fail += row.Messages
	}
	if row.Begin.Before(s.First) {
		s.First = row.Begin
	}
	if row.End.After(s.Last) {
		s.Last = row.End
	}
}

// list returns the streams, the largest first, and how many were left out.
func (g *gathering) list() (all []Stream, omitted int) {
	all = []Stream{}
	for _, s := range g.streams {
		slices.Sort(s.From)
		s.Days = []StreamDay{}
		for _, d := range s.days {
			s.Days = append(s.Days, *d)
		}
		slices.SortFunc(s.Days, func(a, b StreamDay) int { return strings.Compare(a.Day, b.Day) })
		s.Days = s.Days[max(0, len(s.Days)-maxDays):]
		all = append(all, s.Stream)
	}
	slices.SortFunc(all, func(a, b Stream) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), strings.Compare(a.Network, b.Network), strings.Compare(a.DKIMDomain, b.DKIMDomain),
			strings.Compare(string(a.Known), string(b.Known)), strings.Compare(a.Because, b.Because), strings.Compare(a.Domain, b.Domain))
	})
	all = all[:min(len(all), maxStreams)]
	return all, len(g.census) - len(all)
}

// keys returns the selectors, those used last first.
func (g *gathering) keys() []SelectorSeen {
	all := []SelectorSeen{}
	for _, s := range g.selectors {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b SelectorSeen) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Domain, b.Domain), strings.Compare(a.Selector, b.Selector))
	})
	return all[:min(len(all), maxSelectors)]
}

// network is the part of the Internet that an address is grouped under: what
// one customer usually has.
func network(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return p
}

// within reports whether a name is a domain or stands below it.
func within(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}
