package mailbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox"
)

// childEnv holds the task of a process that is there to be killed.
const childEnv = "MXMOVE_TEST_CHILD"

// A task is what such a process copies.
type task struct {
	Source, Target, State, Refused string

	Memory uint64 // the most that it may take, in octets; 0: not bounded
}

// TestChild is a process of its own, to be killed or measured. It passes when
// it says that all is done.
func TestChild(t *testing.T) {
	text := os.Getenv(childEnv)
	if text == "" {
		t.Skip("only another test runs it, as a process of its own")
	}
	var k task
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		t.Fatal(err)
	}
	c := &mailbox.Copier{
		Journal: openJournal(t, k.State),
		Options: mailbox.Options{Settle: time.Millisecond, Refused: k.Refused},
	}
	var peak uint64
	stop := watchMemory(&peak)
	res, err := c.Copy(t.Context(), []mailbox.Account{{
		Name: "anna@example.org", Source: dovecot{addr: k.Source}.side("anna"), Target: dovecot{addr: k.Target}.side("anna"),
	}})
	stop()
	if k.Memory > 0 && peak > k.Memory {
		t.Errorf("the copy took %d MiB, want at most %d", peak>>20, k.Memory>>20)
	}
	if tally := res.Tally(); err != nil || res.Err() != nil || tally.Missing+tally.Doubt > 0 {
		t.Fatalf("Copy() = %v, %v, tally %+v", err, res.Err(), tally)
	}
}

// A siege is a move between two Dovecots, whose process is killed again and
// again while the user of the source goes on working.
type siege struct {
	t              *testing.T
	source, target dovecot
	taps           [2]*tap
	user           *mutator
	chance         *rand.Rand
	task           task
	dir            string
	present        map[string]bool // contents from before a state was lost: their flags may not be carried over
	octets         int64
	killed         int
	flagged        int // messages whose flags were compared
}

// announced is what a Dovecot announces after the login.
const announced = "IMAP4rev1 SASL-IR ENABLE IDLE UNSELECT CHILDREN NAMESPACE ESEARCH CONDSTORE LIST-EXTENDED LIST-STATUS MOVE STATUS=SIZE SPECIAL-USE LITERAL+ UIDPLUS MULTIAPPEND"

// sieges are what the target announces.
var sieges = map[string]string{
	"all": "", "without UIDPLUS": "UIDPLUS", "without MULTIAPPEND": "MULTIAPPEND", "without LITERAL+": "LITERAL+",
}

func newSiege(t *testing.T, hide string, seed uint64) *siege {
	t.Helper()
	caps := slices.DeleteFunc(strings.Fields(announced), func(c string) bool { return c == hide })
	s := &siege{
		t: t, dir: t.TempDir(), chance: rand.New(rand.NewPCG(seed, 4)), present: make(map[string]bool),
		source: newDovecot(t, "source", ".", "maildir:~/Maildir"),
		target: newDovecot(t, "target", "/", "sdbox:~/sdbox", "imap_capability = "+strings.Join(caps, " ")),
	}
	s.taps = [2]*tap{newTap(t, s.source.addr, false), newTap(t, s.target.addr, hide == "UIDPLUS")}
	s.task = task{
		Source: s.taps[0].listener.Addr().String(), Target: s.taps[1].listener.Addr().String(),
		State: filepath.Join(s.dir, "state.db"), Refused: filepath.Join(s.dir, "refused"),
	}
	s.user = newMutator(t, s.source, seed)
	return s
}

// run runs the process, kills it behind some octet that passes one of the
// lines, a moment later, or never, and reports whether it said that all is
// done. The user works meanwhile, until busy is closed.
func (s *siege) run(at int64, busy bool) (done bool, output string) {
	s.t.Helper()
	openJournal(s.t, s.task.State) // makes the tables
	text, err := json.Marshal(s.task)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, kill := context.WithCancel(s.t.Context())
	defer kill()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$", "-test.count=1")
	child.Env = append(os.Environ(), childEnv+"="+string(text))
	later, loses := time.Duration(s.chance.IntN(3000))*time.Microsecond, s.chance.IntN(2) == 0
	if s.chance.IntN(2) == 0 {
		later = 0
	}
	chosen := s.chance.IntN(2)
	for i, p := range s.taps {
		p.begin(0, false, nil)
		if at > 0 && i == chosen {
			p.begin(at, loses && later == 0, func() { time.AfterFunc(later, kill) })
		}
	}
	ended := make(chan struct{})
	working := make(chan struct{})
	go func() {
		defer close(working)
		for busy {
			select {
			case <-ended:
				return
			default:
				s.user.act()
			}
		}
	}()
	out, err := child.CombinedOutput()
	close(ended)
	<-working
	for _, p := range s.taps {
		p.passing.Wait()
	}
	if child.ProcessState == nil {
		s.t.Fatal(err)
	}
	done = child.ProcessState.Success() // a kill may come too late
	if ctx.Err() != nil && !done {
		s.killed++
	}
	return done, string(out)
}

// holds reads the contents of the target's mailbox for one of the source.
func (s *siege) holds(name string) map[string]int {
	s.t.Helper()
	all := make(map[string]int)
	for _, line := range s.target.picture(s.t, strings.ReplaceAll(name, ".", "/")) {
		digest, _, _ := strings.Cut(line, " ")
		all[digest]++
	}
	return all
}

