package probe

import (
	"fmt"
	"io"
	"strings"

	"github.com/mxmove/mxmove/migrate/finding"
)

// An Outcome is what DMARC says about a message, as the word of RFC 8601, and
// not-measured where something that could have decided was not seen.
type Outcome string

// The outcomes.
const (
	Pass      Outcome = "pass"
	Fail      Outcome = "fail"
	None      Outcome = "none"      // the domain has no policy record
	TempError Outcome = "temperror" // the DNS did not answer; later may be better
	PermError Outcome = "permerror" // the policy record cannot be used

	NotMeasured Outcome = "not-measured"
)

// notMeasured stands beside the RFC 8601 words of SPF, DKIM and ARC.
const notMeasured = string(NotMeasured)

// A Verdict is a message judged. Reasons says in sentences what stands
// against a pass or is worth knowing; Findings are the same with their codes.
type Verdict struct {
	Version   int               `json:"version"`
	From      string            `json:"from"` // the domain; empty where there is none
	OrgDomain OrgDomain         `json:"org_domain"`
	Policy    Policy            `json:"policy"`
	SPF       SPF               `json:"spf"`
	DKIM      []DKIM            `json:"dkim"` // in the order of the message; never nil
	ARC       ARC               `json:"arc"`
	DMARC     Outcome           `json:"dmarc"`
	Reasons   []string          `json:"reasons"`  // never nil
	Findings  []finding.Finding `json:"findings"` // never nil

	// Receiver is what the receiver wrote, nil where nothing can be believed.
	Receiver *Opinion `json:"receiver,omitempty"`
}

// An OrgDomain is the From domain's organizational domain by both ways to
// find it; empty where it could not be found out.
type OrgDomain struct {
	PSL      string `json:"psl"`
	TreeWalk string `json:"treewalk"`
}

// A Policy is the DMARC policy that applies.
type Policy struct {
	Domain string `json:"domain"` // where the record stands; empty: none
	P      string `json:"p"`      // the policy for this From domain
	Source string `json:"source"` // the tag it comes from: p, sp, np, or default
	Record string `json:"record,omitempty"`
}

// SPF is the envelope's side of a verdict.
type SPF struct {
	Domain  string `json:"domain"` // of MAIL FROM, or HELO for a null sender
	Result  string `json:"result"` // the RFC 8601 word, or not-measured
	Aligned bool   `json:"aligned"`
	IP      string `json:"ip,omitempty"`
	Text    string `json:"text,omitempty"` // why, when it is no pass
}

// DKIM is one signature of a verdict.
type DKIM struct {
	Domain    string `json:"domain"`
	Selector  string `json:"selector"`
	Result    string `json:"result"` // the RFC 8601 word, or not-measured
	Aligned   bool   `json:"aligned"`
	Algorithm string `json:"algorithm,omitempty"`
	Bits      int    `json:"bits,omitempty"` // of an RSA key
	Old       bool   `json:"old,omitempty"`  // a selector of the old server
	Key       string `json:"key,omitempty"`  // the record that it was judged by
	Text      string `json:"text,omitempty"` // why, when it is no pass
}

// ARC is what a forwarded message carries. It explains a forward and never
// turns a failure into a pass.
type ARC struct {
	Result string `json:"result"` // none, pass, fail, or not-measured
	Sets   int    `json:"sets"`
	First  string `json:"first,omitempty"` // what the first forwarder saw, of a chain that is whole
	Text   string `json:"text,omitempty"`  // why, when it is no pass
}

// Text prints the verdict for people, in plain ASCII and without colour.
func (v Verdict) Text(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-7s"+format+"\n", append([]any{name}, args...)...)
	}
	line("dmarc", "%s", v.DMARC)
	if v.From != "" {
		line("from", "%s, organizational domain %s", v.From, v.OrgDomain)
	}
	if v.Policy.Domain != "" {
		line("policy", "%s, from tag %s of the record at %s", v.Policy.P, v.Policy.Source, v.Policy.Domain)
	} else if v.From != "" && v.DMARC == None {
		line("policy", "none: no record was found")
	}
	line("spf", "%s", v.SPF)
	if len(v.DKIM) == 0 {
		line("dkim", "none: the message is not signed")
	}
	for _, d := range v.DKIM {
		line("dkim", "%s", d)
	}
	if v.ARC.Sets > 0 {
		line("arc", "%s, %d sets%s", v.ARC.Result, v.ARC.Sets, because(v.ARC.Text))
	}
	if v.ARC.First != "" {
		line("", "the first forwarder saw: %s", v.ARC.First)
	}
	if v.Receiver != nil {
		line("also", "%s", v.Receiver)
	}
	for _, r := range v.Reasons {
		line("", "%s", "- "+r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String names the domain, or both where the two ways differ.
func (o OrgDomain) String() string {
	if o.PSL == o.TreeWalk && o.PSL != "" {
		return o.PSL
	}
	return fmt.Sprintf("%s by suffix list, %s by tree walk", orUnknown(o.PSL), orUnknown(o.TreeWalk))
}

// String prints the result with its domain and alignment.
func (s SPF) String() string {
	b := s.Result
	if s.Domain != "" {
		b += " " + s.Domain
	}
	if s.IP != "" {
		b += " from " + s.IP
	}
	return b + ", " + alignedWord(s.Aligned) + because(s.Text)
}

// String prints the result with domain, selector and alignment.
func (d DKIM) String() string {
	b := fmt.Sprintf("%s %s selector %s", d.Result, orUnknown(d.Domain), orUnknown(d.Selector))
	if d.Algorithm != "" {
		b += " " + d.Algorithm
	}
	if d.Bits > 0 {
		b += fmt.Sprintf(" %d bit", d.Bits)
	}
	if d.Old {
		b += " (old server)"
	}
	return b + ", " + alignedWord(d.Aligned) + because(d.Text)
}

// String prints whose opinion it is and its words.
func (o Opinion) String() string {
	b := fmt.Sprintf("%s says dmarc=%s spf=%s", orUnknown(o.ID), orUnknown(o.DMARC), orUnknown(o.SPF))
	for _, d := range o.DKIM {
		b += fmt.Sprintf(" dkim=%s (%s)", d.Result, orUnknown(d.Domain))
	}
	return b
}

func alignedWord(aligned bool) string {
	if aligned {
		return "aligned"
	}
	return "not aligned"
}

func because(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
