// Package provider is the catalogue of mail providers: what a domain needs in
// its zone to live there, and what a copy has to know about the servers. One
// YAML file per provider; a file of the user's own has the same form.
package provider

// A Provider is one file of the catalogue. Texts in it may contain
// %variables%, which Expand fills in; %domain% and %domain_dashed% are always
// there.
type Provider struct {
	Name   string           `yaml:"name"`
	Title  string           `yaml:"title"`
	Fact   `yaml:",inline"` // of the refusal
	Refuse string           `yaml:"refuse"`  // why nobody can move there; empty for most
	NoIMAP string           `yaml:"no_imap"` // why mailboxes cannot be copied there; empty for most

	MX        MX        `yaml:"mx"`
	SPF       SPF       `yaml:"spf"`
	DKIM      Section   `yaml:"dkim"`
	Verify    Section   `yaml:"verify"`
	Sending   Section   `yaml:"sending"`   // further names that its outgoing mail uses, such as a return path
	Discovery Section   `yaml:"discovery"` // autodiscover, autoconfig, SRV: published with the MX
	MTASTS    MTASTS    `yaml:"mta_sts"`
	DMARC     DMARC     `yaml:"dmarc"`
	Offers    []Offer   `yaml:"offers"`
	Variables []Var     `yaml:"variables"`
	IMAP      Endpoint  `yaml:"imap"`
	SMTP      Endpoint  `yaml:"smtp"` // submission
	Limits    Limits    `yaml:"limits"`
	Mailboxes Mailboxes `yaml:"mailboxes"`

	// Notes tell what of a Domain Connect template is not applied, and why.
	Notes []string `yaml:"-"`

	// Raw is the file as it was read, to be pinned in the move directory.
	Raw []byte `yaml:"-"`

	template *template // what a Domain Connect template said; nil for a provider's file
}

// A Fact says where something was read and when it was last looked at.
type Fact struct {
	Source     string `yaml:"source"`
	Checked    string `yaml:"checked"`    // YYYY-MM-DD
	Confidence string `yaml:"confidence"` // "low" where it was seen once or told by memory only
}

// MX is the set of mail exchangers.
type MX struct {
	Fact    `yaml:",inline"`
	Records []Exchange   `yaml:"records"`
	Also    [][]Exchange `yaml:"also"` // other sets that are right as well and are left alone
}

// An Exchange is one MX record. A host that is a variable with several values
// stands for as many records; a value may carry its own preference before the
// name, otherwise each further one gets 10 more than the one before.
type Exchange struct {
	Preference uint16 `yaml:"preference"`
	Host       string `yaml:"host"`

	form string // pattern of the variable that gave the host
}

// SPF is what authorises the provider's senders.
type SPF struct {
	Fact     `yaml:",inline"`
	Include  string   `yaml:"include"`
	Rules    []string `yaml:"rules"`    // further mechanisms, such as ip4:192.0.2.0/24
	Redirect bool     `yaml:"redirect"` // the provider asks for redirect=, right only while nobody else sends
	Terminal string   `yaml:"terminal"` // "~all": used for a record made from nothing
}

// A Section is a list of records of one purpose.
type Section struct {
	Fact    `yaml:",inline"`
	Records []Record `yaml:"records"`
}

// A Record is one record to publish. Name is relative to the domain, "@" for
// the domain itself.
type Record struct {
	Name  string `yaml:"name"`
	Type  string `yaml:"type"`  // TXT, CNAME, SRV
	Value string `yaml:"value"` // for TXT the plain text, else presentation form

	form string // pattern of the variable that gave the value
}

// An Offer is what a provider suggests beside what mail needs. No plan takes
// it by itself: it would replace what is the owner's, such as his DMARC
// policy, or it is a matter of taste. Who wants it publishes the records;
// plans leave them alone from then on.
type Offer struct {
	Fact    `yaml:",inline"`
	Name    string   `yaml:"name"`    // dmarc, mta-sts, wildcard, delegation ...
	Text    string   `yaml:"text"`    // what it is good for and what it costs
	Advise  string   `yaml:"advise"`  // "against" when it does harm
	Records []Record `yaml:"records"` // of any type; a name may begin with a star
}

// MTASTS is which MX patterns a policy for the provider lists.
type MTASTS struct {
	Fact `yaml:",inline"`
	MX   []string `yaml:"mx"`
}

// DMARC is what the provider says about the policy. It is a hint for people
// and never overwrites the owner's record.
type DMARC struct {
	Fact `yaml:",inline"`
	Hint string `yaml:"hint"`
}

// A Var is a value that only the provider's console can tell. Groups in its
// pattern are what counts: two values with the same groups mean the same
// thing in an older and a newer form.
type Var struct {
	Name     string `yaml:"name"`
	Title    string `yaml:"title"`
	Where    string `yaml:"where"`    // where in the console
	Pattern  string `yaml:"pattern"`  // regular expression for the whole value; empty: anything
	Example  string `yaml:"example"`  // what such a value looks like
	Default  string `yaml:"default"`  // the value when none is given
	List     bool   `yaml:"list"`     // several values are allowed
	Required bool   `yaml:"required"` // without it there is no plan

	// Choices are the values to choose from, each with the further variables
	// that it sets, such as the hosts of a region.
	Choices map[string]map[string]string `yaml:"choices"`

	// AfterVerification marks a value that the console shows only once the
	// domain is verified: until then its absence is something to do.
	AfterVerification bool `yaml:"after_verification"`
}

// An Endpoint is a server that people log in to. The zero value means that
// the provider has none.
type Endpoint struct {
	Fact  `yaml:",inline"`
	Host  string   `yaml:"host"`
	Port  int      `yaml:"port"`
	TLS   string   `yaml:"tls"`   // "implicit" or "starttls"
	Login []string `yaml:"login"` // password, app-password, oauth
	Note  string   `yaml:"note"`  // what to do before a login works
}

// Limits are the provider's own; 0 is unknown.
type Limits struct {
	Fact        `yaml:",inline"`
	Connections int   `yaml:"connections"`  // IMAP, per account
	MessageSize int64 `yaml:"message_size"` // octets that APPEND accepts
	DailyBytes  int64 `yaml:"daily_bytes"`  // octets that one account may upload in a day
}

// Mailboxes are the names on the provider's IMAP server.
type Mailboxes struct {
	Fact     `yaml:",inline"`
	Names    map[string]string `yaml:"names"`    // by special-use attribute: `\Sent`
	Reserved []string          `yaml:"reserved"` // names that cannot be created
}
