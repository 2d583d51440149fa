package report

import (
	"fmt"
	"time"

	"github.com/mxmove/mxmove/migrate"
)

const (
	plotDays    = 60 // days that are drawn, the last ones
	plotStreams = 12
)

// A plot draws streams over the same days, one below the other.
type plot struct {
	*migrate.Reports
	First, Last string // days
	Switched    string // the day of the switch, empty where it is not drawn
	Streams     []stream
	More        int // streams that are not drawn
}

// A stream is one stream with its columns.
type stream struct {
	migrate.Stream
	verdict
	Who     string
	Most    int // messages of its busiest day that is drawn, by which its columns are read
	Width   int // of the drawing, in units of its own
	Columns []column
}

// The measures of a drawing: each day has a step, of which a column leaves a
// gap to its neighbour.
const (
	plotStep   = 100
	plotGap    = 20
	plotHeight = 56
	plotLeast  = 3 // one message among thousands is still seen
)

// A column is a part of the drawing. What is aligned stands above the line,
// what is not hangs below it, so that nobody has to tell two colours apart.
type column struct {
	Class      string
	X, Y, W, H int
}

// newPlot draws what the reports told; nil where there are none.
func newPlot(d Document) *plot {
	if d.Reports == nil || d.Reports.End == nil || d.Reports.Begin == nil {
		return nil
	}
	last := d.Reports.End.UTC().Truncate(24 * time.Hour)
	first := d.Reports.Begin.UTC().Truncate(24 * time.Hour)
	if earliest := last.AddDate(0, 0, 1-plotDays); first.Before(earliest) {
		first = earliest
	}
	p := &plot{Reports: d.Reports, First: first.Format(time.DateOnly), Last: last.Format(time.DateOnly)}
	days := int(last.Sub(first)/(24*time.Hour)) + 1
	mark := -1
	if at := d.switchedAt(); at != nil && !at.Before(first) && at.Before(last.AddDate(0, 0, 1)) {
		mark = int(at.Sub(first) / (24 * time.Hour))
		p.Switched = at.UTC().Format(time.DateOnly)
	}
	for i, s := range d.Reports.Streams {
		if i == plotStreams {
			break
		}
		p.Streams = append(p.Streams, stream{
			Stream: s, verdict: aligned(s), Who: who(s), Most: busiest(s, p.First), Width: days * plotStep, Columns: columns(s, first, days, mark),
		})
	}
	p.More = len(d.Reports.Streams) - len(p.Streams) + d.Reports.Omitted
	return p
}

// SignedBy names who vouches for the reports.
func (p *plot) SignedBy() string { return migrate.SignerNames(p.Signers) }

// busiest counts the messages of a stream's busiest day since the first one.
func busiest(s migrate.Stream, first string) int {
	most := int64(0)
	for _, d := range s.Days {
		if d.Day >= first {
			most = max(most, d.Aligned+d.Unaligned)
		}
	}
	return int(most)
}

// columns draws one stream in a scale of its own. A line lies where nothing
// was reported.
func columns(s migrate.Stream, first time.Time, days, mark int) []column {
	most, least := int64(0), int64(0)
	for _, d := range s.Days {
		most, least = max(most, d.Aligned), max(least, d.Unaligned)
	}
	if most+least == 0 {
		return nil
	}
	scale := func(n int64) int {
		if n <= 0 {
			return 0
		}
		return max(plotLeast, int(float64(n)/float64(most+least)*(plotHeight-1)))
	}
	zero, deep := scale(most), scale(least)
	if over := zero + deep - (plotHeight - 1); zero > deep {
		zero -= over
	} else {
		deep -= over
	}
	all := []column{{"axis", 0, zero, days * plotStep, 1}}
	if mark >= 0 {
		// Between two days, and as thick on the page however many there are.
		width := max(1, days*plotStep/250)
		all = append(all, column{"mark", max(0, mark*plotStep-(plotGap+width)/2), 0, width, plotHeight})
	}
	for _, d := range s.Days {
		day, err := time.Parse(time.DateOnly, d.Day)
		if err != nil {
			continue // of a file that somebody has edited
		}
		x := int(day.Sub(first)/(24*time.Hour)) * plotStep
		if x < 0 || x >= days*plotStep {
			continue
		}
		if h := min(scale(d.Aligned), zero); h > 0 {
			all = append(all, column{"above", x, zero - h, plotStep - plotGap, h})
		}
		if h := min(scale(d.Unaligned), deep); h > 0 {
			all = append(all, column{"below", x, zero + 1, plotStep - plotGap, h})
		}
	}
	return all
}

// aligned judges a stream. One that nobody knows and that is not aligned is
// most often forged, which is what the policy is for.
func aligned(s migrate.Stream) verdict {
	v := verdict{Tone: care, Text: fmt.Sprintf("%s of %s aligned", number(int(s.Aligned)), number(int(s.Messages)))}
	switch {
	case s.Messages == 0:
		v.Tone, v.Word = unknown, "nothing sent"
	case s.Aligned == s.Messages:
		v.Tone, v.Word = good, "all aligned"
	case s.Aligned == 0:
		v.Word = "none aligned"
		if s.Known != migrate.SenderUnknown {
			v.Tone = bad
		}
	default:
		v.Word = fmt.Sprintf("%d %% aligned", s.Aligned*100/s.Messages)
	}
	return v
}

// who says by what a stream is known.
func who(s migrate.Stream) string {
	switch s.Known {
	case migrate.SenderOld:
		return "the old server"
	case migrate.SenderTarget:
		return "the provider"
	case migrate.SenderNamed:
		return "named in SPF"
	case migrate.SenderUnknown:
		return "unknown"
	}
	return "not measured whose it is"
}
