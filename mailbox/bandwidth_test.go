package mailbox

import (
	"testing"
	"time"
)

func TestBandwidth(t *testing.T) {
	t.Parallel()
	b := &bandwidth{octets: 1000}
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		after time.Duration
		n     int
		want  time.Duration
	}{
		{0, 100, 0},                                 // paid ahead
		{0, 500, 500 * time.Millisecond},            // half a second's worth
		{500 * time.Millisecond, 1000, time.Second}, // nothing left over
		{time.Hour, 100, 0},                         // a pause saves up no more than paidAhead
		{0, 1000, time.Second},
	} {
		now = now.Add(tt.after)
		if got := b.pay(now, tt.n); got != tt.want {
			t.Errorf("pay(%d) = %s, want %s", tt.n, got, tt.want)
		}
	}
}
