package config

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A Secret says where a secret is to be had; at most one field is set. It
// never prints what it holds. The zero value is no secret.
type Secret struct {
	Env     string   // name of an environment variable
	File    string   // a file that group and others cannot read
	Command []string // a program and its arguments, run in the move directory
	Prompt  bool     // asked at the terminal

	// A pointer, because fmt prints the fields of a nested struct without
	// asking its methods when a verb does not fit.
	literal *string
}

// Literal returns a secret that holds the text itself, as a password cell of
// accounts.csv may.
func Literal(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{literal: &text}
}

// Literal returns the text itself when the secret holds it.
func (s Secret) Literal() (string, bool) {
	if s.literal == nil {
		return "", false
	}
	return *s.literal, true
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool {
	return s.Env == "" && s.File == "" && len(s.Command) == 0 && !s.Prompt && s.literal == nil
}

// String says where the secret comes from, never what it is. Of a command
// only the program is named: its arguments may be telling.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "env:" + s.Env
	case s.File != "":
		return "file:" + s.File
	case len(s.Command) > 0:
		return "command:" + s.Command[0]
	case s.Prompt:
		return "prompt"
	case s.literal != nil:
		return "[redacted]"
	}
	return "none"
}

// GoString keeps %#v from printing the secret.
func (s Secret) GoString() string { return "config.Secret(" + s.String() + ")" }

// MarshalText keeps encoders from printing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue keeps logs from printing the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// secretForms are the keys of a described secret.
var secretForms = []string{"command", "env", "file", "prompt"}

const secretFix = "write {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT]} or {prompt: true}"

// secret reads a described secret. What is not described is taken for the
// secret itself and never shown.
func (r *reader) secret(dst *Secret) field {
	return func(v value) {
		switch v.kind() {
		case "a mapping":
		case "nothing":
			r.fail(v.begin(), fmt.Sprintf("%q is empty", v.key), secretFix)
			return
		default:
			r.hide(v, fmt.Sprintf("%q is a secret written as text, which must not stand in this file", v.key))
			return
		}
		pairs := r.pairs(v)
		if len(pairs) != 1 || !slices.Contains(secretForms, pairs[0].key) {
			r.hide(v, fmt.Sprintf("%q does not say where the secret is to be had", v.key))
			return
		}
		r.object(v, map[string]field{
			"command": r.command(&dst.Command),
			"env":     r.text(&dst.Env),
			"file":    r.path(&dst.File),
			"prompt":  r.prompt(&dst.Prompt),
		})
	}
}

// hide complains about a secret and hides the line from the secret on. A
// secret that begins on a line of its own is hidden whole.
func (r *reader) hide(v value, text string) {
	if r.err != nil {
		return
	}
	at := v.begin()
	r.fail(at, text, secretFix)
	if rs := []rune(r.err.Source); at.column <= len(rs) {
		r.err.Source = string(rs[:at.column-1]) + masked
	}
}

// prompt reads true: prompt: false would be no secret at all.
func (r *reader) prompt(dst *bool) field {
	return func(v value) {
		if r.flag(dst)(v); r.err == nil && !*dst {
			r.fail(v.begin(), `"prompt" can only be true`, "leave the secret out if there is none")
		}
	}
}

// command reads a program and its arguments. One text would have to be split
// as a shell does, and is refused.
func (r *reader) command(dst *[]string) field {
	return func(v value) {
		if _, ok := v.node.(*ast.SequenceNode); !ok {
			r.wants(v, "a list of the program and its arguments")
			return
		}
		r.texts(dst)(v)
		if r.err == nil && len(*dst) == 0 {
			r.fail(v.begin(), `"command" is an empty list`, "name the program, then its arguments")
		}
	}
}

// parseCell reads a password cell of accounts.csv. It returns why it cannot.
func parseCell(cell string, resolve func(string) string) (Secret, string) {
	if name, ok := strings.CutPrefix(cell, "env:"); ok {
		if name == "" {
			return Secret{}, "env: lacks the name of a variable"
		}
		return Secret{Env: name}, ""
	}
	if path, ok := strings.CutPrefix(cell, "file:"); ok {
		if path == "" {
			return Secret{}, "file: lacks a path"
		}
		return Secret{File: resolve(path)}, ""
	}
	return Literal(cell), ""
}
