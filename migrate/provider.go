package migrate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
)

// provider returns the provider of the move: the pinned file once there is
// one, so that an upgrade in the middle of a move changes nothing unseen. The
// finding says when this program knows other facts.
func (r *run) provider() (*provider.Provider, *finding.Finding, error) {
	p, drift, err := r.chosenProvider()
	if err != nil {
		return nil, nil, err
	}
	return p.Located(provider.Vars(r.Config.Vars)), drift, nil
}

// chosenProvider returns it as its file has it, variables and all.
func (r *run) chosenProvider() (*provider.Provider, *finding.Finding, error) {
	fresh, err := r.freshProvider()
	if err != nil {
		return nil, nil, err
	}
	pinned, err := r.state.PinnedProvider()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fresh, nil, nil
	case err != nil:
		return nil, nil, err
	case bytes.Equal(pinned, fresh.Raw):
		return fresh, nil, nil
	}
	p, err := provider.Parse(r.state.Path("provider.yaml"), pinned)
	if err != nil {
		return nil, nil, err
	}
	if p.Name != fresh.Name {
		return fresh, nil, nil // another provider was chosen, so another plan follows
	}
	return p, &finding.Finding{
		Severity: finding.Warn, Code: finding.ProviderDrift, Subject: p.Name,
		Text:     "the provider's facts pinned at the first plan differ from those of this program; the pinned ones are used",
		Evidence: []string{},
		Fix:      "compare them with mxmove providers " + p.Name + "; delete .mxmove/provider.yaml to take the new ones",
	}, nil
}

// freshProvider reads the provider that the configuration names.
func (m *Move) freshProvider() (*provider.Provider, error) {
	c := m.Config
	if c.ProviderFile != "" {
		// It names the hosts that passwords are sent to.
		if err := config.CheckFile(c.ProviderFile); err != nil {
			return nil, err
		}
		data, err := os.ReadFile(c.ProviderFile)
		if err != nil {
			return nil, &config.Error{File: c.File, Text: "provider file: " + err.Error(), Fix: "name a readable file", Err: err}
		}
		p, err := provider.Parse(c.ProviderFile, data)
		if err != nil {
			return nil, &config.Error{File: c.ProviderFile, Text: err.Error(), Err: err}
		}
		return p, nil
	}
	p, err := provider.Load(c.Provider)
	if errors.Is(err, provider.ErrUnknown) {
		fix := "mxmove providers lists them; a file of your own is named ./file.yaml"
		if near := provider.Nearest(c.Provider); near != "" {
			fix = fmt.Sprintf("did you mean %q? %s", near, fix)
		}
		return nil, &config.Error{File: c.File, Text: fmt.Sprintf("unknown provider %q", c.Provider), Fix: fix, Err: err}
	}
	return p, err
}
