package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate/lab"
)

// kills is how often the run is killed before it may go to its end.
const kills = 12

// TestKilledMigrate kills the whole run at random moments, in whatever phase
// it stands, and lets mail arrive all the while. At the end everything that
// was accepted anywhere is at the provider exactly once, and undo gives back
// the first zone.
func TestKilledMigrate(t *testing.T) {
	t.Parallel()
	for seed := range uint64(runs(2, 20)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			killedMigrate(t, rand.New(rand.NewPCG(seed, 7)))
		})
	}
}

// runs returns how many seeds are tried: a few, or all of them when the
// torture is asked for.
func runs(few, all int) int {
	if os.Getenv("MXMOVE_TORTURE") != "" {
		return all
	}
	return few
}

func killedMigrate(t *testing.T, random *rand.Rand) {
	domain, err := lab.Start(t.Context(), lab.Options{Messages: 120, Attachment: 256 << 10, TTL: 1, Lag: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	d := universe{domain}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	d.New.SetFaults(imaplab.Faults{Delay: 2 * time.Millisecond})
	dir := filepath.Join(t.TempDir(), "move")
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	first := sets(d.DNS.Zone("example.org."))
	accepted := d.all(d.Old.Lookup, func(p lab.Person) string { return p.User })

	killed := 0
	for n := range kills { // each run begins where the one before was killed
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+random.IntN(900))*time.Millisecond)
		cmd := program(ctx, "migrate", "--quiet", "--until", "switched", "--yes=example.org", "-C", dir)
		out, _ := cmd.CombinedOutput() // killed, or done before: both are fine
		cancel()
		if cmd.ProcessState.ExitCode() > 0 {
			t.Fatalf("run %d ended with %d: %s", n, cmd.ProcessState.ExitCode(), out)
		}
		if cmd.ProcessState.ExitCode() < 0 {
			killed++
			t.Logf("killed %d: %v", n, phaseOf(t, dir))
		}
		accepted = append(accepted, d.post(t, n)...)
	}
	if killed == 0 {
		t.Fatal("no run was killed, so nothing was tried")
	}
	for _, args := range [][]string{
		{"migrate", "--quiet", "--until", "switched", "--yes=example.org"}, {"watch", "--once", "--quiet"}, {"verify", "--quiet", "--hash"},
	} {
		if out, err := program(t.Context(), append(args, "-C", dir)...).CombinedOutput(); err != nil {
			t.Fatalf("mxmove %v: %v\n%s", args, err, out)
		}
	}
	got := d.all(d.New.Lookup, func(p lab.Person) string { return p.Address })
	slices.Sort(accepted)
	slices.Sort(got)
	if !slices.Equal(got, accepted) {
		t.Errorf("%d messages at the provider, %d were accepted; %s", len(got), len(accepted), difference(accepted, got))
	}
	if out, err := program(t.Context(), "undo", "--all", "--quiet", "--yes=example.org", "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("undo --all: %v\n%s", err, out)
	}
	if now := sets(d.DNS.Zone("example.org.")); now != first {
		t.Errorf("the zone after undo --all:\n%s\nwant:\n%s", now, first)
	}
}

// program is mxmove as a process of its own, which a deadline kills.
func program(ctx context.Context, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Args[0] = "mxmove"
	return cmd
}

// A universe is the lab with what the test needs to know of it.
type universe struct{ *lab.Domain }

// all returns a digest of each message of all people on one server, with the
// account in front.
func (d universe) all(lookup func(string) *imaplab.Account, user func(lab.Person) string) []string {
	var all []string
	for _, p := range d.People {
		account := lookup(user(p))
		for _, mb := range account.Mailboxes() {
			for _, m := range account.Messages(mb) {
				all = append(all, fmt.Sprintf("%s %x", p.Address, sha256.Sum256(body(m.Body))))
			}
		}
	}
	return all
}

// body takes off what the receiving server puts on top, so that a message is
// known again whichever server took it.
func body(msg []byte) []byte {
	if i := bytes.Index(msg, []byte("X-Token: ")); i >= 0 {
		return msg[i:]
	}
	return msg
}

// post sends a message to everybody, as the world does: by the DNS, or to the
// old server while some still remember it. It returns what was accepted.
func (d universe) post(t *testing.T, n int) []string {
	var accepted []string
	for i, p := range d.People {
		text := fmt.Sprintf("X-Token: %d-%d\r\nFrom: shop@elsewhere.example\r\nTo: %s\r\nSubject: order\r\nMessage-ID: <%d.%d@elsewhere.example>\r\n\r\nhello\r\n", n, i, p.Address, n, i)
		var err error
		if (n+i)%2 == 0 {
			err = d.DeliverAt(t.Context(), lab.OldMXHost, "shop@elsewhere.example", p.Address, []byte(text))
		} else {
			err = d.Deliver(t.Context(), "shop@elsewhere.example", p.Address, []byte(text))
		}
		if err != nil {
			t.Errorf("message %d to %s bounced: %v", n, p.Address, err)
			continue
		}
		accepted = append(accepted, fmt.Sprintf("%s %x", p.Address, sha256.Sum256([]byte(text))))
	}
	return accepted
}

// sets prints the RRsets of a zone without its SOA, whose serial moves on.
func sets(z zone.Zone) string {
	var b strings.Builder
	for _, s := range z.All() {
		if s.TypeName() != "SOA" {
			data := slices.Sorted(slices.Values(s.Data))
			fmt.Fprintln(&b, s.Name, s.TTL, s.TypeName(), data)
		}
	}
	return b.String()
}

// difference names what is missing and what is too much.
func difference(want, got []string) string {
	count := make(map[string]int)
	for _, w := range want {
		count[w]++
	}
	for _, g := range got {
		count[g]--
	}
	lost, doubled := 0, 0
	for _, n := range count {
		lost, doubled = lost+max(n, 0), doubled+max(-n, 0)
	}
	return fmt.Sprintf("%d lost, %d too many", lost, doubled)
}

// phaseOf tells where a killed run had come to.
func phaseOf(t *testing.T, dir string) string {
	out, err := program(t.Context(), "status", "-C", dir).Output()
	if err != nil {
		t.Fatalf("status after a kill: %v", err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
