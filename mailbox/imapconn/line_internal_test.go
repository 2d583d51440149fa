package imapconn

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"
	"time"
)

// A stretch is a time for which some connection waited, in milliseconds from
// the beginning, and the octets that came of it.
type stretch struct {
	from, to, octets int
}

func TestLine(t *testing.T) {
	t.Parallel()
	const mega = 1_000_000
	tests := []struct {
		name      string
		line      *Line
		stretches []stretch
		narrow    bool
	}{
		{"nothing known", &Line{}, nil, false},
		{"known ahead", &Line{Narrow: true}, nil, true},
		{"narrow", &Line{}, []stretch{{0, 1500, 3 * mega}, {1500, 3000, 3 * mega}}, true},
		{"narrow, for too short", &Line{}, []stretch{{0, 2999, 3 * mega}}, false},
		{"wide", &Line{}, []stretch{{0, 3000, 40 * mega}}, false},
		{"wide, then narrow", &Line{}, []stretch{{0, 3000, 400 * mega}, {3000, 6000, 30 * mega}}, true},
		{"too little to tell", &Line{}, []stretch{{0, 60_000, mega}}, false},
		{"two at the same time", &Line{}, []stretch{{0, 1600, 15 * mega}, {0, 1600, 15 * mega}}, false},
		{"two one after the other", &Line{}, []stretch{{0, 1600, 15 * mega}, {1600, 3200, 15 * mega}}, true},
		{"two that overlap", &Line{}, []stretch{{0, 1600, 15 * mega}, {1000, 2600, 15 * mega}}, false},
		{"busy otherwise", &Line{}, []stretch{{0, 100, 3 * mega}, {60_000, 60_100, 3 * mega}}, false},
		{"by another rate", &Line{Below: 100 * mega}, []stretch{{0, 3000, 200 * mega}}, true},
		{"after another time", &Line{After: time.Second}, []stretch{{0, 1000, 3 * mega}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
			for _, s := range tt.stretches {
				tt.line.passed(s.octets, at(s.from), at(s.to))
			}
			if got := tt.line.pays(); got != tt.narrow || tt.line.asks() == tt.narrow {
				t.Errorf("pays() = %v, want %v; asks() = %v", got, tt.narrow, tt.line.asks())
			}
			if !tt.line.spare() || tt.line.spare() || tt.line.pays() || tt.line.asks() {
				t.Error("after spare() the line still pays or asks, or it was news twice")
			}
		})
	}
}

// TestGauge counts waits for the line, and none for the server.
func TestGauge(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	tests := []struct {
		name string
		talk func(g *gauge, l *Line)
		want time.Duration // waited, to 50 ms
	}{
		{"octets come", func(g *gauge, l *Line) {
			g.coming.Store(l)
			g.came(1000, 0, ago(300*time.Millisecond))
		}, 300 * time.Millisecond},
		{"the first after a question", func(g *gauge, l *Line) {
			g.coming.Store(l)
			g.asked(0)
			g.asked(1)
			g.came(1000, 0, ago(300*time.Millisecond))
		}, 0},
		{"another after a question", func(g *gauge, l *Line) {
			g.coming.Store(l)
			g.asked(1)
			g.came(1000, 0, ago(300*time.Millisecond))
		}, 300 * time.Millisecond},
		{"a silence", func(g *gauge, l *Line) {
			g.coming.Store(l)
			g.came(1000, 0, ago(2*time.Second))
		}, 0},
		{"octets leave", func(g *gauge, l *Line) {
			g.leaving.Store(l)
			g.left(1000, ago(300*time.Millisecond))
		}, 300 * time.Millisecond},
		{"an answer to much", func(g *gauge, l *Line) {
			g.leaving.Store(l)
			g.trip.Store(int64(100 * time.Millisecond))
			g.came(100, 50_000, ago(300*time.Millisecond))
			g.came(100, 50_100, ago(300*time.Millisecond))
		}, 200 * time.Millisecond},
		{"an answer to little", func(g *gauge, l *Line) {
			g.leaving.Store(l)
			g.came(100, 4000, ago(300*time.Millisecond))
			g.came(100, 8000, ago(300*time.Millisecond))
		}, 0},
		{"not measured", func(g *gauge, _ *Line) {
			g.came(1000, 50_000, g.began())
			g.left(1000, g.began())
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, l := new(gauge), new(Line)
			tt.talk(g, l)
			if off := l.waited - tt.want; off < -50*time.Millisecond || off > 50*time.Millisecond {
				t.Errorf("waited %s, want %s", l.waited, tt.want)
			}
		})
	}
}

// FuzzStored reads what goes out framed as a server does.
func FuzzStored(f *testing.F) {
	f.Add([]byte("A1 NOOP\r\n"), []byte("A2 NOOP\r\n"))
	f.Add([]byte{}, bytes.Repeat([]byte("x"), 3*maxStored/2))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var line bytes.Buffer
		s := stored{&line}
		for _, p := range [][]byte{one, two} {
			if n, err := s.Write(p); n != len(p) || err != nil {
				t.Fatalf("Write() of %d octets = %d, %v", len(p), n, err)
			}
		}
		want := append(bytes.Clone(one), two...)
		got := make([]byte, len(want))
		// There is no end to the stream: all of it must come without one.
		if _, err := io.ReadFull(flate.NewReader(&line), got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d octets are read as %d others, %v", len(want), len(got), err)
		}
	})
}
