package config

import (
	"log/slog"
)

// A Secret says where a secret is to be had; at most one field is set. It
// never prints what it holds. The zero value is no secret.
type Secret struct {
	Env     string   // name of an environment variable
	File    string   // a file that group and others cannot read
	Command []string // a program and its arguments, run in the move directory
	Prompt  bool     // asked at the terminal

	literal string
}

// Literal returns a secret that holds the text itself, as a password cell of
// accounts.csv may.
func Literal(text string) Secret { return Secret{literal: text} }

// Literal returns the text itself when the secret holds it.
func (s Secret) Literal() (string, bool) { return s.literal, s.literal != "" }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool {
	return s.Env == "" && s.File == "" && len(s.Command) == 0 && !s.Prompt && s.literal == ""
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
	case s.literal != "":
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
