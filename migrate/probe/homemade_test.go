package probe_test

import (
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/probe"
)

func TestHomemade(t *testing.T) {
	t.Parallel()
	const (
		cron    = "Received: by mail.example.org (Postfix, from userid 0)\r\n\tid 4F1A2; Wed, 25 Nov 2026 06:25:01 +0000 (UTC)\r\n"
		form    = "Received: from localhost (localhost [127.0.0.1])\r\n\tby mail.example.org (Postfix) with ESMTP id 4F1A3; Wed, 25 Nov 2026 06:25:01 +0000\r\n"
		filter  = "Received: from mail.example.org ([127.0.0.1])\r\n\tby localhost (mail.example.org [127.0.0.1]) (amavisd-new, port 10024)\r\n\twith ESMTP id x; Wed, 25 Nov 2026 06:25:01 +0000\r\n"
		lmtp    = "Received: from mail.example.org\r\n\tby mail.example.org with LMTP\r\n\tid aBcD; Wed, 25 Nov 2026 06:25:01 +0000\r\n"
		exim    = "Received: from root by mail.example.org with local (Exim 4.96)\r\n\t(envelope-from <root@mail.example.org>)\r\n\tid 1x; Wed, 25 Nov 2026 06:25:01 +0000\r\n"
		qmail   = "Received: (qmail 1234 invoked by uid 0); 25 Nov 2026 06:25:01 -0000\r\n"
		outside = "Received: from out.customer.example (out.customer.example [198.51.100.7])\r\n\tby mail.example.org (Postfix) with ESMTPS id 4F1A4; Wed, 25 Nov 2026 06:25:01 +0000\r\n"
		network = "Received: (qmail 1235 invoked from network); 25 Nov 2026 06:25:01 -0000\r\n"
		scanner = "Received: from scanner (unknown [192.168.1.44])\r\n\tby mail.example.org (Postfix) with SMTP id 4F1A5; Wed, 25 Nov 2026 06:25:01 +0000\r\n"
		nobody  = "Received: from out.customer.example by mail.example.org with SMTP; Wed, 25 Nov 2026 06:25:01 +0000\r\n"
		webmail = "Received: from webmail.example.org (localhost [127.0.0.1])\r\n\t(Authenticated sender: anna)\r\n\tby mail.example.org (Postfix) with ESMTPA id 4F1A6; Wed, 25 Nov 2026 06:25:01 +0000\r\n"
	)
	for _, tt := range []struct {
		name, fields string
		want         bool
	}{
		{"a job of cron", cron, true},
		{"and through a filter to a mailbox", lmtp + form + filter + cron, true},
		{"a web form by SMTP", form, true},
		{"Exim", exim, true},
		{"qmail", qmail, true},
		{"from outside", outside, false},
		{"from outside through a filter", lmtp + form + filter + outside, false},
		{"qmail from outside", network + outside, false},
		{"qmail, and nobody says whence", network, false},
		{"a device nearby", scanner, false},
		{"no address", nobody, false},
		{"a webmail on the machine", webmail, false},
		{"by a login alone", strings.Replace(webmail, "(Authenticated sender: anna)", "", 1), false},
		{"put there by a mail program", "", false},
		{"another field", "Subject: hello\r\n", false},
		{"no field at all", "hello\r\n", false},
		{"IPv6 loopback", strings.Replace(form, "127.0.0.1", "IPv6:::1", 1), true},
		{"cut short", "Received:", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := probe.Homemade([]byte(tt.fields)); got != tt.want {
				t.Errorf("Homemade(%q) = %v, want %v", tt.fields, got, tt.want)
			}
		})
	}
}

func FuzzHomemade(f *testing.F) {
	f.Add([]byte("Received: from localhost ([127.0.0.1]) by a with LMTP; x\r\n"))
	f.Add([]byte("Received: (qmail 1 invoked by uid 0)\n"))
	f.Fuzz(func(t *testing.T, fields []byte) {
		if !probe.Homemade(fields) {
			return
		}
		// A hop from outside makes late mail of anything.
		late := "Received: from a (a [198.51.100.7]) by b with ESMTP; x\r\n" + string(fields)
		if probe.Homemade([]byte(late)) {
			t.Errorf("Homemade(%q) = true, although it came from outside", late)
		}
	})
}
