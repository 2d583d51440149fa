package migrate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mxmove/mxmove/migrate/finding"
)

// forged are rows of n networks that nobody knows, with a message each; the
// last ones send more.
func forged(n, last int) []sentRow {
	var rows []sentRow
	for i := range n {
		messages := int64(1)
		if i >= n-last {
			messages = int64(i)
		}
		rows = append(rows, sentBy(1, fmt.Sprintf("10.%d.%d.1", i>>8, i&255), messages, "", false))
	}
	return rows
}

// TestLargestStreamsAreKept: of more streams than there is room for, those that
// come last are found all the same, and all are counted.
func TestLargestStreamsAreKept(t *testing.T) {
	t.Parallel()
	const n = maxGrowing + 700
	rows := append(forged(n, 3), sentBy(2, "192.0.2.10", 1<<20, "example.org/old", true))
	g := newGathering(byLastOctet)
	passes := 0
	for more := true; more; passes++ {
		for _, r := range rows {
			g.add(r)
		}
		more = g.again()
	}
	streams, omitted := g.list()
	if passes != 2 || len(streams) != maxStreams || omitted != n+1-maxStreams {
		t.Fatalf("%d passes, %d streams and %d left out, want 2, %d and %d", passes, len(streams), omitted, maxStreams, n+1-maxStreams)
	}
	var got []string
	for _, s := range streams[:5] {
		got = append(got, fmt.Sprintf("%s %d %s", s.Network, s.Messages, s.Known))
	}
	want := []string{"192.0.2.0/24 1048576 old", "10.10.139.0/24 2699 unknown", "10.10.138.0/24 2698 unknown", "10.10.137.0/24 2697 unknown"}
	if !slices.Equal(got[:4], want) || streams[4].Messages != 1 {
		t.Errorf("streams %q\nwant    %q and one of a single message", got, want)
	}
	if keys := g.keys(); len(keys) != 1 || keys[0].Pass != 1<<20 {
		t.Errorf("selectors %+v, want each row counted once", keys)
	}
	f := streamFindings(g)
	if len(f) != 1 || f[0].Code != finding.SenderUnnamed || f[0].Text != fmt.Sprintf("%d messages came from %d networks that nothing names, and failed alignment", n-3+2697+2698+2699, n) {
		t.Errorf("findings %+v, want all strangers counted", f)
	}
	if f[0].Evidence[manyStreams] != fmt.Sprintf("and %d more", n-manyStreams) {
		t.Errorf("evidence ends with %q", f[0].Evidence[manyStreams])
	}
}

func TestOnePassIsEnough(t *testing.T) {
	t.Parallel()
	g := gathered(forged(maxGrowing, 0)...)
	if g.again() {
		t.Error("again with room for all wants a second pass")
	}
	g.add(sentBy(1, "192.0.2.10", 1, "", true))
	if _, omitted := g.list(); omitted != maxGrowing-maxStreams {
		t.Errorf("%d streams left out, want %d: nothing is added to what is complete", omitted, maxGrowing-maxStreams)
	}
}

// BenchmarkGather sorts rows of 65,536 networks.
func BenchmarkGather(b *testing.B) {
	rows := forged(1<<16, 100)
	b.ReportAllocs()
	for b.Loop() {
		g := newGathering(byLastOctet)
		for more := true; more; more = g.again() {
			for _, r := range rows {
				g.add(r)
			}
		}
	}
}
