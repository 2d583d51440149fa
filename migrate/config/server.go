package config

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// A Server is one side of the move.
type Server struct {
	IMAP     *Endpoint // nil: the provider's, at the target
	SMTP     *Endpoint // submission; nil: the provider's, at the target
	TLS      TLS
	Insecure bool    // clear text; both endpoints are then on loopback
	Master   *Master // nil: every account has its own password
	AuthzID  bool    // Master logs in as itself and names the account (SASL PLAIN)
	OAuth    *OAuth  // nil: passwords
}

// An Endpoint is where a server listens.
type Endpoint struct {
	Scheme string // "imaps", "imap", "smtps" or "smtp"
	Host   string // an A-label, or an IP address without brackets
	Port   int
}

// Addr returns the endpoint as "host:port", to be dialled.
func (e Endpoint) Addr() string { return joinPort(e.Host, e.Port) }

// ImplicitTLS reports whether TLS begins with the connection; otherwise
// STARTTLS is required.
func (e Endpoint) ImplicitTLS() bool { return e.Scheme == "imaps" || e.Scheme == "smtps" }

// String returns the endpoint as it is written in mxmove.yaml.
func (e Endpoint) String() string { return e.Scheme + "://" + e.Addr() }

// A TLS says whom to trust beside the system's authorities. The zero value
// adds nobody.
type TLS struct {
	CA  string // a file of certificates, or empty
	Pin string // "sha256/" and the base64 digest of the public key, or empty
}

// A Master is a login that may open every account.
type Master struct {
	User      string
	Password  Secret
	Separator string // between the account and the master user; default "*"
}

var ports = map[string]int{"imaps": 993, "imap": 143, "smtps": 465, "smtp": 587}

// server reads one side of the move.
func (r *reader) server(dst *Server) field {
	return func(v value) {
		seen := r.object(v, map[string]field{
			"authzid":  r.flag(&dst.AuthzID),
			"imap":     r.endpoint(&dst.IMAP, "imaps", "imap"),
			"insecure": r.flag(&dst.Insecure),
			"master":   r.master(dst),
			"oauth":    r.oauth(&dst.OAuth),
			"smtp":     r.endpoint(&dst.SMTP, "smtps", "smtp"),
			"tls":      r.tls(&dst.TLS),
		})
		if dst.Insecure {
			r.insecure(*dst, seen["insecure"])
		}
		if at, ok := seen["oauth"]; ok && dst.OAuth != nil && dst.Master != nil {
			r.fail(at, `"oauth" and "master" are two ways to log in`, "keep one of them")
		}
		if dst.AuthzID && dst.Master == nil && r.err == nil {
			r.fail(seen["authzid"], `"authzid" names the account in the login of a master user, and there is no "master"`, "")
		}
	}
}

// insecure accepts clear text only where it cannot leave the machine.
func (r *reader) insecure(s Server, at place) {
	none := true
	for _, e := range []*Endpoint{s.IMAP, s.SMTP} {
		if e == nil {
			continue
		}
		none = false
		if !loopback(e.Host) {
			r.fail(at, fmt.Sprintf("clear text to %s is refused", quote(e.Host)), `"insecure" is only for loopback addresses; for a self-signed certificate write tls: {ca: FILE} or tls: {pin: sha256/...}`)
		}
		if e.ImplicitTLS() {
			r.fail(at, fmt.Sprintf(`"insecure" means clear text, and %s:// means TLS`, e.Scheme), fmt.Sprintf("write %s://, or leave insecure out", strings.TrimSuffix(e.Scheme, "s")))
		}
	}
	if none {
		r.fail(at, `"insecure" needs an address on loopback beside it`, "write imap: imap://127.0.0.1:143")
	}
}

// endpoint reads a URL with one of the schemes.
func (r *reader) endpoint(dst **Endpoint, schemes ...string) field {
	example := fmt.Sprintf("write a URL such as %s://mail.example.org:%d, or %s:// for STARTTLS", schemes[0], ports[schemes[0]], schemes[1])
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		scheme, rest, ok := strings.Cut(s, "://")
		rest = strings.TrimSuffix(rest, "/")
		known := scheme == schemes[0] || scheme == schemes[1]
		if strings.Contains(rest, "@") {
			r.fail(v.begin(), fmt.Sprintf("the URL in %q holds a user", v.key), "users and passwords stand in accounts.csv")
			return
		}
		h, port, good := hostPort(rest, ports[scheme])
		if !ok || !known || !good {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), example)
			return
		}
		*dst = &Endpoint{Scheme: scheme, Host: h, Port: port}
	}
}

// tls reads whom to trust.
func (r *reader) tls(dst *TLS) field {
	return func(v value) {
		r.object(v, map[string]field{"ca": r.path(&dst.CA), "pin": r.pin(&dst.Pin)})
	}
}

func (r *reader) pin(dst *string) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		digest, ok := strings.CutPrefix(s, "sha256/")
		if raw, err := base64.StdEncoding.DecodeString(digest); !ok || err != nil || len(raw) != 32 {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), "write sha256/ and the base64 digest of the server's public key, 44 characters")
			return
		}
		*dst = s
	}
}

// master reads the login that may open every account. Its key authzid is the
// one of the server: both places read naturally.
func (r *reader) master(dst *Server) field {
	return func(v value) {
		if v.null() {
			return
		}
		m := &Master{Separator: "*"}
		seen := r.object(v, map[string]field{
			"authzid":   r.flag(&dst.AuthzID),
			"password":  r.secret(&m.Password),
			"separator": r.text(&m.Separator),
			"user":      r.text(&m.User),
		}, "user", "password")
		if at, ok := seen["separator"]; ok && dst.AuthzID {
			r.fail(at, `"separator" has no meaning beside authzid: true`, "keep one of them")
		}
		dst.Master = m
	}
}
