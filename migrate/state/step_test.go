package state_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// ticking returns a clock that moves on by an hour at each look.
func ticking() func() time.Time {
	now := noon
	return func() time.Time {
		now = now.Add(time.Hour)
		return now
	}
}

func TestPhase(t *testing.T) {
	t.Parallel()
	type tried struct {
		to      step.Phase
		outcome string // "" was killed
	}
	hours := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	tests := []struct {
		name  string
		steps []tried
		phase step.Phase
		since time.Time
	}{
		{"before the first plan", nil, step.None, time.Time{}},
		{"killed at the first plan", []tried{{step.Planned, ""}}, step.None, time.Time{}},
		{"planned", []tried{{step.Planned, state.Done}}, step.Planned, hours(2)},
		{"planned again", []tried{{step.Planned, state.Done}, {step.Planned, state.Done}}, step.Planned, hours(2)},
		{"refused", []tried{{step.Planned, state.Done}, {step.Prepared, "the plan is stale"}}, step.Planned, hours(2)},
		{"killed later", []tried{{step.Planned, state.Done}, {step.Prepared, ""}}, step.Planned, hours(2)},
		{"prepared", []tried{{step.Planned, state.Done}, {step.Prepared, state.Done}}, step.Prepared, hours(4)},
		{"back and there again", []tried{{step.Planned, state.Done}, {step.Prepared, state.Done}, {step.Undone, state.Done}, {step.Planned, state.Done}, {step.Planned, state.Done}}, step.Planned, hours(8)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := open(t, t.TempDir(), state.Options{Now: ticking()})
			for _, s := range tt.steps {
				id, err := m.Begin(t.Context(), step.Step{Command: "mxmove x", To: s.to})
				if err != nil {
					t.Fatal(err)
				}
				if s.outcome == "" {
					continue
				}
				if err := m.End(t.Context(), step.Step{ID: id, Outcome: s.outcome}); err != nil {
					t.Fatal(err)
				}
			}
			phase, since, err := m.Phase(t.Context())
			if err != nil || phase != tt.phase || !since.Equal(tt.since) {
				t.Errorf("Phase = %q, %v, %v, want %q, %v", phase, since, err, tt.phase, tt.since)
			}
		})
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{Now: ticking()})
	want := step.Step{
		Command: "mxmove cutover", From: step.Prepared, To: step.Switching,
		Began: noon.Add(123456789), Ended: noon.Add(time.Minute), Outcome: "refused by the gate balance",
		Gates:    []step.Result{{Gate: "balance", Outcome: step.Refused, Code: "MX084", Subject: "anna", Text: "2 missing", Evidence: []string{"INBOX: 2"}, Fix: "sync"}},
		Accepted: []step.Acceptance{{Code: "MX084", Reason: "known", Evidence: "abc", Time: noon}},
	}
	var err error
	if want.ID, err = m.Begin(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	running, err := m.Steps(t.Context())
	if err != nil || len(running) != 1 || !running[0].Ended.IsZero() || running[0].Outcome != "" {
		t.Errorf("while it runs: %+v, %v", running, err)
	}
	if err := m.End(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, err := m.Steps(t.Context())
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("Steps = %+v, %v, want %+v", got, err, want)
	}
	if err := m.End(t.Context(), step.Step{ID: want.ID + 1}); err == nil {
		t.Error("a step that never began has ended")
	}
}

func TestObservations(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{Now: ticking()})
	ctx := t.Context()
	seen := []state.Observation{
		{Kind: "visible", Subject: "prepare", At: noon, Value: "2 servers"},
		{Kind: "visible", Subject: "switch", At: noon.Add(time.Hour)},
		// The clock was set back.
		{Kind: "visible", Subject: "prepare", At: noon.Add(-time.Hour)},
	}
	for _, o := range seen {
		if err := m.Observe(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := m.Observations(ctx, "visible", "prepare"); err != nil || !reflect.DeepEqual(got, []state.Observation{seen[0], seen[2]}) {
		t.Errorf("Observations = %+v, %v", got, err)
	}
	if got, err := m.Observations(ctx, "visible", ""); err != nil || !reflect.DeepEqual(got, seen) {
		t.Errorf("Observations of all = %+v, %v", got, err)
	}
	if got, ok, err := m.Latest(ctx, "visible", "prepare"); err != nil || !ok || got != seen[2] {
		t.Errorf("Latest = %+v, %v, %v", got, ok, err)
	}
	if newest, err := m.Newest(ctx); err != nil || !newest.Equal(noon.Add(time.Hour)) {
		t.Errorf("Newest = %v, %v", newest, err)
	}
	if err := m.Forget(ctx, "visible", "prepare"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := m.Latest(ctx, "visible", "prepare"); err != nil || ok {
		t.Errorf("Latest of what was forgotten = %v, %v", ok, err)
	}
	if _, ok, err := m.Latest(ctx, "visible", "switch"); err != nil || !ok {
		t.Errorf("Latest of the other subject = %v, %v", ok, err)
	}
}

func TestNewest(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{Now: ticking()})
	var last time.Time
	for i, write := range []func() error{
		func() error { return nil },
		func() error { _, err := m.Begin(t.Context(), step.Step{}); return err },
		func() error { return m.End(t.Context(), step.Step{ID: 1}) },
		func() error { return m.Observe(t.Context(), state.Observation{Kind: "k"}) },
		func() error { return m.AppendApplied(t.Context(), changes[:1]) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		newest, err := m.Newest(t.Context())
		if err != nil || i == 0 != newest.IsZero() || i > 0 && !newest.After(last) {
			t.Errorf("after write %d: Newest = %v, %v; before it was %v", i, newest, err, last)
		}
		last = newest
	}
}
