package provider_test

import (
	"testing"

	"github.com/mxmove/mxmove/dnsplan/provider"
)

func TestCatalogueLoads(t *testing.T) {
	t.Parallel()
	for _, name := range provider.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := provider.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			if p.Name != name {
				t.Errorf("name in the file = %q, want %q", p.Name, name)
			}
			if p.Refuse == "" && len(p.MX.Records) == 0 {
				t.Error("no MX")
			}
			t.Logf("%+v", p.Variables)
		})
	}
}
