package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  mxmove version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if a.json {
				return a.printJSON(v)
			}
			_, err := fmt.Fprintf(a.term.out, "mxmove %s (%s, %s)\n", v.Mxmove, v.Revision, v.Go)
			return err
		},
	}
}

// versionDocument is what version --json prints.
type versionDocument struct {
	Version  int    `json:"version"`
	Mxmove   string `json:"mxmove"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
}

func version() versionDocument {
	v := versionDocument{Version: 1, Mxmove: "(devel)", Revision: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Mxmove = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}
