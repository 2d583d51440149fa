package migrate_test

import (
	"slices"
	"testing"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// TestStatusTellsOfClients wants the known delay of Microsoft's own service to
// be told once the MX leads there, and no change of the DNS to be made of it.
func TestStatusTellsOfClients(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		provider string
		until    step.Phase
		want     bool
	}{{"microsoft365", step.Switched, true}, {"microsoft365", step.Prepared, false}, {"lab", step.Switched, false}} {
		t.Run(tt.provider+" "+string(tt.until), func(t *testing.T) {
			t.Parallel()
			h := startHome(t, small)
			if tt.provider != "lab" {
				h.edit(t, "provider.yaml", "name: lab", "name: "+tt.provider)
			}
			if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: tt.until}); err != nil {
				t.Fatal(err)
			}
			s, err := h.open(t).Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.ContainsFunc(s.Yours, func(y migrate.Yours) bool { return y.Code == finding.ClientCaches }); got != tt.want {
				t.Errorf("status tells of clients: %v, want %v", got, tt.want)
			}
		})
	}
}
