package mtasts_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/mtasts"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, host string
		want          bool
	}{
		{"mail.example.org", "Mail.example.org.", true},
		{"mail.example.org", "mx.mail.example.org", false},
		{"*.example.org", "mail.example.org", true},
		{"*.example.org", "example.org", false},
		{"*.example.org", "a.b.example.org", false},
		{"*.mx.microsoft", "example-com.h-v1.mx.microsoft", false},
		{"*.h-v1.mx.microsoft", "example-com.h-v1.mx.microsoft", true},
		{"*.", "org", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got := mtasts.Match(tt.pattern, tt.host); got != tt.want {
			t.Errorf("Match(%q, %q) = %v, want %v", tt.pattern, tt.host, got, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	p, err := mtasts.Parse("version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmx: *.provider.example\r\nmax_age: 99999999999\r\nfuture: x\r\nmode: none\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if p.Mode != mtasts.Enforce || !slices.Equal(p.MX, []string{"mail.example.org", "*.provider.example"}) || p.MaxAge != 31557600*time.Second {
		t.Errorf("policy = %+v", p)
	}
	if !p.Admits("mx1.provider.example.") || p.Admits("mx.elsewhere.example") {
		t.Errorf("%v admits the wrong hosts", p.MX)
	}
	if _, err := mtasts.Parse("version: STSv1\nmode: none\nmax_age: 0\n"); err != nil {
		t.Errorf("a policy of mode none needs no mx: %v", err)
	}
	for _, text := range []string{
		"", "<html>", "version: STSv2\nmode: none\nmax_age: 1", "version: STSv1\nmode: strict\nmax_age: 1",
		"version: STSv1\nmode: enforce\nmax_age: 1", "version: STSv1\nmode: testing\nmx: a\n",
		"version: STSv1\nmode: testing\nmx: a\nmax_age: -1", "mode: none\nmax_age: 1", strings.Repeat("x: y\n", 20000),
	} {
		if _, err := mtasts.Parse(text); !errors.Is(err, mtasts.ErrSyntax) {
			t.Errorf("Parse(%.40q) = %v, want ErrSyntax", text, err)
		}
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	ids := []struct{ text, id string }{
		{"v=STSv1; id=20260101T000000;", "20260101T000000"},
		{"v=STSv1 ;id=1; id=2", "1"},
		{"v=STSv1;", ""},
		{"v=STSv1; id=a-b", ""},
		{"v=STSv1; id=" + strings.Repeat("1", 33), ""},
		{"V=STSv1; id=1", ""},
		{" v=STSv1; id=1", ""},
	}
	for _, tt := range ids {
		if id, err := mtasts.RecordID(tt.text); id != tt.id || (err == nil) != (tt.id != "") {
			t.Errorf("RecordID(%q) = %q, %v, want %q", tt.text, id, err, tt.id)
		}
	}
	rua, err := mtasts.Reports("v=TLSRPTv1; rua=mailto:a@example.org, https://r.example/x")
	if err != nil || !slices.Equal(rua, []string{"mailto:a@example.org", "https://r.example/x"}) {
		t.Errorf("Reports = %q, %v", rua, err)
	}
	if _, err := mtasts.Reports("v=TLSRPTv1; rua="); err == nil {
		t.Error("Reports without rua succeeds")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("version: STSv1\nmode: enforce\nmx: *.a.example\nmax_age: 86400\n")
	f.Add("v=STSv1; id=1")
	f.Add("v=TLSRPTv1; rua=mailto:a@b")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = mtasts.RecordID(text)
		_, _ = mtasts.Reports(text)
		p, err := mtasts.Parse(text)
		if err != nil {
			return
		}
		out := fmt.Sprintf("version: STSv1\nmode: %s\nmax_age: %d\n", p.Mode, int64(p.MaxAge/time.Second))
		for _, mx := range p.MX {
			out += "mx: " + mx + "\n"
		}
		again, err := mtasts.Parse(out)
		if err != nil || again.Mode != p.Mode || again.MaxAge != p.MaxAge || !slices.Equal(again.MX, p.MX) {
			t.Errorf("%q written as %q = %+v, %v", text, out, again, err)
		}
	})
}

func TestWithID(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"v=STSv1; id=1", "v=STSv1; id=NEW"},
		{"v=STSv1;id=20260101T000000;", "v=STSv1; id=NEW;"},
		{"v=STSv1 ; x=y; id=1; id=2", "v=STSv1 ; x=y; id=NEW"},
		{"v=STSv1", "v=STSv1; id=NEW"},
		{"v=STSv1; x=y", "v=STSv1; id=NEW; x=y"},
	}
	for _, tt := range tests {
		if got := mtasts.WithID(tt.text, "NEW"); got != tt.want {
			t.Errorf("WithID(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func FuzzWithID(f *testing.F) {
	f.Add("v=STSv1; id=1")
	f.Add("v=STSv1")
	f.Add("v=STSv1;;a=b;id=2;id=3")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := mtasts.RecordID(text); err != nil || !mtasts.IsRecord(text) {
			return
		}
		once := mtasts.WithID(text, "NEW1")
		if id, err := mtasts.RecordID(once); id != "NEW1" || err != nil {
			t.Errorf("WithID(%q) = %q, whose id is %q, %v", text, once, id, err)
		}
		if again := mtasts.WithID(once, "NEW1"); again != once {
			t.Errorf("WithID twice = %q, want %q", again, once)
		}
	})
}
