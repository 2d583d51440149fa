package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mxmove/mxmove/dnsplan/provider"
)

// A providerDocument is what providers --json prints of each.
type providerDocument struct {
	Version    int                `json:"version"`
	Name       string             `json:"name"`
	Title      string             `json:"title"`
	Refuse     string             `json:"refuse"`
	NoIMAP     string             `json:"no_imap"`
	Records    []recordDocument   `json:"records"`
	Offers     []offerDocument    `json:"offers"`
	NotApplied []string           `json:"not_applied"`
	Variables  []variableDocument `json:"variables"`
	IMAP       string             `json:"imap"`
	SMTP       string             `json:"smtp"`
	Limits     limitDocument      `json:"limits"`
	Mailboxes  []mailboxDocument  `json:"mailboxes"`
	Reserved   []string           `json:"reserved"`
	Facts      []factDocument     `json:"facts"`
}

type recordDocument struct {
	Section    string `json:"section"` // mx, spf, dkim, verify, sending, discovery
	Name       string `json:"name"`    // relative to the domain
	Type       string `json:"type"`
	Value      string `json:"value"`
	Confidence string `json:"confidence"` // "low" or empty
}

type offerDocument struct {
	Name    string           `json:"name"`
	Text    string           `json:"text"`
	Against bool             `json:"against"`
	Records []recordDocument `json:"records"`
}

type variableDocument struct {
	Name              string   `json:"name"`
	Title             string   `json:"title"`
	Where             string   `json:"where"`
	Required          bool     `json:"required"`
	AfterVerification bool     `json:"after_verification"`
	List              bool     `json:"list"`
	Choices           []string `json:"choices"`
	Default           string   `json:"default"`
	Example           string   `json:"example"`
}

type limitDocument struct {
	Connections int   `json:"connections"` // 0 is unknown, as with the others
	MessageSize int64 `json:"message_size"`
	DailyBytes  int64 `json:"daily_bytes"`
}

type mailboxDocument struct {
	Use  string `json:"use"` // special-use attribute
	Name string `json:"name"`
}

type factDocument struct {
	Section    string `json:"section"`
	Source     string `json:"source"`
	Checked    string `json:"checked"`
	Confidence string `json:"confidence"`
}

func describeProvider(p *provider.Provider) providerDocument {
	d := providerDocument{
		Version: 1, Name: p.Name, Title: p.Title, Refuse: p.Refuse, NoIMAP: p.NoIMAP,
		Records: []recordDocument{}, Offers: []offerDocument{}, NotApplied: append([]string{}, p.Notes...),
		Variables: []variableDocument{}, IMAP: hostText(p.IMAP), SMTP: hostText(p.SMTP),
		Limits:    limitDocument{p.Limits.Connections, p.Limits.MessageSize, p.Limits.DailyBytes},
		Mailboxes: []mailboxDocument{}, Reserved: append([]string{}, p.Mailboxes.Reserved...),
		Facts: []factDocument{},
	}
	if p.Refuse == "" {
		d.Records = providerRecords(p)
	}
	for _, o := range p.Offers {
		offer := offerDocument{Name: o.Name, Text: o.Text, Against: o.Advise == "against", Records: []recordDocument{}}
		for _, r := range o.Records {
			offer.Records = append(offer.Records, recordDocument{"offers", r.Name, r.Type, r.Value, o.Confidence})
		}
		d.Offers = append(d.Offers, offer)
	}
	for _, v := range p.Variables {
		d.Variables = append(d.Variables, variableDocument{
			v.Name, v.Title, v.Where, v.Required, v.AfterVerification, v.List,
			append([]string{}, slices.Sorted(maps.Keys(v.Choices))...), v.Default, v.Example,
		})
	}
	for _, use := range slices.Sorted(maps.Keys(p.Mailboxes.Names)) {
		d.Mailboxes = append(d.Mailboxes, mailboxDocument{use, p.Mailboxes.Names[use]})
	}
	for _, f := range p.Facts() {
		d.Facts = append(d.Facts, factDocument{f.Section, f.Source, f.Checked, f.Confidence})
	}
	return d
}

// providerRecords lists what a domain needs, variables and all, in the order
// of the file.
func providerRecords(p *provider.Provider) []recordDocument {
	rs := []recordDocument{}
	for _, x := range p.MX.Records {
		rs = append(rs, recordDocument{"mx", "@", "MX", fmt.Sprintf("%d %s", x.Preference, x.Host), p.MX.Confidence})
	}
	if text := senderText(p.SPF); text != "" {
		rs = append(rs, recordDocument{"spf", "@", "TXT", text, p.SPF.Confidence})
	}
	for _, part := range []struct {
		word string
		provider.Section
	}{{"verify", p.Verify}, {"dkim", p.DKIM}, {"sending", p.Sending}, {"discovery", p.Discovery}} {
		for _, r := range part.Records {
			rs = append(rs, recordDocument{part.word, r.Name, r.Type, r.Value, part.Confidence})
		}
	}
	return rs
}

// senderText is the SPF record of a domain for which nobody else sends.
func senderText(s provider.SPF) string {
	if s.Include == "" && len(s.Rules) == 0 {
		return ""
	}
	if s.Redirect && len(s.Rules) == 0 {
		return "v=spf1 redirect=" + s.Include
	}
	text := "v=spf1"
	if s.Include != "" {
		text += " include:" + s.Include
	}
	for _, rule := range s.Rules {
		text += " " + rule
	}
	if s.Terminal == "" {
		return text + " ~all"
	}
	return text + " " + s.Terminal
}

func hostText(e provider.Endpoint) string {
	if e.Host == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", e.Host, e.Port)
}
