package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// A tone is how something is coloured, and a class of the style: good only
// for what was measured and found well.
type tone string

const (
	good    tone = "good"
	care    tone = "care"  // somebody should look
	bad     tone = "bad"   // something is wrong
	unknown tone = "blank" // not measured
	plain   tone = "plain" // neither
)

// A page is a document with what the template asks about it.
type page struct {
	Document
	Rail     []stop
	Hero     verdict
	Sum      verdict // of the balance
	Tiles    []tile
	Accounts []account
	Probes   []probed
	Plot     *plot // of who sends, nil without a report
	Steps    []entry
	Columns  []count // the states that some message of some account is in
	Extra    bool    // something is at the target only
}

// A verdict is a sentence with its tone.
type verdict struct {
	Tone       tone
	Word, Text string
}

// A stop is a phase on the way; Reached says that the move has been there.
type stop struct {
	Phase         string
	Reached, Here bool
}

// A tile is one number that matters, and where it comes from.
type tile struct {
	Tone              tone
	Name, Value, Text string
	Anchor            string
}

func newPage(d Document) page {
	p := page{Document: d, Rail: rail(d.Status), Hero: hero(d)}
	if d.Total != nil {
		p.Columns, p.Extra = some(d.Total.Tally), d.Total.Extra > 0
		p.Sum = weigh(*d.Total, d.Balance.Balanced, p.Outdated())
	}
	p.Accounts, p.Probes, p.Steps = p.accounts(), probes(d), timeline(d)
	p.Plot = newPlot(d)
	p.Tiles = []tile{p.mailTile(), p.probeTile(), d.zoneTile(), d.findingTile()}
	return p
}

// rail is the way of a move. An undone move stands beside it.
func rail(s migrate.Status) []stop {
	phases := []step.Phase{step.Planned, step.Prepared, step.Switching, step.Switched, step.Settled, step.Closed}
	if s.Phase != nil && *s.Phase == string(step.Undone) {
		phases = []step.Phase{step.Planned, step.Prepared, step.Undone}
	}
	here := -1
	if s.Phase != nil {
		here = slices.Index(phases, step.Phase(*s.Phase))
	}
	stops := make([]stop, 0, len(phases))
	for i, p := range phases {
		stops = append(stops, stop{string(p), i <= here, i == here})
	}
	return stops
}

// hero says where the move stands and whether that is safe. What a person let
// pass is not what was measured, so it is never good.
func hero(d Document) verdict {
	v := verdict{Tone: good, Word: "It is safe", Text: d.Status.Safe.Because}
	if !d.Status.Safe.Value {
		v.Tone, v.Word = care, "Not safe yet"
		return v
	}
	if n := waved(d); n > 0 {
		v.Tone = care
		v.Text += fmt.Sprintf("; %s passed on a person's word, not by measuring", plural(n, "gate"))
	}
	return v
}

// waved counts the gates on the way to the present phase that a person let
// pass.
func waved(d Document) int {
	if d.Status.Phase == nil {
		return 0
	}
	n := 0
	for _, s := range d.Steps {
		switch {
		case s.Outcome != state.Done:
			continue
		case s.To == step.Planned || s.To == step.Undone:
			n = 0 // a new beginning
		}
		for _, g := range s.Gates {
			if g.Outcome == step.Accepted {
				n++
			}
		}
	}
	return n
}

// mailTile says whether every message is accounted for.
func (p page) mailTile() tile {
	t := tile{Name: "Messages", Anchor: "balance", Tone: unknown, Value: "not measured", Text: "no verify of all accounts yet"}
	if p.Balance == nil {
		return t
	}
	t.Tone, t.Value, t.Text = p.Sum.Tone, number(p.Total.Messages), p.Sum.Text
	return t
}

// weigh judges a sum: the numbers have to bear out what the balance says of
// itself, and what was measured before the switch is not good any more.
func weigh(t Total, balanced, outdated bool) verdict {
	switch {
	case t.Missing+t.Doubt+t.Differs > 0:
		return verdict{bad, "not balanced", fmt.Sprintf("%s missing, %s in doubt, %s different", number(t.Missing), number(t.Doubt), number(t.Differs))}
	case t.Unread > 0:
		return verdict{unknown, "not all read", number(t.Unread) + " could not be read"}
	case !balanced || !adds(t.Tally):
		return verdict{bad, "not balanced", "the sums do not balance"}
	case t.Messages == 0:
		return verdict{plain, "empty", "there was nothing to compare"}
	case outdated:
		return verdict{plain, "balanced before the switch", "balanced, but measured before the switch"}
	}
	return verdict{good, "balanced", "none missing, none in doubt"}
}

// Outdated reports whether the balance was measured before the MX was
// switched: what arrived since is not in it.
func (p page) Outdated() bool {
	at := p.switchedAt()
	return p.BalancedAt != nil && at != nil && p.BalancedAt.Before(*at)
}

