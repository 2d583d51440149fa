package migrate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/inventory"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// maxLogs bounds the files that the patterns of inventory.maillog match.
const maxLogs = 1000

// addressFacts gathers the three sets: what the account list names, what the
// old server accepts, and, if ask is set, what the new MX says to it.
func (r *run) addressFacts(ctx context.Context, p *provider.Provider, ask bool) (AddressFacts, error) {
	f := AddressFacts{Domains: r.domains(), Listed: make(map[string]string), Users: make(map[string]bool)}
	rows, err := config.LoadAccounts(r.Config.Accounts, r.Config.Domain)
	if err != nil {
		return f, err
	}
	f.Rows = rows
	file := filepath.Base(r.Config.Accounts)
	for _, row := range rows {
		for _, user := range asAddresses(row, f.Domains) {
			f.Users[user] = true
		}
		f.Aliases = f.Aliases || len(row.Aliases) > 0
		for _, address := range append([]string{row.Address}, row.Aliases...) {
			f.Listed[strings.ToLower(address)] = fmt.Sprintf("%s:%d", file, row.Line)
		}
	}
	if f.Old, err = r.oldAddresses(ctx); err != nil {
		return f, err
	}
	if !ask || !f.Apply() {
		return f, nil
	}
	f.Soundings = make(map[string]Sounded)
	for domain, recipients := range f.questions() {
		if f.Soundings[domain], err = r.sound(ctx, p, domain, recipients); err != nil {
			return f, err
		}
	}
	return f, nil
}

// surveyAddresses adds what is to be said about addresses to a plan. Before
// the prepare stage is published the provider does not know the domain, so its
// exchangers are not asked.
func (r *run) surveyAddresses(ctx context.Context, p *provider.Provider, phase step.Phase, doc *Document) error {
	f, err := r.addressFacts(ctx, p, phase == step.Prepared)
	if err != nil {
		return err
	}
	doc.Findings = append(doc.Findings, addressFindings(f)...)
	return nil
}

// addressGates asks the new MX for every address that the old server accepts.
// What it said is kept as evidence.
func (r *run) addressGates(ctx context.Context) ([]step.Result, error) {
	p, _, err := r.provider()
	if err != nil {
		return nil, err
	}
	f, err := r.addressFacts(ctx, p, true)
	if err != nil || !f.Apply() {
		return nil, err
	}
	if !r.o.DryRun {
		data, err := json.MarshalIndent(f.Soundings, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("addresses: %w", err)
		}
		name := "addresses-" + r.o.Clock.Now().UTC().Format("20060102T150405Z") + ".json"
		if _, err := r.state.SaveEvidence(name, append(data, '\n')); err != nil {
			return nil, err
		}
	}
	return append(accountGate(f), addressGate(f)...), nil
}

// sound asks the new exchangers of a domain, the most preferred first: the
// first one that talks decides. Whatever is in the way is part of the answer;
// an error is that the run has ended.
func (r *run) sound(ctx context.Context, p *provider.Provider, domain string, recipients []string) (Sounded, error) {
	records, err := p.Expand(domain, r.vars(domain))
	if err != nil {
		return Sounded{Reason: err.Error()}, nil
	}
	exchanges := slices.Clone(records.MX)
	slices.SortStableFunc(exchanges, func(a, b provider.Exchange) int { return cmp.Compare(a.Preference, b.Preference) })
	o := probe.RecipientOptions{Dial: r.dial, Sleep: r.o.Clock.Sleep}
	if r.Config.Rehearsal != nil {
		o.Pause = -1 // on loopback nobody is bothered
	}
	s := Sounded{Reason: "the provider's exchangers are not known"}
	for _, x := range exchanges {
		addr := net.JoinHostPort(strings.TrimSuffix(x.Host, "."), "25")
		r.say("asking %s for %d recipients of %s", addr, len(recipients), domain)
		s.Sounding, err = probe.Recipients(ctx, addr, probe.ControlAddress(domain), recipients, o)
		if ctx.Err() != nil {
			return s, context.Cause(ctx)
		}
		s.Reason = ""
		if err != nil {
			s.Reason = err.Error()
		}
		if s.Control.Code != 0 || errors.As(err, new(*probe.ReplyError)) {
			break
		}
	}
	return s, nil
}

