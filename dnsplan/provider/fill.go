package provider

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// fill returns text with its variables filled in, once per value of a list
// variable, or nothing when a value has not been shown yet.
func (e *expander) fill(text string) []string {
	if text == "" {
		return nil
	}
	texts := []string{text}
	for _, m := range varUse.FindAllStringSubmatch(text, -1) {
		var next []string
		for _, t := range texts {
			for _, value := range e.vars[m[1]] {
				next = append(next, strings.ReplaceAll(t, m[0], value))
			}
		}
		texts = next
		if len(texts) > maxEntries {
			return texts[:maxEntries]
		}
	}
	return texts
}

func (e *expander) exchanges(from []Exchange) []Exchange {
	var to []Exchange
	for _, x := range from {
		for i, host := range e.fill(x.Host) {
			r := Exchange{Preference: x.Preference + uint16(10*i), Host: host}
			if number, name, ok := strings.Cut(strings.TrimSpace(host), " "); ok {
				n, err := strconv.ParseUint(number, 10, 16)
				if err != nil {
					e.refuse(e.used(x.Host), host, "%q is not a preference", printable(number))
					continue
				}
				r = Exchange{Preference: uint16(n), Host: strings.TrimSpace(name)}
			}
			if !hostName(r.Host) {
				e.refuse(e.used(x.Host), host, "%q is not a host name", printable(host))
				continue
			}
			r.Host = absolute(r.Host)
			r.form = e.form(x.Host)
			to = append(to, r)
		}
	}
	return to
}

func (e *expander) records(section Section) []Record {
	var to []Record
	for _, r := range section.Records {
		names, values := e.fill(r.Name), e.fill(r.Value)
		for i, value := range values {
			if len(names) == 0 {
				break
			}
			// A list of names goes with a list of values, one by one.
			name := names[min(i, len(names)-1)]
			name = strings.TrimSuffix(name, "."+e.domain)
			if name == "@" {
				name = e.domain
			} else {
				name += "." + e.domain
			}
			switch {
			case !hostName(name):
				e.refuse(e.used(r.Name), name, "%q is not a name", printable(name))
			case r.Type == "CNAME" && !hostName(value):
				e.refuse(e.used(r.Value), value, "%q is not a host name", printable(value))
			case r.Type == "CNAME":
				to = append(to, Record{Name: absolute(name), Type: r.Type, Value: absolute(value), form: e.form(r.Value)})
			case r.Type == "TXT" && single(value):
				e.refuse(e.used(r.Value), value, "%q is a policy of which a name has one only; it cannot be put beside what is there", printable(value))
			case r.Type == "SRV" && !service(value):
				e.refuse(e.used(r.Value), value, "%q is not an SRV record", printable(value))
			default:
				to = append(to, Record{Name: absolute(name), Type: r.Type, Value: value})
			}
		}
	}
	return to
}

// offers fills in what is only shown. What the console has not told stands as
// the variable that it is.
func (e *expander) offers() []Offer {
	var to []Offer
	for _, o := range e.p.Offers {
		records := o.Records
		o.Records = nil
		for _, r := range records {
			for _, text := range []*string{&r.Name, &r.Value} {
				if values := e.fill(*text); len(values) > 0 {
					*text = values[0]
				}
			}
			name := e.domain
			if r.Name != "@" {
				name = r.Name + "." + e.domain
			}
			o.Records = append(o.Records, Record{Name: absolute(name), Type: r.Type, Value: r.Value})
		}
		to = append(to, o)
	}
	return to
}

// form returns the pattern of the variable that a text consists of.
func (e *expander) form(text string) string {
	if m := varUse.FindStringSubmatch(text); m != nil && m[0] == text {
		if v := e.p.variable(m[1]); v != nil {
			return v.Pattern
		}
	}
	return ""
}

// used returns the first variable that a text uses, for the error message.
func (e *expander) used(text string) Var {
	for _, m := range varUse.FindAllStringSubmatch(text, -1) {
		if v := e.p.variable(m[1]); v != nil {
			return *v
		}
	}
	return Var{Name: text}
}

// single reports whether a text is of a kind that a name has once. A second
// SPF or DMARC record makes both invalid.
func single(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	return strings.HasPrefix(text, "v=spf1") || strings.HasPrefix(text, "v=dmarc1") || strings.HasPrefix(text, "v=stsv1") || strings.HasPrefix(text, "v=tlsrptv1")
}

func service(value string) bool {
	rr, err := dns.NewRR(". 0 IN SRV " + value)
	return err == nil && rr != nil
}

func absolute(host string) string { return dns.CanonicalName(host) }
