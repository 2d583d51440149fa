package mailbox

import (
	"sync/atomic"
	"time"
)

// A Hold names what a copy waits for most.
type Hold string

// The holds.
const (
	HoldSource    Hold = "source"  // the source, or the line to it, gives no more
	HoldTarget    Hold = "target"  // the target, or the line to it, takes no more
	HoldBandwidth Hold = "bwlimit" // Options.Bandwidth
)

// holds adds up for what the writers of an account have waited; bandwidth is
// the readers' own wait.
type holds struct{ source, target, bandwidth atomic.Int64 }

// leastHold is the waiting below which nothing can be said yet.
const leastHold = 200 * time.Millisecond

// most returns what was waited for most, empty where that is too little. While
// the source is kept waiting on purpose it seems to give no more.
func (h *holds) most() Hold {
	bandwidth := h.bandwidth.Load()
	hold, longest := Hold(""), int64(leastHold)
	for _, one := range []struct {
		hold   Hold
		waited int64
	}{{HoldBandwidth, bandwidth}, {HoldTarget, h.target.Load()}, {HoldSource, h.source.Load() - bandwidth}} {
		if one.waited >= longest {
			hold, longest = one.hold, one.waited
		}
	}
	return hold
}

// since adds the time since began to one of the holds.
func since(hold *atomic.Int64, began time.Time) { hold.Add(int64(time.Since(began))) }
