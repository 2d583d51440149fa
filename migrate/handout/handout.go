// Package handout fills in the texts that people need beside the program:
// what users do, what the provider's administrator switches on, how the old
// server stops taking the domain for its own, and a timer for the watch. No
// secret stands in any of them.
package handout

import (
	"embed"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/mailbox/oauth"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/inventory"
)

// A Kind is one of the texts.
type Kind string

// The kinds of handouts.
const (
	Users  Kind = "users"  // for the people whose mail moves
	Admin  Kind = "admin"  // for whoever has the provider's console
	Freeze Kind = "freeze" // for whoever runs the old server
	Timer  Kind = "timer"  // units of systemd for mxmove watch --once
)

// Kinds lists all kinds, in the order in which a move needs them.
func Kinds() []Kind { return []Kind{Admin, Users, Timer, Freeze} }

// ErrKind is returned for a text that there is none of.
var ErrKind = errors.New("handout: unknown kind")

//go:embed texts/*.txt
var texts embed.FS

// A Move is what the texts are filled in from. Config and Provider are
// required; what else is not known leaves its paragraph general or out.
type Move struct {
	Config   *config.Config
	Provider *provider.Provider
	Accounts []config.Account
	Old      *inventory.Set // nil: nobody has looked

	Program string // the path of mxmove, for the timer
	Dir     string // the absolute path of the move directory
}

// Text returns a handout as plain text.
func Text(kind Kind, m Move) (string, error) {
	source, err := texts.ReadFile("texts/" + string(kind) + ".txt")
	if err != nil || strings.ContainsAny(string(kind), "./") {
		return "", fmt.Errorf("%w %q", ErrKind, string(kind))
	}
	t, err := template.New(string(kind)).Funcs(functions).Option("missingkey=error").Parse(string(source))
	if err != nil {
		return "", fmt.Errorf("handout %s: %w", kind, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, page{m}); err != nil {
		return "", fmt.Errorf("handout %s: %w", kind, err)
	}
	return visible(b.String()), nil
}

var functions = template.FuncMap{
	"join": func(items []string) string { return strings.Join(items, ", ") },
	"unit": unit, "specifiers": specifiers, "shell": shell, "powershell": oauth.PowerShell,
	"line": func(s string) string { return strings.Repeat("=", len(s)) },
}

// A page is a Move as the templates see it.
type page struct{ Move }

// Domains are all domains of the move, the first one first.
func (p page) Domains() []string {
	ds := []string{p.Config.Domain}
	for _, a := range p.Config.AliasDomains {
		ds = append(ds, a.Domain)
	}
	return ds
}

// Several reports whether more than one domain moves.
func (p page) Several() bool { return len(p.Config.AliasDomains) > 0 }

// A server is what people enter in their mail programs.
type server struct {
	Host, Security string
	Port           int
}

// IMAP is the server that people read their mail from, nil where there is none.
func (p page) IMAP() *server { return entered(p.Config.Target.IMAP, p.Provider.IMAP) }

// SMTP is the server that people send by.
func (p page) SMTP() *server { return entered(p.Config.Target.SMTP, p.Provider.SMTP) }

func entered(own *config.Endpoint, e provider.Endpoint) *server {
	s := &server{Host: e.Host, Port: e.Port, Security: "STARTTLS"}
	implicit := e.TLS == "implicit"
	if own != nil {
		s.Host, s.Port, implicit = own.Host, own.Port, own.ImplicitTLS()
	}
	if implicit {
		s.Security = "SSL/TLS"
	}
	if s.Host == "" {
		return nil
	}
	return s
}

// Logins reports whether the provider's servers take a way to log in, such as
// "oauth". For a provider that does not say so, a password is assumed.
func (p page) Logins(way string) bool {
	if len(p.Provider.IMAP.Login) == 0 {
		return way == "password"
	}
	for _, l := range p.Provider.IMAP.Login {
		if l == way {
			return true
		}
	}
	return false
}

// Tokens says whose steps give mxmove access by token: "microsoft", "google",
// or "" where nothing is known of them.
func (p page) Tokens() string {
	return map[string]string{"microsoft365": "microsoft", "google": "google"}[p.Provider.Name]
}

// OldHost is the old server's name.
func (p page) OldHost() string {
	if e := p.Config.Source.IMAP; e != nil {
		return e.Host
	}
	return "the old server"
}

// Quiet is the quiet time in days, at least one.
func (p page) Quiet() int { return max(1, int(p.Config.Policy.Quiet/(24*time.Hour))) }

// visible writes out what would steer a terminal: the values come from files.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return '?'
		}
		return r
	}, text)
}
