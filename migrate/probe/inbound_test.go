package probe_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mxmove/mxmove/migrate/probe"
)

func TestDeliver(t *testing.T) {
	t.Parallel()
	for name, startTLS := range map[string]bool{"with TLS": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, token := newSubmitter(t, false, startTLS), probe.NewToken()
			if err := probe.Deliver(t.Context(), s.addr, nil, "anna@example.org", token, time.Now()); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.mailFrom != "" || s.rcpt != "anna@example.org" || s.auths != 0 || !strings.Contains(s.message, "Subject: mxmove probe "+token) ||
				!strings.Contains(s.message, "From: <mxmove@probe.invalid>") {
				t.Errorf("from %q to %q, %d logins: %s", s.mailFrom, s.rcpt, s.auths, s.message)
			}
		})
	}
}

func TestDeliverRefused(t *testing.T) {
	t.Parallel()
	s := newSubmitter(t, false, true)
	s.rcptErr = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "blocked\x1b[31m using a list"}
	err := probe.Deliver(t.Context(), s.addr, nil, "anna@example.org", probe.NewToken(), time.Now())
	refused, ok := errors.AsType[*probe.DeliveryError](err)
	if !ok || refused.Command != "rcpt" || refused.Code != 550 || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("Deliver = %v, want a *DeliveryError of rcpt", err)
	}
}

func TestDeliverNotReached(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	gone := newSubmitter(t, false, false)
	for name, tt := range map[string]struct {
		ctx      context.Context
		addr, to string
	}{
		"cancelled":   {ctx, gone.addr, "anna@example.org"},
		"nobody":      {t.Context(), "127.0.0.1:1", "anna@example.org"},
		"no greeting": {t.Context(), silent(t, "rubbish\r\n"), "anna@example.org"},
		"no address":  {t.Context(), gone.addr, "anna@example.org\r\nRCPT TO:<b@example.org>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := probe.Deliver(tt.ctx, tt.addr, nil, tt.to, probe.NewToken(), time.Now())
			if err == nil || errors.As(err, new(*probe.DeliveryError)) {
				t.Errorf("Deliver = %v, want an error that is no answer", err)
			}
		})
	}
}
