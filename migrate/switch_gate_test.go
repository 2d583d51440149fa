package migrate

import (
	"errors"
	"testing"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/step"
)

func TestSwitchGates(t *testing.T) {
	t.Parallel()
	away := errors.New("no answer")
	tests := []struct {
		name string
		got  step.Result
		want step.Outcome
	}{
		{"everything is shown", visibleGate(showing{All: true}, nil), step.Passed},
		{"a secondary lags", visibleGate(showing{Lag: "ns2 does not show example.org."}, nil), step.Refused},
		{"nobody answers", visibleGate(showing{}, away), step.NotMeasured},
		{"the way back is open", undoGate([]mailbox.RightResult{{Account: "anna"}}), step.Passed},
		{"one account is read-only", undoGate([]mailbox.RightResult{{Account: "anna"}, {Account: "bert", Err: mailbox.ErrReadOnly}}), step.Refused},
		{"nobody was tried", undoGate(nil), step.NotMeasured},
		{"the probe passed", provenGate(&DMARCRecord{DMARC: "pass"}, nil), step.Passed},
		{"the probe failed", provenGate(&DMARCRecord{DMARC: "fail"}, nil), step.Refused},
		{"the probe was not measured", provenGate(&DMARCRecord{DMARC: "not-measured"}, nil), step.Refused},
		{"no probe mailbox", provenGate(nil, nil), step.NotMeasured},
		{"the probe did not arrive", provenGate(nil, away), step.NotMeasured},
	}
	for _, tt := range tests {
		if tt.got.Outcome != tt.want {
			t.Errorf("%s: %s gate is %s, want %s", tt.name, tt.got.Gate, tt.got.Outcome, tt.want)
		}
		if tt.want != step.Passed && (tt.got.Code == "" || tt.got.Fix == "") {
			t.Errorf("%s: refusal without a code or a remedy: %+v", tt.name, tt.got)
		}
	}
}

func TestLastOfEach(t *testing.T) {
	t.Parallel()
	first := dnsplan.Change{Zone: "example.org.", Before: mx(86400, "10 old."), After: mx(3600, "10 old.")}
	second := dnsplan.Change{Zone: "example.org.", Before: mx(3600, "10 old."), After: mx(300, "10 old.")}
	got := lastOfEach([]dnsplan.Change{first, second})
	if len(got) != 1 || got[0].After.TTL != 300 {
		t.Errorf("lastOfEach = %v, want the second change alone", got)
	}
}
