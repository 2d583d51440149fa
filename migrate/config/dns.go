package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A DNS says where the zone is read and who takes its changes. Addresses are
// "host:port".
type DNS struct {
	Resolver  string   // for the outside view; empty: the system's
	Servers   []string // authoritative; empty: found from the delegation
	Snapshot  Snapshot
	Publisher Publisher
}

// A Snapshot says how the whole zone is had. The zero value asks for the
// well-known names.
type Snapshot struct {
	AXFR string // the server that transfers the zone, or empty
	TSIG *TSIG  // for the transfer, or nil
	File string // a master file, or empty
}

// A TSIG is a key shared with a name server (RFC 8945).
type TSIG struct {
	Name      string // absolute, lower case, with the final dot
	Algorithm string // such as "hmac-sha256", without a final dot
	Secret    Secret // base64
}

func (r *reader) dns(dst *DNS) field {
	return func(v value) {
		r.object(v, map[string]field{
			"publisher": r.publisher(&dst.Publisher),
			"resolver":  r.address(&dst.Resolver, 53),
			"servers":   r.addresses(&dst.Servers, 53),
			"snapshot":  r.snapshot(&dst.Snapshot),
		})
	}
}

// addresses reads a list of "host:port".
func (r *reader) addresses(dst *[]string, port int) field {
	return func(v value) {
		n, ok := v.node.(*ast.SequenceNode)
		if !ok {
			r.wants(v, "a list of addresses")
			return
		}
		for _, item := range n.Values {
			var a string
			r.address(&a, port)(value{key: v.key, at: v.at, node: item})
			*dst = append(*dst, a)
		}
	}
}

func (r *reader) snapshot(dst *Snapshot) field {
	return func(v value) {
		seen := r.object(v, map[string]field{
			"axfr": r.address(&dst.AXFR, 53),
			"file": r.path(&dst.File),
			"tsig": r.tsig(&dst.TSIG),
		})
		_, axfr := seen["axfr"]
		_, file := seen["file"]
		at, tsig := seen["tsig"]
		switch {
		case axfr && file:
			r.fail(v.at, `"snapshot" has both axfr and file`, "keep one of them")
		case tsig && !axfr:
			r.fail(at, `"tsig" signs a transfer, and there is no "axfr"`, "")
		}
	}
}

// algorithms are those of RFC 8945 that are still to be used.
var algorithms = []string{"hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1"}

var keyName = regexp.MustCompile(`^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$`)

func (r *reader) tsig(dst **TSIG) field {
	return func(v value) {
		if v.null() {
			r.wants(v, "a mapping")
			return
		}
		t := &TSIG{Algorithm: algorithms[0]}
		r.object(v, map[string]field{
			"algorithm": r.word(&t.Algorithm, algorithms...),
			"name":      r.keyName(&t.Name),
			"secret":    r.secret(&t.Secret),
		}, "name", "secret")
		*dst = t
	}
}

func (r *reader) keyName(dst *string) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		name := strings.ToLower(strings.TrimSuffix(s, "."))
		if len(name) > 253 || !keyName.MatchString(name) {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), "write the name of the key as the name server has it")
			return
		}
		*dst = name + "."
	}
}
