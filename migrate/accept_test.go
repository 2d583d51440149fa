package migrate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// TestAcceptanceIsVoidWhenEvidenceGrows refuses the switch for one exchanger
// that the MTA-STS policy does not list, and has it accepted when there are
// two: the person has seen one. What has shrunk is covered.
func TestAcceptanceIsVoidWhenEvidenceGrows(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 1, Attachment: 1 << 10, TTL: 1})
	policy := servePolicy(t, h)
	both, one, none := policyText+"mx: *.provider.example\n", policyText+"mx: mx1.provider.example\n", policyText
	policy.Store(&both)
	h.ready(t, time.Hour)
	refused := func(served *string, want string) {
		t.Helper()
		policy.Store(served)
		err := h.cutover(t)
		gate, ok := errors.AsType[*migrate.GateError](err)
		if !ok || len(gate.Refused()) != 1 || gate.Refused()[0].Code != finding.STSRefusesNewMX || strings.Contains(gate.Refused()[0].Text, "void") != (want == "void") {
			t.Fatalf("cutover = %v, want the policy gate to refuse: %s", err, want)
		}
	}
	refused(&one, "shown")
	h.o.Accept = []migrate.Accept{{Code: finding.STSRefusesNewMX, Reason: "the second one is asleep"}}
	refused(&none, "void")
	policy.Store(&one)
	if err := h.cutover(t); err != nil {
		t.Fatalf("cutover with less than was shown last = %v", err)
	}
	if got := h.phase(t); got != step.Switched {
		t.Errorf("the phase is %s, want switched", got)
	}
}
