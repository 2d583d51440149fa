package config

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

// A Publisher says who takes the changes. At most one field is set; the zero
// value is no publisher at all.
type Publisher struct {
	RFC2136 *RFC2136
	File    *ZoneFile
	Manual  *Manual
}

// A RFC2136 is a name server that takes dynamic updates.
type RFC2136 struct {
	Server string
	TSIG   *TSIG // nil: updates are not signed
}

// A ZoneFile is a master file that is edited in place.
type ZoneFile struct {
	Path string
}

// A Manual is a person who types the changes into a panel.
type Manual struct{}
