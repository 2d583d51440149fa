package migrate

import (
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/config"
)

func TestWeakest(t *testing.T) {
	t.Parallel()
	at := func(minute int, from, verdict string) DMARCRecord {
		return DMARCRecord{Time: time.Date(2026, 11, 25, 12, minute, 0, 0, time.UTC), From: from, DMARC: verdict}
	}
	one, two := []string{"example.org"}, []string{"example.org", "example.net"}
	tests := []struct {
		name    string
		records []DMARCRecord
		domains []string
		want    string
	}{
		{"nothing", nil, one, ""},
		{"nothing of two", nil, two, ""},
		{"too old", []DMARCRecord{at(0, "anna@example.org", "pass")}, one, ""},
		{"a pass", []DMARCRecord{at(5, "anna@example.org", "pass")}, one, "anna@example.org pass"},
		{"mended", []DMARCRecord{at(5, "anna@example.org", "fail"), at(6, "Anna@Example.org", "pass")}, one, "Anna@Example.org pass"},
		{"broken since", []DMARCRecord{at(5, "anna@example.org", "pass"), at(6, "anna@example.org", "fail")}, one, "anna@example.org fail"},
		{"an alias that fails", []DMARCRecord{at(5, "sales@example.org", "fail"), at(6, "anna@example.org", "pass")}, one, "sales@example.org fail"},
		{"a domain below", []DMARCRecord{at(5, "anna@example.org", "pass"), at(6, "x@news.example.org", "fail")}, one, "anna@example.org pass"},
		{"only a domain below", []DMARCRecord{at(6, "x@news.example.org", "pass")}, one, ""},
		{"both", []DMARCRecord{at(5, "anna@example.org", "pass"), at(6, "anna@example.net", "pass")}, two, "anna@example.org pass"},
		{"one of two", []DMARCRecord{at(5, "anna@example.org", "pass")}, two, "@example.net not-measured"},
		{"the second fails", []DMARCRecord{at(5, "anna@example.org", "pass"), at(6, "anna@example.net", "temperror")}, two, "anna@example.net temperror"},
	}
	for _, tt := range tests {
		got := ""
		if rec := weakest(tt.records, tt.domains, time.Date(2026, 11, 25, 12, 3, 0, 0, time.UTC)); rec != nil {
			got = rec.From + " " + rec.DMARC
		}
		if got != tt.want {
			t.Errorf("%s: weakest = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	rows := []config.Account{
		{SourceUser: "anna", TargetUser: "anna@example.org", Address: "anna@example.org", Aliases: []string{"sales@example.org", "anna@other.example"}},
		{SourceUser: "bert", TargetUser: "bert@example.org", Address: "bert@example.org", Aliases: []string{"bert@example.net", "Sales@example.org", "news@shop.example.org"}},
		{SourceUser: "old", TargetUser: "old@example.org", Address: "bert@example.org", Into: "Old"},
	}
	tests := []struct {
		name    string
		o       DMARCOptions
		domains []string
		want    string // address by account, then the next
	}{
		{"one domain", DMARCOptions{}, []string{"example.org"}, "anna@example.org by anna@example.org"},
		{"two domains", DMARCOptions{}, []string{"example.org", "example.net"}, "anna@example.org by anna@example.org, bert@example.net by bert@example.org"},
		{"a domain without anybody", DMARCOptions{}, []string{"example.org", "example.com"}, "anna@example.org by anna@example.org, @example.com by "},
		{"an account", DMARCOptions{Account: "bert"}, []string{"example.org", "example.net"}, "bert@example.org by bert@example.org"},
		{"nobody", DMARCOptions{Account: "nobody"}, []string{"example.org"}, "error"},
		{"an alias", DMARCOptions{From: []string{"SALES@Example.Org."}}, []string{"example.org"}, "SALES@example.org by anna@example.org"},
		{"an alias of another", DMARCOptions{From: []string{"bert@example.net"}}, []string{"example.org", "example.net"}, "bert@example.net by bert@example.org"},
		{"a domain below", DMARCOptions{From: []string{"x@a.b.example.org"}}, []string{"example.org"}, "x@a.b.example.org by anna@example.org"},
		{"a domain below by somebody", DMARCOptions{From: []string{"x@a.example.org"}, Account: "bert@example.org"}, []string{"example.org"}, "x@a.example.org by bert@example.org"},
		{"twice", DMARCOptions{From: []string{"anna@example.org", "anna@example.org"}}, []string{"example.org"}, "anna@example.org by anna@example.org"},
		{"elsewhere", DMARCOptions{From: []string{"anna@other.example"}}, []string{"example.org"}, "error"},
		{"a longer name", DMARCOptions{From: []string{"anna@badexample.org"}}, []string{"example.org"}, "error"},
		{"no address", DMARCOptions{From: []string{"example.org"}}, []string{"example.org"}, "error"},
		{"two words", DMARCOptions{From: []string{"anna b@example.org"}}, []string{"example.org"}, "error"},
		{"a header", DMARCOptions{From: []string{"anna\r\nBcc: x@example.org"}}, []string{"example.org"}, "error"},
		{"a U-label", DMARCOptions{From: []string{"anna@b\u00fccher.example.org"}}, []string{"example.org"}, "anna@xn--bcher-kva.example.org by anna@example.org"},
		{"nobody at a domain", DMARCOptions{From: []string{"@example.org"}}, []string{"example.org"}, "error"},
		{"each", DMARCOptions{Each: true}, []string{"example.org", "example.net"},
			"anna@example.org by anna@example.org, bert@example.org by bert@example.org, sales@example.org by anna@example.org, " +
				"bert@example.net by bert@example.org, news@shop.example.org by bert@example.org"},
		{"each of one", DMARCOptions{Each: true, Account: "anna"}, []string{"example.org"}, "anna@example.org by anna@example.org, sales@example.org by anna@example.org"},
	}
	for _, tt := range tests {
		got := ""
		all, err := identities(tt.o, "accounts.csv", rows, tt.domains)
		for i, s := range all {
			if i > 0 {
				got += ", "
			}
			got += s.address + " by " + s.account
		}
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%s: identities = %q, want %q", tt.name, got, tt.want)
		}
	}
}