// oldAddresses takes the inventory of the old server, or returns nil where
// nobody has said where its files are.
func (m *Move) oldAddresses(ctx context.Context) (*inventory.Set, error) {
	c := m.Config.Inventory
	if c == nil || c.Postfix == "" && c.Dovecot == "" && len(c.MailLog) == 0 {
		return nil, nil
	}
	o := inventory.Options{Domains: m.domains(), Postfix: c.Postfix != "", Dovecot: c.Dovecot != "", Now: m.o.Clock.Now()}
	for _, tree := range []struct{ key, dir, at string }{
		{"inventory.postfix", c.Postfix, inventory.PostfixDir}, {"inventory.dovecot", c.Dovecot, inventory.DovecotDir},
	} {
		if tree.dir == "" {
			continue
		}
		files, closing, err := m.mounts(tree.dir, tree.at)
		if err != nil {
			return nil, &config.Error{File: m.Config.File, Text: tree.key + ": " + err.Error(), Fix: "name the directory, or a copy of it", Err: err}
		}
		defer closing()
		o.Files = append(o.Files, files...)
	}
	// What lies in a named directory comes before what lies beside it.
	slices.SortStableFunc(o.Files, func(a, b inventory.Mount) int { return cmp.Compare(len(b.At), len(a.At)) })
	var err error
	if o.Logs, err = m.logs(c.MailLog); err != nil {
		return nil, err
	}
	set, err := inventory.Read(ctx, o)
	if errors.Is(err, inventory.ErrMissing) {
		return nil, &config.Error{File: m.Config.File, Text: err.Error(), Fix: "name the directory that holds it, or a copy of it", Err: err}
	}
	return set, err
}

// mounts says what a configured directory stands for: the directory itself,
// its parent for /etc, and, where the copy keeps the path, all of the old
// server. A copy is never left, whatever its links say; on the old server
// itself they are followed.
func (m *Move) mounts(dir, at string) (files inventory.Files, closing func(), err error) {
	closing = func() {}
	if filepath.ToSlash(dir) == at {
		if _, err := os.Stat(dir); err != nil {
			return nil, closing, placed(err)
		}
		return inventory.Files{{At: "/", Shown: "/", FS: os.DirFS("/")}}, closing, nil
	}
	root := dir // what else main.cf names may be put into the directory, with its path
	if up, ok := strings.CutSuffix(filepath.ToSlash(dir), at); ok {
		root = filepath.FromSlash(up)
	}
	var roots []*os.Root
	closing = func() {
		for _, r := range roots {
			r.Close()
		}
	}
	own, err := filepath.Abs(dir)
	if err != nil {
		return nil, closing, err
	}
	for _, place := range []struct{ at, dir string }{
		{filepath.ToSlash(own), dir}, // a second instance, which has its tables beside its main.cf
		{at, dir}, {path.Dir(at), filepath.Dir(dir)}, {"/", root},
	} {
		r, err := os.OpenRoot(place.dir)
		if err != nil {
			closing()
			return nil, func() {}, placed(err)
		}
		roots = append(roots, r)
		files = append(files, inventory.Mount{At: place.at, Shown: m.shown(place.dir), FS: r.FS()})
	}
	return files, closing, nil
}

// shown names a path as the person knows it: relative to the move directory
// where it lies inside.
func (m *Move) shown(name string) string {
	if rel, err := filepath.Rel(m.Config.Dir, name); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(name)
}

// logs finds the files of the mail log.
func (m *Move) logs(patterns []string) ([]inventory.Log, error) {
	found := make(map[string]inventory.Log)
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err == nil && len(names) == 0 {
			err = errors.New("no file matches")
		}
		if err != nil {
			return nil, &config.Error{File: m.Config.File, Text: fmt.Sprintf("inventory.maillog: %s: %v", pattern, err), Fix: "write a pattern such as /var/log/mail.log*", Err: err}
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil || !info.Mode().IsRegular() || len(found) >= maxLogs {
				continue
			}
			found[name] = inventory.Log{
				Name: m.shown(name), Modified: info.ModTime(),
				Open: func() (io.ReadCloser, error) { return os.Open(name) },
			}
		}
	}
	var logs []inventory.Log
	for _, name := range slices.Sorted(maps.Keys(found)) {
		logs = append(logs, found[name])
	}
	return logs, nil
}

// placed names the path and the cause of an error about a file, without the
// system call.
func placed(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}

// otherThanAddresses leaves out the findings about addresses, which the gate of
// the cutover measures anew and which are no reason not to prepare.
func otherThanAddresses(found []finding.Finding) []finding.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f finding.Finding) bool { return strings.HasPrefix(string(f.Code), "MX03") })
}
