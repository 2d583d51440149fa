// Package mtasts reads what a domain says about transport security: the
// MTA-STS record and policy (RFC 8461) and the TLS-RPT record (RFC 8460).
package mtasts

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrSyntax is wrapped by every error of this package.
var ErrSyntax = errors.New("mtasts: syntax")

// A Mode is what a policy asks senders to do.
type Mode string

// The modes (RFC 8461, section 5).
const (
	Enforce Mode = "enforce"
	Testing Mode = "testing"
	None    Mode = "none"
)

// A Policy is a policy file.
type Policy struct {
	Mode   Mode
	MaxAge time.Duration
	MX     []string // host names and patterns such as *.mx.example.org
}

// The bounds of a policy (RFC 8461, sections 3.2 and 3.3).
const (
	maxPolicy = 64 << 10
	maxAge    = 31557600
)

// IsRecord reports whether text is an _mta-sts TXT record, readable or not.
func IsRecord(text string) bool {
	first, _, _ := strings.Cut(text, ";")
	return strings.TrimRight(first, " \t") == "v=STSv1"
}

// WithID returns a record with another id and everything else as it was.
func WithID(text, id string) string {
	var fields []string
	found := false
	for field := range strings.SplitSeq(text, ";") {
		name, _, ok := strings.Cut(strings.TrimSpace(field), "=")
		switch {
		case ok && name == "id" && found:
			continue // only the first one counts
		case ok && name == "id":
			field, found = " id="+id, true
		}
		fields = append(fields, field)
	}
	if !found {
		fields = slices.Insert(fields, 1, " id="+id)
	}
	return strings.Join(fields, ";")
}

// RecordID returns the id of an _mta-sts TXT record. Only records that begin
// with the version count.
func RecordID(text string) (string, error) {
	fields, err := record(text, "STSv1")
	if err != nil {
		return "", err
	}
	id := fields["id"]
	if id == "" || len(id) > 32 || strings.ContainsFunc(id, notAlphanumeric) {
		return "", fmt.Errorf("%w: id of the record", ErrSyntax)
	}
	return id, nil
}

// Reports returns where the TLS-RPT record wants reports sent.
func Reports(text string) ([]string, error) {
	fields, err := record(text, "TLSRPTv1")
	if err != nil {
		return nil, err
	}
	var rua []string
	for uri := range strings.SplitSeq(fields["rua"], ",") {
		if uri = strings.TrimSpace(uri); uri != "" {
			rua = append(rua, uri)
		}
	}
	if len(rua) == 0 {
		return nil, fmt.Errorf("%w: no rua", ErrSyntax)
	}
	return rua, nil
}

func notAlphanumeric(r rune) bool {
	return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
}

// record reads "v=VERSION; name=value; ...".
func record(text, version string) (map[string]string, error) {
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("%w: record too long", ErrSyntax)
	}
	first, rest, _ := strings.Cut(text, ";")
	if strings.TrimRight(first, " \t") != "v="+version {
		return nil, fmt.Errorf("%w: not a v=%s record", ErrSyntax, version)
	}
	fields := make(map[string]string)
	for field := range strings.SplitSeq(rest, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		if !ok {
			if name != "" {
				return nil, fmt.Errorf("%w: field %.80q", ErrSyntax, name)
			}
			continue
		}
		if _, twice := fields[name]; !twice {
			fields[name] = value
		}
	}
	return fields, nil
}

// Parse reads a policy file. Unknown keys are left out, as the RFC asks.
func Parse(text string) (Policy, error) {
	if len(text) > maxPolicy {
		return Policy{}, fmt.Errorf("%w: policy larger than %d KiB", ErrSyntax, maxPolicy>>10)
	}
	var p Policy
	seen := make(map[string]bool)
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return Policy{}, fmt.Errorf("%w: policy line %.80q", ErrSyntax, line)
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if seen[key] && key != "mx" {
			continue // the first one counts
		}
		seen[key] = true
		if err := p.set(key, value); err != nil {
			return Policy{}, err
		}
	}
	if !seen["version"] || p.Mode == "" || !seen["max_age"] || len(p.MX) == 0 && p.Mode != None {
		return Policy{}, fmt.Errorf("%w: the policy lacks version, mode, max_age or mx", ErrSyntax)
	}
	return p, nil
}

func (p *Policy) set(key, value string) error {
	switch key {
	case "version":
		if value != "STSv1" {
			return fmt.Errorf("%w: policy version %.80q", ErrSyntax, value)
		}
	case "mode":
		if p.Mode = Mode(value); p.Mode != Enforce && p.Mode != Testing && p.Mode != None {
			return fmt.Errorf("%w: policy mode %.80q", ErrSyntax, value)
		}
	case "max_age":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%w: policy max_age %.80q", ErrSyntax, value)
		}
		p.MaxAge = time.Duration(min(n, maxAge)) * time.Second
	case "mx":
		p.MX = append(p.MX, value)
	}
	return nil
}

// Same reports whether two policies ask for the same.
func Same(a, b string) bool {
	p, errA := Parse(a)
	q, errB := Parse(b)
	if errA != nil || errB != nil {
		return a == b
	}
	slices.Sort(p.MX)
	slices.Sort(q.MX)
	return p.Mode == q.Mode && p.MaxAge == q.MaxAge && slices.Equal(p.MX, q.MX)
}

// Admits reports whether the policy lists the host.
func (p Policy) Admits(host string) bool {
	for _, pattern := range p.MX {
		if Match(pattern, host) {
			return true
		}
	}
	return false
}

// Match reports whether an MX pattern matches a host. A star stands for
// exactly one label: *.mx.example.org does not match a.b.mx.example.org.
func Match(pattern, host string) bool {
	pattern = strings.ToLower(strings.TrimSuffix(pattern, "."))
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || pattern == "" {
		return false
	}
	parent, ok := strings.CutPrefix(pattern, "*.")
	if !ok {
		return pattern == host
	}
	_, rest, found := strings.Cut(host, ".")
	return found && rest == parent && rest != ""
}
