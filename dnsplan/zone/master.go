package zone

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/miekg/dns"
)

// The bounds of a master file. A zone of a mail domain is far smaller; what
// is larger was not meant for us.
const (
	maxFile    = 64 << 20
	maxRecords = 1_000_000
)

// ErrMaster is wrapped by every refusal of Read.
var ErrMaster = errors.New("zone: master file")

// Read reads a master file (RFC 1035, section 5) as a zone with Coverage
// File. The file's name is for error messages only. $INCLUDE and $GENERATE
// are refused: what they stand for is not in the file, and could not be
// written back.
func Read(r io.Reader, origin, file string) (Zone, error) {
	text, err := load(r, file)
	if err != nil {
		return Zone{}, err
	}
	return readText(text, origin, file)
}

// ReadAround is Read for a name that need not be the apex: where the file
// gives the owner of its SOA in full, and the name lies below it, that is the
// origin. A file with relative names alone does not say where it hangs, and is
// taken for the zone of the name itself.
func ReadAround(r io.Reader, name, file string) (Zone, error) {
	text, err := load(r, file)
	if err != nil {
		return Zone{}, err
	}
	origin := Canonical(name)
	if apex := soaOwner(text, file); apex != "." && Within(origin, apex) {
		origin = apex
	}
	return readText(text, origin, file)
}

// soaOwner returns the owner of the first SOA, and the root where there is
// none or it is relative.
func soaOwner(text []byte, file string) string {
	zp := dns.NewZoneParser(bytes.NewReader(text), ".", file)
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		if rr.Header().Rrtype == dns.TypeSOA {
			return Canonical(rr.Header().Name)
		}
	}
	return "."
}

// load reads what may be a master file.
func load(r io.Reader, file string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%w: %s: larger than %d MiB", ErrMaster, file, maxFile>>20)
	}
	return text, refuseDirectives(text, file)
}

func readText(text []byte, origin, file string) (Zone, error) {
	z := New(origin, File)
	rrs, err := parse(text, z.Origin, file)
	if err != nil {
		return Zone{}, err
	}
	for _, s := range FromRRs(rrs) {
		z.Put(s)
	}
	for _, rr := range rrs {
		if soa, ok := rr.(*dns.SOA); ok {
			z.Serial = soa.Serial
		}
	}
	return z, nil
}

func parse(text []byte, origin, file string) ([]dns.RR, error) {
	zp := dns.NewZoneParser(bytes.NewReader(text), origin, file)
	var rrs []dns.RR
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		h := rr.Header()
		switch {
		case !Within(h.Name, origin):
			return nil, fmt.Errorf("%w: %s: %s lies outside of %s", ErrMaster, file, h.Name, origin)
		case h.Class != dns.ClassINET:
			return nil, fmt.Errorf("%w: %s: %s is not of class IN", ErrMaster, file, h.Name)
		case h.Rrtype == dns.TypeSOA && Canonical(h.Name) != origin:
			return nil, fmt.Errorf("%w: %s: the SOA is of %s, not of %s", ErrMaster, file, h.Name, origin)
		case len(rrs) >= maxRecords:
			return nil, fmt.Errorf("%w: %s: more than %d records", ErrMaster, file, maxRecords)
		}
		// The parser takes records without data, which only an update may
		// have; what cannot be written back cannot be put back by undo.
		if again, err := parseRR(h.Name, h.Rrtype, h.Ttl, rdata(rr)); err != nil || rdata(again) != rdata(rr) {
			return nil, fmt.Errorf("%w: %s: %s %s: incomplete data", ErrMaster, file, h.Name, typeName(h.Rrtype))
		}
		rrs = append(rrs, rr)
	}
	if err := zp.Err(); err != nil {
		// The parser's message names the file, the token and the line.
		return nil, fmt.Errorf("%w: %s", ErrMaster, Escape(strings.TrimPrefix(err.Error(), "dns: ")))
	}
	return rrs, nil
}

func refuseDirectives(text []byte, file string) error {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if len(line) == 0 || line[0] != '$' {
			continue
		}
		word, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{' '})
		word, _, _ = bytes.Cut(word, []byte{'\t'})
		switch strings.ToUpper(string(word)) {
		case "$INCLUDE", "$GENERATE":
			return fmt.Errorf("%w: %s:%d: %s is not followed; give the expanded zone (named-checkzone -D prints it)", ErrMaster, file, n, word)
		}
	}
	return nil
}

// Write writes the zone as a master file in canonical order: absolute names,
// one record a line, the SOA first. Read gives an equal zone back.
func (z Zone) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	if soa := z.Get(z.Origin, dns.TypeSOA); soa != nil {
		writeSet(b, *soa)
	}
	for _, s := range z.All() {
		if s.Type != dns.TypeSOA || s.Name != z.Origin {
			writeSet(b, s)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write zone %s: %w", z.Origin, err)
	}
	return nil
}

// writeSet leaves errors to the Flush of the writer, which keeps the first.
func writeSet(b *bufio.Writer, s RRset) {
	for _, data := range s.Data {
		_, _ = fmt.Fprintf(b, "%s\t%d\tIN\t%s\t%s\n", s.Name, s.TTL, s.TypeName(), data)
	}
}
