// Package migrate is the order of things: which step comes when, which gates
// it has to pass, and how it is taken back. It joins the two halves that do
// not know each other, DNS and mailboxes, with the move directory in which
// everything is remembered.
package migrate

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/mailbox/oauth"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// Options are what a move needs from the outside. The zero value works for
// commands that need no secret and change no DNS.
type Options struct {
	// Secret resolves a secret; nil refuses every one.
	Secret func(config.Secret) (string, error)
	// Renew resolves a secret anew that may have changed since: the token of
	// a command or a file. nil takes what Secret gives.
	Renew func(config.Secret) (string, error)
	// SignIn tells a person to sign in at an address with a code, and returns
	// at once; nil: nobody can be asked.
	SignIn func(context.Context, oauth.SignIn) error
	// Confirm asks a person before DNS is changed; nil refuses.
	Confirm func(context.Context, Confirmation) error
	// Events receives what happens, from several goroutines, one at a time.
	Events func(Event)
	// Clock is the system's when nil.
	Clock Clock
	// Accept lets gates pass, with a reason.
	Accept []Accept
	// DryRun prints what would happen and changes nothing.
	DryRun bool
	// Log is for finding out why; nil discards.
	Log *slog.Logger
}

// A Confirmation is what a person has to agree to.
type Confirmation struct {
	Command string
	Domain  string // to be typed
	Text    string // the changes, as the plan prints them

	// Step names a step of the hardening calendar. It is agreed to by itself:
	// what answers ahead for a command does not answer for it, unless Ahead
	// says that the step was asked for by its name.
	Step  string
	Ahead bool
}

// A Move is a move directory and its configuration. Its methods are the
// commands; each takes the locks that it needs, so that a Move may live long.
type Move struct {
	Config *config.Config
	o      Options
	wallet wallet

	accepted map[string]shownBefore // by command: what a person's word has covered so far
}

// Open reads the configuration of a move directory and checks that it can be
// trusted. Nothing is written.
func Open(dir string, o Options) (*Move, error) {
	if err := config.CheckDir(dir); err != nil {
		return nil, err
	}
	c, err := config.Load(filepath.Join(dir, config.File))
	if err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Move{Config: c, o: o, accepted: make(map[string]shownBefore)}, nil
}

// A run is one command at work: the move with its state open.
type run struct {
	*Move
	state *state.Move
}

// locked runs fn with the lock held and the state open for writing.
func (m *Move) locked(ctx context.Context, command string, fn func(*run) error) error {
	lock, err := state.TakeLock(m.Config.Dir, command, m.o.Clock.Now())
	if err != nil {
		return err
	}
	defer lock.Close()
	return m.opened(ctx, fn)
}

// opened runs fn with the state open for writing. The lock is held by locked,
// its only caller.
func (m *Move) opened(ctx context.Context, fn func(*run) error) error {
	st, err := state.Open(ctx, m.Config.Dir, m.stateOptions())
	if err != nil {
		return err
	}
	err = fn(&run{Move: m, state: st})
	if closing := st.Close(); err == nil && closing != nil {
		err = fmt.Errorf("close state: %w", closing)
	}
	return err
}

// read runs fn with the state open for reading: it works beside any other
// command, and before there is a state at all.
func (m *Move) read(ctx context.Context, fn func(*run) error) error {
	st, err := state.OpenReadOnly(ctx, m.Config.Dir, m.stateOptions())
	if err != nil {
		return err
	}
	defer st.Close()
	return fn(&run{Move: m, state: st})
}

func (m *Move) stateOptions() state.Options {
	schemas := []state.Schema{{Name: "journal", Migrations: journal.Schema}, {Name: reportsName, Migrations: reportSchema}}
	return state.Options{Schemas: schemas, Now: m.o.Clock.Now, Log: m.o.Log}
}

// say tells a person something that has no JSON form.
func (m *Move) say(format string, args ...any) {
	m.emit(Event{Type: Talk, Text: fmt.Sprintf(format, args...)})
}

func (m *Move) emit(e Event) {
	if m.o.Events == nil {
		return
	}
	e.Version, e.Time = 1, m.o.Clock.Now()
	m.o.Events(e)
}

// phase returns where the world stands.
func (r *run) phase(ctx context.Context) (step.Phase, error) {
	phase, _, err := r.state.Phase(ctx)
	return phase, err
}

// domains returns the domain and its alias domains, the domain first.
func (m *Move) domains() []string {
	ds := []string{m.Config.Domain}
	for _, a := range m.Config.AliasDomains {
		ds = append(ds, a.Domain)
	}
	return ds
}