// lost complains of messages whose content is less often at the target than it
// must be.
func (s *siege) lost(when string, want map[string][]item) {
	s.t.Helper()
	for _, name := range mutated {
		there := s.holds(name)
		for _, it := range want[name] {
			if there[it.content]--; there[it.content] < 0 {
				s.t.Errorf("%s: UID %d of %s is not at the target\n%s", when, it.uid, name, s.story(it.content))
			}
		}
	}
}

// doubled complains of contents that are more often at the target than they
// ever were at the source. Trash also takes copies of what has left another
// mailbox: it was deleted, or brought to its new place before that was noticed.
func (s *siege) doubled(when string) {
	s.t.Helper()
	for _, name := range mutated {
		for digest, n := range s.holds(name) {
			most := s.user.ever[name][digest]
			if name == "Trash" {
				most += s.user.gone[digest]
			}
			if n > most {
				s.t.Errorf("%s: %s holds %d of a content that was there %d times\n%s", when, name, n, most, s.story(digest))
			}
		}
	}
}

// story tells where a content is and what the books say of it.
func (s *siege) story(digest string) string {
	var b strings.Builder
	for _, name := range mutated {
		fmt.Fprintf(&b, "%s: %d at the target", name, s.holds(name)[digest])
		for _, it := range s.user.snapshot()[name] {
			if it.content == digest {
				fmt.Fprintf(&b, ", UID %d at the source", it.uid)
			}
		}
		b.WriteString("\n")
	}
	for _, line := range s.user.diary {
		if strings.Contains(line, digest) || !strings.Contains(line, " UID ") {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// still tells which messages of before are where they were.
func still(before, now map[string][]item) map[string][]item {
	all := make(map[string][]item)
	for name, items := range before {
		for _, it := range items {
			if slices.Contains(now[name], it) {
				all[name] = append(all[name], it)
			}
		}
	}
	return all
}

// kill lets the process die once, at a place that chance chooses.
func (s *siege) kill(n int) {
	s.t.Helper()
	before := s.user.snapshot()
	s.user.note(fmt.Sprintf("kill %d", n))
	at := 1 + s.chance.Int64N(max(2000, s.octets))
	if done, _ := s.run(at, true); done {
		s.lost(fmt.Sprintf("kill %d, said to be done", n), still(before, s.user.snapshot()))
	}
}

// end runs the process in peace, which has to bring everything.
func (s *siege) end(when string) {
	s.t.Helper()
	if done, out := s.run(0, false); !done {
		s.t.Fatalf("%s: a run in peace does not end well:\n%s", when, out)
	}
	s.octets = max(s.taps[0].octets(), s.taps[1].octets())
	s.lost(when, s.user.snapshot())
	s.doubled(when)
	s.flags(when)
}

// age lets the state be lost now and then, or comes back with an older one.
func (s *siege) age(n int) {
	s.t.Helper()
	old := filepath.Join(s.dir, fmt.Sprintf("state%d.db", n/10))
	switch n % 10 {
	case 2:
		if err := os.Rename(copyState(s.t, s.task.State), old); err != nil {
			s.t.Fatal(err)
		}
	case 6:
		s.user.note("state of yesterday")
		s.task.State = old
		s.forgotten()
	case 9:
		if s.chance.IntN(3) == 0 {
			s.user.note("state lost")
			s.forgotten()
			s.task.State = filepath.Join(s.dir, fmt.Sprintf("anew%d.db", n))
		}
	}
}

// forgotten notes what may be found at the target without having been sent by
// the state's own account: its flags there are taken for somebody else's.
func (s *siege) forgotten() {
	for _, contents := range s.user.ever {
		for digest := range contents {
			s.present[digest] = true
		}
	}
}

// TestRealDovecotKilledAgainAndAgain kills processes that copy between real
// servers, while the source changes.
func TestRealDovecotKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	if os.Getenv("MXMOVE_TEST_REAL") == "" {
		t.Skip("MXMOVE_TEST_REAL is not set")
	}
	kills := 8
	if os.Getenv("MXMOVE_TORTURE") != "" {
		kills = 200
	}
	for name, hide := range sieges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSiege(t, hide, uint64(len(name)))
			s.octets = 200_000
			for n := range kills {
				s.kill(n)
				if s.age(n); n%4 == 3 {
					s.end(fmt.Sprintf("after kill %d", n))
				}
				if t.Failed() {
					return
				}
			}
			s.end("at the end")
			if s.killed == 0 || s.flagged == 0 {
				t.Errorf("%d of %d processes were killed, and the flags of %d messages compared", s.killed, kills, s.flagged)
			}
			t.Logf("%d kills, flags compared %d times", s.killed, s.flagged)
		})
	}
}

// flags compares the flags and dates of the messages that the state of now has
// seen coming.
func (s *siege) flags(when string) {
	s.t.Helper()
	for _, name := range mutated {
		here, there := s.source.picture(s.t, name), s.target.picture(s.t, strings.ReplaceAll(name, ".", "/"))
		for _, line := range here {
			digest, _, _ := strings.Cut(line, " ")
			if s.present[digest] {
				continue
			}
			s.flagged++
			if _, found := slices.BinarySearch(there, line); !found {
				s.t.Errorf("%s: %s: %s is not at the target with these flags\n%s", when, name, line, s.story(digest))
			}
		}
	}
}
