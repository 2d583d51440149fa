package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/provider"
)

// printProvider writes what is known, and where each part of it was read.
func printProvider(w io.Writer, p *provider.Provider) {
	fmt.Fprintf(w, "%s: %s\n", p.Name, p.Title)
	if p.Refuse != "" {
		fmt.Fprintf(w, "\nNobody can move a domain there: %s\n", p.Refuse)
		printFacts(w, p)
		return
	}
	if p.NoIMAP != "" {
		fmt.Fprintf(w, "\n%s.\n", p.NoIMAP)
	}
	printRecords(w, p)
	printVariables(w, p)
	printOffers(w, p)
	printServers(w, p)
	printLimits(w, p)
	printFacts(w, p)
}

func printRecords(w io.Writer, p *provider.Provider) {
	fmt.Fprintf(w, "\nrecords\n")
	width := 1
	records := providerRecords(p)
	for _, r := range records {
		width = max(width, len(r.Name))
	}
	for _, r := range records {
		note := r.Section
		if r.Confidence != "" {
			note += ", " + r.Confidence + " confidence"
		}
		fmt.Fprintf(w, "  %-5s %-*s  %s  (%s)\n", r.Type, width, r.Name, r.Value, note)
	}
	if p.SPF.Redirect {
		fmt.Fprintf(w, "  beside other senders redirect=%s becomes include:%s\n", p.SPF.Include, p.SPF.Include)
	}
	if len(p.MX.Also) > 0 {
		fmt.Fprintf(w, "  other sets of MX that are left alone:\n")
	}
	for _, set := range p.MX.Also {
		var hosts []string
		for _, x := range set {
			hosts = append(hosts, fmt.Sprintf("%d %s", x.Preference, x.Host))
		}
		fmt.Fprintf(w, "    %s\n", strings.Join(hosts, ", "))
	}
	if p.DMARC.Hint != "" {
		fmt.Fprintf(w, "  DMARC: %s\n", p.DMARC.Hint)
	}
	if len(p.MTASTS.MX) > 0 {
		fmt.Fprintf(w, "  an MTA-STS policy of yours admits: %s\n", strings.Join(p.MTASTS.MX, ", "))
	}
}

// kind says what the lack of a variable means.
func kind(v provider.Var) string {
	switch {
	case v.AfterVerification:
		return "shown after verification"
	case v.Required:
		return "required"
	case v.Default != "" && !strings.Contains(v.Default, "%"):
		return "optional, default " + v.Default
	}
	return "optional"
}

func printVariables(w io.Writer, p *provider.Provider) {
	if len(p.Variables) == 0 {
		return
	}
	fmt.Fprintf(w, "\nvariables (vars: in mxmove.yaml)\n")
	for _, v := range p.Variables {
		list := ""
		if v.List {
			list = ", a list"
		}
		fmt.Fprintf(w, "  %-10s %s (%s%s)\n             %s\n", v.Name, v.Title, kind(v), list, v.Where)
		if len(v.Choices) > 0 {
			fmt.Fprintf(w, "             one of: %s\n", choices(v))
		} else if v.Example != "" {
			fmt.Fprintf(w, "             such as %s\n", v.Example)
		}
	}
}

// choices lists the values to choose from, those of weaker facts marked.
func choices(v provider.Var) string {
	words := slices.Sorted(maps.Keys(v.Choices))
	weak := false
	for i, word := range words {
		if v.Choices[word]["confidence"] == "low" {
			words[i] += "*"
			weak = true
		}
	}
	text := strings.Join(words, ", ")
	if weak {
		text += " (* by the same rule, not seen itself)"
	}
	return text
}

func printOffers(w io.Writer, p *provider.Provider) {
	if len(p.Offers) > 0 {
		fmt.Fprintf(w, "\noffered by the provider, in no plan\n")
	}
	for _, o := range p.Offers {
		advice := ""
		if o.Advise != "" {
			advice = "better not: "
		}
		fmt.Fprintf(w, "  %s: %s%s\n", o.Name, advice, o.Text)
		for _, r := range o.Records {
			fmt.Fprintf(w, "    %-5s %s  %s\n", r.Type, r.Name, r.Value)
		}
	}
	if len(p.Notes) > 0 {
		fmt.Fprintf(w, "\nin the template, and not applied\n")
	}
	for _, n := range p.Notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
}

func printServers(w io.Writer, p *provider.Provider) {
	if p.IMAP.Host == "" && p.SMTP.Host == "" {
		return
	}
	fmt.Fprintf(w, "\nservers\n")
	for _, e := range []struct {
		word string
		host provider.Endpoint
	}{{"IMAP", p.IMAP}, {"SMTP", p.SMTP}} {
		text := hostText(e.host)
		if text == "" {
			continue
		}
		confidence := ""
		if e.host.Low() {
			confidence = "  (low confidence)"
		}
		fmt.Fprintf(w, "  %s  %s  %s  login: %s%s\n", e.word, text, e.host.TLS, strings.Join(e.host.Login, ", "), confidence)
		if e.host.Note != "" {
			fmt.Fprintf(w, "        %s\n", e.host.Note)
		}
	}
}

func printLimits(w io.Writer, p *provider.Provider) {
	l := p.Limits
	if l.Connections+int(min(l.MessageSize, 1))+int(min(l.DailyBytes, 1)) > 0 {
		fmt.Fprintf(w, "\nlimits\n")
	}
	if l.Connections > 0 {
		fmt.Fprintf(w, "  %d IMAP connections an account\n", l.Connections)
	}
	if l.MessageSize > 0 {
		fmt.Fprintf(w, "  %s a message\n", size(l.MessageSize))
	}
	if l.DailyBytes > 0 {
		fmt.Fprintf(w, "  %s an account and day\n", size(l.DailyBytes))
	}
	if len(p.Mailboxes.Names)+len(p.Mailboxes.Reserved) > 0 {
		fmt.Fprintf(w, "\nmailboxes\n")
	}
	for _, use := range slices.Sorted(maps.Keys(p.Mailboxes.Names)) {
		fmt.Fprintf(w, "  %-10s %s\n", use, p.Mailboxes.Names[use])
	}
	if len(p.Mailboxes.Reserved) > 0 {
		fmt.Fprintf(w, "  %-10s %s\n", "reserved", strings.Join(p.Mailboxes.Reserved, ", "))
	}
}

// printFacts tells where each part was read and when, weak ones marked.
func printFacts(w io.Writer, p *provider.Provider) {
	facts := slices.DeleteFunc(p.Facts(), func(f provider.SectionFact) bool { return f.Source == "" })
	if len(facts) == 0 {
		return
	}
	fmt.Fprintf(w, "\nsources\n")
	for _, f := range facts {
		confidence := ""
		if f.Low() {
			confidence = "low confidence: "
		}
		fmt.Fprintf(w, "  %-16s %s  %s%s\n", f.Section, f.Checked, confidence, f.Source)
	}
}