// switchedAt returns when every authoritative server showed the new MX, nil
// if they do not.
func (d Document) switchedAt() *time.Time {
	for _, s := range d.Stages {
		if s.Stage == dnsplan.Switch {
			return s.Seen
		}
	}
	return nil
}

// probeTile gives the last probe; one from before the switch proves nothing
// about after it.
func (p page) probeTile() tile {
	t := tile{Name: "Alignment", Anchor: "alignment", Tone: unknown, Value: "not measured", Text: "no probe was sent"}
	if len(p.Probes) == 0 {
		return t
	}
	last := p.Probes[0]
	t.Tone, t.Value, t.Text = last.Tone, last.Word(), "last probe "+when(last.Time)
	if last.Early {
		t.Text = "last probe before the switch"
	}
	return t
}

func (d Document) zoneTile() tile {
	t := tile{Name: "DNS", Anchor: "dns", Tone: unknown, Value: "not planned", Text: "no plan was shown yet"}
	done, all, unseen := 0, 0, false
	for _, s := range d.Stages {
		here := s.Done()
		done, all = done+here, all+len(s.Changes)
		unseen = unseen || here > 0 && s.Seen == nil
	}
	if all == 0 && d.Provider == "" {
		return t
	}
	t.Tone, t.Value, t.Text = plain, fmt.Sprintf("%d of %d", done, all), "changes published"
	if unseen {
		t.Tone, t.Text = care, "changes published, some of them not seen everywhere"
	}
	return t
}

func (d Document) findingTile() tile {
	if d.Provider == "" {
		return tile{Name: "Findings", Anchor: "findings", Tone: unknown, Value: "not looked", Text: "no plan was shown yet"}
	}
	block, warn := finding.Count(d.Findings, finding.Block), finding.Count(d.Findings, finding.Warn)
	t := tile{Name: "Findings", Anchor: "findings", Tone: plain, Value: number(len(d.Findings)), Text: "none that blocks or warns"}
	switch {
	case block > 0:
		t.Tone, t.Text = bad, fmt.Sprintf("%d block, %d warn", block, warn)
	case warn > 0:
		t.Tone, t.Text = care, plural(warn, "warning")
	}
	return t
}

// Phase is the present phase as a heading.
func (p page) Phase() string {
	if p.Status.Phase == nil || *p.Status.Phase == "" {
		return "Not planned yet"
	}
	return strings.ToUpper((*p.Status.Phase)[:1]) + (*p.Status.Phase)[1:]
}

// LastCopy is the last copy of all accounts, nil if there was none.
func (p page) LastCopy() *migrate.CopyRecord {
	if len(p.Copies) == 0 {
		return nil
	}
	return &p.Copies[len(p.Copies)-1]
}

// LastSweep is when every account was last read for late mail.
func (p page) LastSweep() time.Time { return slices.MaxFunc(p.Sweeps, time.Time.Compare) }

// State says in words what came of a stage. Where the configuration named the
// servers to ask, nobody knows what the world's show.
func (p page) State(s Stage) verdict {
	done := s.Done()
	switch {
	case len(s.Changes) == 0:
		return verdict{Tone: plain, Word: "nothing to change"}
	case done == 0:
		return verdict{Tone: plain, Word: "not published"}
	case done < len(s.Changes):
		return verdict{Tone: care, Word: fmt.Sprintf("%d of %d published", done, len(s.Changes))}
	case s.Seen == nil:
		return verdict{Tone: care, Word: "published, not seen everywhere yet"}
	case p.named():
		return verdict{Tone: care, Word: "seen on the servers that were named", Text: when(s.Seen)}
	}
	return verdict{Tone: good, Word: "seen on every authoritative server", Text: when(s.Seen)}
}

// named reports whether a gate or the plan says that the servers to ask were
// named by hand.
func (d Document) named() bool {
	for _, s := range d.Steps {
		if slices.ContainsFunc(s.Gates, func(r step.Result) bool { return r.Code == finding.ServersChosen }) {
			return true
		}
	}
	return slices.ContainsFunc(d.Findings, func(f finding.Finding) bool { return f.Code == finding.ServersChosen })
}

// Due reports whether the next command has to wait.
func (p page) Due() bool {
	return p.Status.Next.NotBefore != nil && p.Status.Next.NotBefore.After(p.Made)
}

// Severity gives the tone of a finding.
func (p page) Severity(s finding.Severity) tone {
	switch s {
	case finding.Block:
		return bad
	case finding.Warn:
		return care
	}
	return plain
}

// Refuses says which stages a finding holds back, or nothing where it holds
// back none.
func (p page) Refuses(f finding.Finding) string {
	switch {
	case f.Severity != finding.Block:
		return ""
	case f.Stage == "":
		return "every stage"
	}
	return "from the " + f.Stage + " stage on; what comes before may be published"
}

// Title is the title of a code's page.
func (p page) Title(c finding.Code) string { return finding.Title(c) }

// plural counts things whose word takes an s.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return number(n) + " " + word + "s"
}
