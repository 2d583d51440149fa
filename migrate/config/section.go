package config

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// vars reads variables: each is one text or a list. A number is taken as it
// was written, since a selector such as 2024 is no quantity.
func (r *reader) vars(dst *map[string][]string) field {
	return func(v value) {
		for _, p := range r.pairs(v) {
			items := []ast.Node{p.node}
			if n, ok := p.node.(*ast.SequenceNode); ok {
				if items = n.Values; len(items) == 0 {
					r.fail(p.at, quote(p.key)+" is empty", "fill in the value that the provider's console shows, or leave the variable out")
				}
			}
			var texts []string
			for _, item := range items {
				one := value{key: p.key, at: p.at, node: item}
				s, ok := scalar(one)
				switch {
				case !ok:
					r.wants(one, "text or a list of text")
				case strings.TrimSpace(s) == "":
					r.fail(one.at, quote(p.key)+" is empty", "fill in the value that the provider's console shows, or leave the variable out")
				}
				texts = append(texts, strings.TrimSpace(s))
			}
			if *dst == nil {
				*dst = make(map[string][]string)
			}
			(*dst)[p.key] = texts
		}
	}
}

func (r *reader) aliases(dst *[]Alias) field {
	return func(v value) {
		seen := make(map[string]bool)
		for _, p := range r.pairs(v) {
			name, ok := domainName(p.key)
			if !ok {
				r.fail(p.at, quote(p.key)+" is not a mail domain", "write a name such as example.net")
			}
			if seen[name] {
				r.fail(p.at, quote(p.key)+" is listed twice", "remove one of them")
			}
			seen[name] = true
			a := Alias{Domain: name}
			r.object(p, map[string]field{"vars": r.vars(&a.Vars)})
			*dst = append(*dst, a)
		}
	}
}

func (r *reader) inventory(dst **Inventory) field {
	return func(v value) {
		if v.null() {
			return
		}
		i := &Inventory{}
		r.object(v, map[string]field{
			"dovecot": r.path(&i.Dovecot),
			"maillog": r.paths(&i.MailLog),
			"postfix": r.path(&i.Postfix),
		})
		*dst = i
	}
}

func (r *reader) sync(dst *Sync) field {
	return func(v value) {
		r.object(v, map[string]field{
			"accounts":    r.number(&dst.Accounts, 1, 256),
			"connections": r.number(&dst.Connections, 1, 64),
			"deleted":     r.word(&dst.Deleted, "copy", "unflag", "skip"),
			"exclude":     r.texts(&dst.Exclude),
			"gone":        r.word(&dst.Gone, "follow", "keep"),
			"mailboxes":   r.mailboxes(&dst.Mailboxes),
			"memory":      r.size(&dst.Memory),
		})
	}
}

// mailboxes reads explicit pairs. A name may look like a number, as 2019.
func (r *reader) mailboxes(dst *map[string]string) field {
	return func(v value) {
		for _, p := range r.pairs(v) {
			s, ok := scalar(p)
			if !ok || s == "" || p.key == "" {
				r.wants(p, "the name of a mailbox at the target")
				continue
			}
			if *dst == nil {
				*dst = make(map[string]string)
			}
			(*dst)[p.key] = s
		}
	}
}

func (r *reader) probe(dst **Probe) field {
	return func(v value) {
		if v.null() {
			return
		}
		p := &Probe{}
		seen := r.object(v, map[string]field{
			"address":  r.mailAddress(&p.Address),
			"imap":     r.endpoint(&p.IMAP, "imaps", "imap"),
			"listen":   r.listen(&p.Listen),
			"oauth":    r.oauth(&p.OAuth),
			"password": r.secret(&p.Password),
			"tls":      r.tls(&p.TLS),
		}, "address")
		r.receiver(v, seen)
		*dst = p
	}
}

// receiver asks for a mailbox with its login, or for a port of our own.
func (r *reader) receiver(v value, seen map[string]place) {
	if _, ok := seen["listen"]; ok {
		for _, key := range []string{"imap", "oauth", "password", "tls"} {
			if at, ok := seen[key]; ok {
				r.fail(at, fmt.Sprintf("%q belongs to a mailbox elsewhere, and listen says that the probe comes to this machine", key), "keep one of them")
			}
		}
		return
	}
	if _, ok := seen["imap"]; !ok {
		r.fail(v.at, fmt.Sprintf("%q lacks the required key %q", v.key, "imap"), "add it, or listen: 0.0.0.0:25 where this machine takes the mail of the address")
	}
	_, password := seen["password"]
	if _, ok := seen["oauth"]; !ok && !password {
		r.missing(v, "password")
	}
}

// listen reads an address of this machine.
func (r *reader) listen(dst *string) field {
	return func(v value) {
		s, ok := scalar(v)
		h, port, good := hostPort(s, 25)
		if a, err := netip.ParseAddr(h); !ok || !good || err != nil || a.Is4In6() {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), "write an address of this machine and a port, such as 0.0.0.0:25 or [::]:25")
			return
		}
		*dst = joinPort(h, port)
	}
}

func (r *reader) mailAddress(dst *string) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		if *dst, ok = mailAddress(s, ""); !ok {
			r.fail(v.begin(), quote(s)+" is not a mail address", "write one such as probe@elsewhere.example")
		}
	}
}

func (r *reader) policy(dst *Policy) field {
	return func(v value) {
		r.object(v, map[string]field{
			"quiet": r.duration(&dst.Quiet),
			"sweep": r.duration(&dst.Sweep),
		})
	}
}

func (r *reader) rehearsal(dst **Rehearsal) field {
	return func(v value) {
		if v.null() {
			return
		}
		h := &Rehearsal{}
		r.object(v, map[string]field{
			"ca":      r.path(&h.CA),
			"connect": r.connect(&h.Connect),
		})
		*dst = h
	}
}

// connect reads where to connect really. A rehearsal never leaves the
// machine, so that it cannot be mistaken for the move.
func (r *reader) connect(dst *map[string]string) field {
	return func(v value) {
		for _, p := range r.pairs(v) {
			h, port, ok := hostPort(p.key, 0)
			if !ok {
				r.fail(p.at, quote(p.key)+" is not an address with a port", `write it as "mx1.example.org:25"`)
			}
			s, ok := r.line1(p)
			if !ok {
				continue
			}
			to, err := netip.ParseAddrPort(s)
			if err != nil || !to.Addr().IsLoopback() || to.Port() == 0 {
				r.fail(p.begin(), quote(s)+" is not an address on loopback", `write one such as "127.0.0.1:2525"`)
				continue
			}
			if *dst == nil {
				*dst = make(map[string]string)
			}
			(*dst)[joinPort(h, port)] = to.String()
		}
	}
}
