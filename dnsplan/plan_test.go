package dnsplan_test

import (
	"testing"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/migrate/finding"
)

func TestStageRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sev  finding.Severity
		from string
		want [4]bool // of prepare, switch, retire, harden
	}{
		{finding.Block, "", [4]bool{true, true, true, true}},
		{finding.Block, "prepare", [4]bool{true, true, true, true}},
		{finding.Block, "switch", [4]bool{false, true, true, true}},
		{finding.Block, "harden", [4]bool{false, false, false, true}},
		{finding.Block, "later", [4]bool{true, true, true, true}},
		{finding.Warn, "", [4]bool{}},
		{finding.Note, "switch", [4]bool{}},
	}
	for _, tt := range tests {
		for i, s := range dnsplan.Stages {
			if got := s.Refuses(finding.Finding{Severity: tt.sev, Stage: tt.from}); got != tt.want[i] {
				t.Errorf("%s refuses a %s from %q on = %v, want %v", s, tt.sev, tt.from, got, tt.want[i])
			}
		}
	}
}
