package migrate

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/handout"
)

// A Handout is a text for people, as handout --json prints it.
type Handout struct {
	Version int          `json:"version"`
	Kind    handout.Kind `json:"kind"`
	Text    string       `json:"text"`
}

// HandoutOptions say what only the caller knows.
type HandoutOptions struct {
	Program string // the path of mxmove
	Dir     string // the absolute path of the move directory
}

// Handout fills in one of the texts. It reads the configuration, the account
// list, the provider's facts and the old server's files; it asks nobody, takes
// no lock and writes nothing. An account list that is not there yet leaves
// its part out.
func (m *Move) Handout(ctx context.Context, kind handout.Kind, o HandoutOptions) (Handout, error) {
	h := Handout{Version: 1, Kind: kind}
	err := m.read(ctx, func(r *run) error {
		p, _, err := r.provider()
		if err != nil {
			return err
		}
		in := handout.Move{Config: r.Config, Provider: p, Program: o.Program, Dir: o.Dir}
		if file := r.Config.Accounts; file != "" {
			if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
				if in.Accounts, err = config.LoadAccounts(file, r.Config.Domain); err != nil {
					return err
				}
			}
		}
		if in.Old, err = r.oldAddresses(ctx); err != nil {
			return err
		}
		h.Text, err = handout.Text(kind, in)
		return err
	})
	return h, err
}
