package handout

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/migrate/config"
)

// Unit is the name of the units.
func (p page) Unit() string { return "mxmove-" + p.Config.Domain }

// Sweep is the time between two sweeps, in seconds.
func (p page) Sweep() int { return max(1, int(p.Config.Policy.Sweep.Seconds())) }

// secrets lists what watch has to know to log in and to ask the DNS.
func (p page) secrets() []config.Secret {
	c := p.Config
	var all []config.Secret
	for _, s := range []config.Server{c.Source, c.Target} {
		if s.Master != nil {
			all = append(all, s.Master.Password)
		}
		if s.OAuth != nil {
			all = append(all, s.OAuth.Secret)
		}
	}
	for _, a := range p.Accounts {
		all = append(all, a.SourcePassword, a.TargetPassword)
	}
	if c.Probe != nil {
		all = append(all, c.Probe.Password)
		if c.Probe.OAuth != nil {
			all = append(all, c.Probe.OAuth.Secret)
		}
	}
	if t := c.DNS.Snapshot.TSIG; t != nil {
		all = append(all, t.Secret)
	}
	return all
}

// Environment lists the variables that hold secrets: a timer has to be given
// them in a file.
func (p page) Environment() []string {
	var names []string
	for _, s := range p.secrets() {
		if s.Env != "" && !slices.Contains(names, s.Env) {
			names = append(names, s.Env)
		}
	}
	slices.Sort(names)
	return names
}

// Asks reports whether a secret is typed at the terminal, where a timer has
// nobody.
func (p page) Asks() bool {
	return slices.ContainsFunc(p.secrets(), func(s config.Secret) bool { return s.Prompt })
}

// SecretFile is where the variables may stand: beside the configuration.
func (p page) SecretFile() string { return path.Join(p.Dir, "mxmove.env") }

// Start is the program as ExecStart takes it. systemd refuses a path with
// quotation marks or backslashes for a program, and takes it for an argument.
func (p page) Start() string {
	if strings.ContainsAny(p.Program, "\"'\\") {
		return "/usr/bin/env " + unit(p.Program)
	}
	return unit(p.Program)
}

// specifiers writes the rest of a line of a unit, where only "%" is special.
func specifiers(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// shell writes a word for a shell.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// unit writes a word for ExecStart and its like (systemd.service(5)): in
// quotation marks, with everything escaped that systemd would expand.
func unit(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '%' || r == '$':
			b.WriteRune(r)
			b.WriteRune(r)
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
