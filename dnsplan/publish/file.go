package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// File publishes into a master file, line by line: what is not concerned
// stays as it is, to the letter. The server that loads the file is not told;
// Remind says who does that.
//
// A file that a server writes itself, or that takes part of its content from
// elsewhere, is refused with a *FileError.
type File struct {
	Paths map[string]string // path by a domain that the zone holds
	Now   func() time.Time  // for the serial; nil: the system's clock
}

// Abilities reports that the file is exchanged as a whole.
func (p *File) Abilities() Abilities { return Abilities{Name: "file", Atomic: true} }

// Remind says how the server is told.
func (p *File) Remind(apex string) string {
	name := bare(apex)
	return fmt.Sprintf("the file is written; now let the server load it: rndc reload %s (BIND), knotc zone-reload %s (Knot) or nsd-control reload %s (NSD)",
		name, name, name)
}

// Publish edits the file, and its serial with it.
func (p *File) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	apex = zone.Canonical(apex)
	if err := belong(apex, changes); err != nil {
		return err
	}
	path, err := p.path(apex)
	if err != nil {
		return err
	}
	before, m, z, err := p.load(path, apex)
	if err != nil {
		return err
	}
	b := newBook(apex, path, 0)
	b.Zone = z
	due, err := b.due(p.Abilities(), false, changes)
	if err != nil || len(due) == 0 {
		return err
	}
	after, err := m.edit(due, p.now())
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	if err := proves(after, z, changes, path); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return exchange(path, before, after)
}

// List reads the file.
func (p *File) List(_ context.Context, apex string) (Listing, error) {
	apex = zone.Canonical(apex)
	path, err := p.path(apex)
	if err != nil {
		return Listing{}, err
	}
	_, _, z, err := p.load(path, apex)
	return Listing{Zone: z}, err
}

// Check reads the file and asks whether its directory takes another one.
func (p *File) Check(_ context.Context, apex string) error {
	apex = zone.Canonical(apex)
	path, err := p.path(apex)
	if err != nil {
		return err
	}
	if _, _, _, err := p.load(path, apex); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".mxmove-*")
	if err != nil {
		return unwritable(path, err)
	}
	f.Close()
	return os.Remove(f.Name())
}

// path returns the file of a zone. A link is followed: the file behind it is
// the one that the server reads.
func (p *File) path(apex string) (string, error) {
	path := ""
	for domain, file := range p.Paths {
		if !zone.Within(domain, apex) {
			continue
		}
		if path != "" && path != file {
			return "", fmt.Errorf("publish: %w: two files are named for the zone %s", ErrRefused, apex)
		}
		path = file
	}
	if path == "" {
		return "", fmt.Errorf("publish: %w: no file is named for the zone %s", ErrRefused, apex)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", unreadable(path, err)
	}
	return real, nil
}

// load reads a file that may be edited: its text, its entries, and the zone
// in it.
func (p *File) load(path, apex string) (string, *master, zone.Zone, error) {
	none := zone.Zone{}
	if err := ours(path); err != nil {
		return "", nil, none, err
	}
	text, err := readMaster(path)
	if err != nil {
		return "", nil, none, err
	}
	m, z, err := understand(text, apex, path)
	return text, m, z, err
}

// understand reads the text of a file twice: entry by entry, to edit it, and
// with a full parser. Where the two differ nothing is edited.
func understand(text, apex, path string) (*master, zone.Zone, error) {
	none := zone.Zone{}
	if strings.IndexByte(text, 0) >= 0 {
		return nil, none, &FileError{File: path, Text: "the file is not text", Fix: "let the server write it with masterfile-format text"}
	}
	m, err := cutMaster(text, apex)
	if e, ok := errors.AsType[*FileError](err); ok {
		e.File = path
		return nil, none, e
	}
	z, err := zone.Read(strings.NewReader(text), apex, path)
	if err != nil {
		return nil, none, &FileError{File: path, Text: err.Error(), Err: err}
	}
	if err := same(z, m.zone(apex), dns.TypeNone); err != nil {
		return nil, none, &FileError{File: path, Text: "the file can be read in two ways (" + err.Error() + ")", Fix: "write the records in the usual form, or use another publisher"}
	}
	return m, z, nil
}

// ours refuses files that a server writes itself.
func ours(path string) error {
	if strings.HasSuffix(path, ".signed") {
		return &FileError{File: path, Text: "a signed zone is written by the server", Fix: "name the unsigned file"}
	}
	if _, err := os.Lstat(path + ".jnl"); err == nil {
		return &FileError{File: path, Text: "a journal lies beside it, so the server writes the file itself",
			Fix: "use the publisher rfc2136, or take dynamic updates off at the server"}
	}
	return nil
}

func readMaster(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", unreadable(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		return "", &FileError{File: path, Text: "it is no regular file"}
	}
	const most = 64 << 20
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", unreadable(path, err)
	}
	if len(text) > most {
		return "", &FileError{File: path, Text: "it is larger than 64 MiB"}
	}
	return string(text), nil
}

func unreadable(path string, err error) error {
	kind := ErrUnavailable
	if errors.Is(err, fs.ErrPermission) {
		kind = ErrRefused
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &FileError{File: path, Text: "there is no such file", Err: err}
	}
	return fmt.Errorf("read %s: %w: %w", path, kind, err)
}

// proves refuses an edit that does not say what it shall, or says more.
func proves(text string, before zone.Zone, changes []dnsplan.Change, path string) error {
	want := before.Clone()
	for _, c := range changes {
		if set := c.RRset(); c.After == nil {
			want.Remove(set.Name, set.Type)
		} else {
			want.Put(set)
		}
	}
	got, err := zone.Read(strings.NewReader(text), before.Origin, path)
	if err == nil {
		err = same(got, want, dns.TypeSOA)
	}
	if err == nil {
		err = lonely(got, changes)
	}
	if err != nil {
		return &FileError{File: path, Text: "the file cannot be edited line by line (" + err.Error() + "); nothing was written", Fix: "make the changes of this stage by hand (mxmove plan shows them)"}
	}
	return nil
}

func (p *File) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// lonely refuses a CNAME beside other data (RFC 1034, section 3.6.2): a server
// would not load the zone.
func lonely(z zone.Zone, changes []dnsplan.Change) error {
	for _, c := range changes {
		name := c.RRset().Name
		if z.Get(name, dns.TypeCNAME) != nil && len(z.At(name)) > 1 {
			return fmt.Errorf("%s would have a CNAME beside other data", name)
		}
	}
	return nil
}
