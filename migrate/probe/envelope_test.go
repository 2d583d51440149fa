package probe_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/probe"
)

// exchangeInside is the way of a message through Exchange Online.
const exchangeInside = "Received: from DB8PR04CA0001.eurprd04.prod.outlook.com (2603:10a6:10:110::40)\n by AS8PR07MB0001.eurprd07.prod.outlook.com (2603:10a6:20b:637::9) with HTTPS; date\n" +
	"Received: from DB5EUR.eop-EUR03.prod.protection.outlook.com\n (2603:10a6:10:110:cafe::34) by DB8PR04CA0001.outlook.office365.com\n (2603:10a6:10:110::40) with Microsoft SMTP Server via Frontend Transport; date\n"

func TestEnvelopeOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header string
		ip, helo     string
		mailFrom     string
		trusted      []string
	}{
		{"postfix", "Return-Path: <a@example.org>\nReceived: from out.example.org (out.example.org [192.0.2.25])\n\tby mx.elsewhere.example (Postfix) with ESMTPS id 4Xy; Tue, 24 Nov 2026 10:00:01 +0000 (UTC)",
			"192.0.2.25", "out.example.org", "a@example.org", nil},
		{"postfix, name not known", "Received: from out.example.org (unknown [IPv6:2001:db8::25]) by mx.elsewhere.example", "2001:db8::25", "out.example.org", "", nil},
		{"exim", "Return-path: <a@example.org>\nReceived: from [192.0.2.25] (helo=out.example.org)\n by mx.elsewhere.example with esmtps", "192.0.2.25", "out.example.org", "a@example.org", nil},
		{"exim, name in front", "Received: from host.example.net ([192.0.2.25] helo=out.example.org) by mx.elsewhere.example", "192.0.2.25", "out.example.org", "", nil},
		{"gmail", "Delivered-To: p@elsewhere.example\nReceived: by 2002:a05:6a10:1234 with SMTP id q1;\n Tue, 24 Nov 2026 02:00:02 -0800\nX-Received: by 2002:a05\nReturn-Path: <a@example.org>\n" +
			"Received: from out.example.org (out.example.org. [192.0.2.25])\n by mx.google.example with ESMTPS id x9", "192.0.2.25", "out.example.org", "a@example.org", nil},
		{"exchange", "Received: from OUT.example.org\n (192.0.2.25) by MX.elsewhere.example (10.0.0.9) with Microsoft SMTP Server id 15.20", "192.0.2.25", "OUT.example.org", "", nil},
		{"Exchange Online", exchangeInside + "Received: from out.example.org (192.0.2.25) by DB5EUR.mail.protection.outlook.com\n (10.152.1.1) with Microsoft SMTP Server", "192.0.2.25", "out.example.org", "", nil},
		{"Exchange Online, from another customer", exchangeInside + "Received: from EUR05-obe.outbound.protection.outlook.com\n (2a01:111:f403:2613::7) by DB5EUR.mail.protection.outlook.com (10.152.1.1)",
			"2a01:111:f403:2613::7", "EUR05-obe.outbound.protection.outlook.com", "", nil},
		{"a machine at Microsoft", "Received: from vm.example.org (2603:1020:201::7) by mx.elsewhere.example", "2603:1020:201::7", "vm.example.org", "", nil},
		{"qmail", "Received: from unknown (HELO out.example.org) (192.0.2.25) by mx.elsewhere.example with SMTP", "192.0.2.25", "out.example.org", "", nil},
		{"yahoo", "Return-Path: <a@example.org>\nReceived: from 192.0.2.25 (EHLO out.example.org)\n by 10.217.150.13 with SMTPs\n (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256);\n Tue, 24 Nov 2026 10:00:01 +0000", "192.0.2.25", "out.example.org", "a@example.org", nil},
		{"an address that greets", "Received: from 203.0.113.1 by mx.elsewhere.example", "", "", "", nil},
		{"an address that greets as another", "Received: from 203.0.113.1 (HELO 203.0.113.2) by mx.elsewhere.example", "", "", "", nil},
		{"hops inside", "Return-Path: <>\nReceived: from localhost (localhost [127.0.0.1]) by store.elsewhere.example\nReceived: from mx.elsewhere.example (mx [10.1.2.3]) by store.elsewhere.example\n" +
			"Received: from out.example.org (x [192.0.2.25]) by mx.elsewhere.example\nReceived: from forged (x [203.0.113.1]) by out.example.org", "192.0.2.25", "out.example.org", probe.NullSender, nil},
		{"handed to the mailbox", "Return-Path: <a@example.org>\nDelivered-To: p@elsewhere.example\nReceived: from mx.elsewhere.example ([203.0.113.40])\n\tby store.elsewhere.example with LMTP\n\tid abc\n\tfor <p@elsewhere.example>; Tue, 24 Nov 2026 10:00:02 +0000\n" +
			"Received: from out.example.org (unknown [192.0.2.25])\n\tby mx.elsewhere.example (Postfix) with ESMTPS id 4Xy", "192.0.2.25", "out.example.org", "a@example.org", nil},
		{"LMTP and TLS", "Received: from mx (x [203.0.113.40]) by store.elsewhere.example with LMTPSA; date\nReceived: from out.example.org (x [192.0.2.25]) by mx.elsewhere.example", "192.0.2.25", "out.example.org", "", nil},
		{"a name that only looks like LMTP", "Received: from with LMTP (x [192.0.2.25]) by mx.elsewhere.example with ESMTP id LMTP", "192.0.2.25", "with", "", nil},
		{"address chosen by the peer", "Received: from [203.0.113.1] ([192.0.2.25]) by mx.elsewhere.example", "192.0.2.25", "203.0.113.1", "", nil},
		{"return path below is the sender's", "Received: from out.example.org (x [192.0.2.25]) by mx.elsewhere.example\nReturn-Path: <a@example.org>", "192.0.2.25", "out.example.org", "", nil},
		{"trusted", "Received: from out.example.org (x [192.0.2.25]) by mx2.Elsewhere.example with SMTP", "192.0.2.25", "out.example.org", "", []string{"other.example", "elsewhere.example"}},
		{"not trusted", "Received: from out.example.org (x [192.0.2.25]) by mx.badelsewhere.example with SMTP", "", "", "", []string{"elsewhere.example"}},
		{"nothing below a stranger", "Received: from a (x [10.0.0.1]) by mx.stranger.example\nReceived: from out.example.org (x [192.0.2.25]) by mx.elsewhere.example", "", "", "", []string{"elsewhere.example"}},
		{"no trace", "Return-Path: <a@example.org>\nSubject: x", "", "", "a@example.org", nil},
		{"no address", "Received: from out.example.org by mx.elsewhere.example", "", "", "", nil},
		{"address makes no sense", "Received: from out.example.org (x [999.1.2.3]) by mx.elsewhere.example", "", "", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, err := probe.EnvelopeOf([]byte(tt.header+"\nFrom: a@example.org\n\nx\n"), tt.trusted...)
			var ip netip.Addr
			if tt.ip != "" {
				ip = netip.MustParseAddr(tt.ip)
			}
			if want := (probe.Envelope{IP: ip, Helo: tt.helo, MailFrom: tt.mailFrom}); env != want {
				t.Errorf("EnvelopeOf = %+v, want %+v", env, want)
			}
			if (tt.ip == "") != errors.Is(err, probe.ErrNoEnvelope) {
				t.Errorf("EnvelopeOf: %v, address known %v", err, tt.ip != "")
			}
		})
	}
}

