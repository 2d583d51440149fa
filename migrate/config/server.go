package config

import (
	"net"
	"strconv"
)

// A Server is one side of the move.
type Server struct {
	IMAP     *Endpoint // nil: the provider's, at the target
	SMTP     *Endpoint // submission; nil: the provider's, at the target
	TLS      TLS
	Insecure bool    // clear text, with endpoints on loopback only
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
func (e Endpoint) Addr() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

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

// An OAuth describes how access tokens are had.
type OAuth struct {
	Kind     string // "client-credentials", "service-account", "device" or "token"
	Tenant   string
	ClientID string
	Secret   Secret // of the client; for token the token, for service-account the key file's text
}
