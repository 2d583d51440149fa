package publish

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// slip names the mistake that makes one RRset show up in place of another, or
// returns "" where the two have nothing to do with each other.
func slip(apex string, want, got *zone.RRset) string {
	if want == nil || got == nil {
		return ""
	}
	if zone.Equal(want, got) {
		if got.TTL > want.TTL {
			return fmt.Sprintf("the TTL is %d, and %d is wanted", got.TTL, want.TTL)
		}
		return ""
	}
	lacks, extra := gone(want, got), gone(got, want)
	for _, w := range lacks {
		for _, g := range extra {
			if text := mistyped(apex, want.Type, w, g); text != "" {
				return text
			}
		}
	}
	kept := len(lacks) < len(want.Data)
	switch {
	case len(lacks) == 0:
		return "the right records are there, and besides them still " + shortData(want.Type, extra[0])
	case len(extra) == 0 && kept:
		return "still missing is " + shortData(want.Type, lacks[0])
	}
	return ""
}

// mistyped compares one record with what it should have been.
func mistyped(apex string, typ uint16, want, got string) string {
	if typ == dns.TypeTXT || typ == dns.TypeSPF {
		return mistypedText(want, got)
	}
	w, g := strings.Fields(strings.ToLower(want)), strings.Fields(strings.ToLower(got))
	if len(w) == 0 || len(w) != len(g) {
		return ""
	}
	host, typed := w[len(w)-1], g[len(g)-1]
	switch {
	case typed == host+apex:
		return fmt.Sprintf("you typed %s: the panel completes names, so end this one with a dot (%s)", bare(typed), host)
	case zone.Within(host, apex) && typed == relative(host, apex, "@")+".":
		return fmt.Sprintf("you typed %s: the panel takes names as they are, so type %s", typed, host)
	case typed == host && typ == dns.TypeMX:
		return fmt.Sprintf("the server %s has the priority %s, and %s is wanted", bare(host), g[0], w[0])
	}
	return ""
}

// mistypedText finds what panels and clipboards do to a text.
func mistypedText(want, got string) string {
	w, err := zone.JoinTXT(want)
	g, err2 := zone.JoinTXT(got)
	if err != nil || err2 != nil {
		return ""
	}
	without := func(s, cut string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(cut, r) {
				return -1
			}
			return r
		}, s)
	}
	switch {
	case g == `"`+w+`"`:
		return "the quotes became part of the text: type it without them"
	case strings.ReplaceAll(g, `\`, "") == w:
		return `a backslash became part of the text: type it without \`
	case without(g, " \t\r\n\"") == without(w, " \t\r\n\""):
		return "blanks or quotes got into the text, or were lost: type it as one line"
	case len(g) >= 200 && len(g) < len(w) && strings.HasPrefix(w, g):
		return fmt.Sprintf("the text was cut off after %d characters: the panel may want it in several quoted parts", len(g))
	}
	return ""
}

func shortData(typ uint16, data string) string {
	const most = 80
	text := plainData(typ, data)
	if len(text) > most {
		text = text[:most] + "..."
	}
	return text
}