// TestEnvelopeNamesAnInnerHost: between hosts of one organization, the lower
// of which took the message, nobody knows whether that was inside.
func TestEnvelopeNamesAnInnerHost(t *testing.T) {
	t.Parallel()
	const below = "\nReceived: from out.example.org (x [192.0.2.25]) by mx.elsewhere.example"
	for _, tt := range []struct{ header, inner string }{
		{"Received: from mx.elsewhere.example (mx.elsewhere.example [203.0.113.40]) by store.elsewhere.example" + below, "mx.elsewhere.example"},
		{"Received: from x (mx.Elsewhere.example. [203.0.113.40]) by store.elsewhere.example" + below, "mx.Elsewhere.example."},
		{"Received: from [203.0.113.40] (helo=mx.elsewhere.example)\n by store.elsewhere.example with esmtps" + below, "mx.elsewhere.example"},
		{"Received: from mx.elsewhere.example (unknown [203.0.113.40]) by store.elsewhere.example", ""},
		{"Received: from mx.elsewhere.example (unknown [203.0.113.40]) by store.elsewhere.example\nReceived: from a by out.example.org", ""},
		{"Received: from out.example.org (out.example.org [203.0.113.40]) by store.elsewhere.example" + below, ""},
		{"Received: from mail-sor-f41.google.com (mail-sor-f41.google.com. [209.85.220.41]) by mx.google.com\nReceived: by mail-sor-f41.google.com with SMTP", ""},
		{"Received: from (mx.elsewhere.example [203.0.113.40])" + below, ""},
	} {
		env, _ := probe.EnvelopeOf([]byte(tt.header + "\nFrom: a@example.org\n\nx\n"))
		if env.Inner != tt.inner {
			t.Errorf("EnvelopeOf(%q) names %q, want %q", tt.header, env.Inner, tt.inner)
		}
	}
}

func FuzzEnvelopeOf(f *testing.F) {
	for _, seed := range []string{
		"Return-Path: <a@b>\r\nReceived: from x (y [1.2.3.4]) by z; date\r\n\r\n",
		"Received: from\r\nReceived: by by by\r\nReceived: from [[[[(((( helo= by \r\n\r\n",
		"Received: from a (b [IPv6:::]) by\r\n\r\n", "Return-Path: <<>>\r\n\r\n", "\r\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		env, err := probe.EnvelopeOf(msg, "z")
		if err == nil && !env.IP.IsValid() {
			t.Errorf("EnvelopeOf = %+v without an error", env)
		}
		if env.MailFrom != "" && env.MailFrom != probe.NullSender && !strings.Contains(env.MailFrom, "@") {
			t.Errorf("MAIL FROM = %q", env.MailFrom)
		}
	})
}
