package probe

import (
	"slices"
	"strings"
)

// Bounds of one Authentication-Results field.
const (
	maxAuthRes    = 16 << 10
	maxResults    = 64
	maxProperties = 32
)

// An AuthResults is one Authentication-Results field (RFC 8601). ID is empty
// where its writer names none, as Microsoft does.
type AuthResults struct {
	ID      string
	Results []AuthResult
}

// An AuthResult is what one method found. Properties are such as header.d.
type AuthResult struct {
	Method, Result, Reason string
	Properties             []Property
}

// A Property is one property with its value, as written but for quotes and
// comments.
type Property struct{ Name, Value string }

// Property returns the value of the first property of a name, or nothing.
func (r AuthResult) Property(name string) string {
	i := slices.IndexFunc(r.Properties, func(p Property) bool { return p.Name == name })
	if i < 0 {
		return ""
	}
	return r.Properties[i].Value
}

// Domain returns the domain that a DKIM result is about: header.d, or the end
// of header.i where only that is given, as Gmail does.
func (r AuthResult) Domain() string {
	if d := r.Property("header.d"); d != "" {
		return d
	}
	i := r.Property("header.i")
	return i[strings.LastIndexByte(i, '@')+1:]
}

// ParseAuthResults reads the content of a field as tolerantly as it is
// written: the name of the writer may be missing, comments may nest, a reason
// in quotes may hold semicolons. What cannot be read is left out; nothing
// makes the rest unreadable.
func ParseAuthResults(value string) AuthResults {
	if len(value) > maxAuthRes {
		value = value[:maxAuthRes]
	}
	var a AuthResults
	for i, part := range segments(unfold(value)) {
		pairs, words := pairsOf(part)
		if i == 0 && len(pairs) == 0 {
			if len(words) > 0 {
				a.ID = strings.ToLower(strings.TrimSuffix(words[0], "."))
			}
			continue
		}
		if len(pairs) == 0 || len(a.Results) == maxResults {
			continue // "none", or what nobody can read
		}
		method, _, _ := strings.Cut(pairs[0].Name, "/") // a version may follow
		if method == "" {
			continue
		}
		r := AuthResult{Method: method, Result: strings.ToLower(pairs[0].Value)}
		for _, p := range pairs[1:] {
			if p.Name == "reason" {
				r.Reason = p.Value
			} else if len(r.Properties) < maxProperties {
				r.Properties = append(r.Properties, p)
			}
		}
		a.Results = append(a.Results, r)
	}
	return a
}

// segments splits at semicolons outside quotes and comments, and takes the
// comments away. A quote or comment that is never closed is text.
func segments(value string) []string {
	var parts []string
	var b strings.Builder
	open := map[byte]bool{} // marks that were found without an end
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case '(', '"':
			end := len(value)
			if !open[c] {
				end = closing(value, i, map[byte]byte{'(': ')', '"': '"'}[c])
			}
			if open[c] = end == len(value); open[c] {
				b.WriteByte(' ') // the mark alone; what follows is read
				continue
			}
			if c == '"' {
				b.WriteString(value[i : end+1])
			} else {
				b.WriteByte(' ')
			}
			i = end
		case ';':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(parts, b.String())
}

// pairsOf takes a segment apart: pairs name=value, with blanks around the
// equals sign, and words that stand alone.
func pairsOf(part string) (pairs []Property, words []string) {
	for {
		part = strings.TrimLeft(part, " \t")
		if part == "" {
			return pairs, words
		}
		n := strings.IndexAny(part, " \t=")
		if n < 0 {
			return pairs, append(words, part)
		}
		name, rest := part[:n], strings.TrimLeft(part[n:], " \t")
		if !strings.HasPrefix(rest, "=") {
			words, part = append(words, name), rest
			continue
		}
		value, after := valueOf(strings.TrimLeft(rest[1:], " \t"))
		if name != "" && len(pairs) <= maxProperties {
			pairs = append(pairs, Property{strings.ToLower(name), value})
		}
		part = after
	}
}

// valueOf reads one value, in quotes or up to a blank. An address may have its
// local part in quotes.
func valueOf(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		if n := strings.IndexAny(text, " \t"); n >= 0 {
			return text[:n], text[n:]
		}
		return text, ""
	}
	end := closing(text, 0, '"')
	if end == len(text) {
		return text[1:], ""
	}
	var b strings.Builder
	for i := 1; i < end; i++ {
		if text[i] == '\\' && i+1 < end {
			i++
		}
		b.WriteByte(text[i])
	}
	value, rest = b.String(), text[end+1:]
	if strings.HasPrefix(rest, "@") {
		domain, after := valueOf(rest)
		return value + domain, after
	}
	return value, rest
}
