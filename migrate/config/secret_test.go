package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/config"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := config.Literal("hunter2")
	a := config.Account{SourceUser: "anna", SourcePassword: s, TargetPassword: s}
	c := config.Config{Source: config.Server{Master: &config.Master{Password: s}}}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", s, "account", a)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", s, "account", a)
	if err := json.NewEncoder(&out).Encode([]any{s, a, c, c.Source.Master}); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{s, &s, a, &a, c, &c, *c.Source.Master, []config.Secret{s}, map[string]config.Secret{"k": s}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q %x %d\n", v, v, v, v, v, v, v)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "hunter2") || strings.Contains(line, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("printed: %s", line)
		}
	}
}

func TestSecretZero(t *testing.T) {
	t.Parallel()
	tests := []struct {
		secret config.Secret
		zero   bool
		want   string
	}{
		{config.Secret{}, true, "none"},
		{config.Literal(""), true, "none"},
		{config.Literal("x"), false, "[redacted]"},
		{config.Secret{Env: "A"}, false, "env:A"},
		{config.Secret{File: "/a"}, false, "file:/a"},
		{config.Secret{Command: []string{"pass", "x"}}, false, "command:pass"},
		{config.Secret{Prompt: true}, false, "prompt"},
	}
	for _, tt := range tests {
		if got := tt.secret.IsZero(); got != tt.zero {
			t.Errorf("IsZero(%s) = %v, want %v", tt.secret, got, tt.zero)
		}
		if got := tt.secret.String(); got != tt.want {
			t.Errorf("String = %q, want %q", got, tt.want)
		}
	}
}
