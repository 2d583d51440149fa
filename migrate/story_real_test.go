package migrate_test

import (
	"context"
	"fmt"
	"github.com/miekg/dns"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The checker and the postbag are proven on both kinds of server before they
// judge the product.
func TestRealCheckerAgreesWithPostbag(t *testing.T) {
	t.Parallel()
	requireReal(t)
	dir, ca := openFolder(t), newAuthority(t)
	b := newPostbag(1, "anna")
	b.awkward()
	h := b.ordinary(500)
	for _, d := range []*dovecot{
		{name: "maildir", separator: ".", location: "maildir:~/Maildir"},
		{name: "prefix", separator: ".", prefix: "INBOX.", location: "maildir:~/Maildir"},
		{name: "sdbox", separator: "/", location: "sdbox:~/sdbox"},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.dir, d.users = filepath.Join(dir, d.name), map[string]string{"anna": `p"a ss\1`}
			d.start(t, ca, "mail.example.org")
			if err := d.fill(t.Context(), "anna", h); err != nil {
				t.Fatal(err)
			}
			got, err := d.dump(t.Context(), "anna")
			if err != nil {
				t.Fatal(err)
			}
			report(t, d.name, faults(h.want(d.wire), got))
			again, err := d.dump(t.Context(), "anna")
			if err != nil {
				t.Fatal(err)
			}
			report(t, "after the checker", untouched(got, again))
		})
	}
}

// The domain is complete before any product is there to move it.
func TestRealDomainStands(t *testing.T) {
	t.Parallel()
	requireReal(t)
	d := newDomain(t, "", few, false)
	source := d.dumps(t, d.source)
	for _, user := range d.accounts {
		report(t, user, faults(d.has[user].want(d.source.wire), source[user]))
		if fs, err := d.arrived(t.Context(), user); err != nil || len(fs) == 0 {
			t.Errorf("before the move the target of %s has no faults, %v", user, err)
		}
	}
	d.peopleGoOn(t)
	if fs := untouched(source["bert"], d.dumps(t, d.source)["bert"]); len(fs) != 1 {
		t.Errorf("after bert has read a letter: %q, want one line", fs)
	}
	stop := d.deliverLate(t)
	if late := stop(); len(late) == 0 {
		t.Error("no late mail was delivered")
	}
}

func TestRealZoneIsReadAndChanged(t *testing.T) {
	t.Parallel()
	requireReal(t)
	b := &bind{dir: openFolder(t)}
	b.start(t)
	before := b.transfer(t)
	b.change(t, storyZone, dns.TypeMX, "example.org. 2 MX 5 mx1.provider.example.")
	want := []string{"- example.org.\t2\tIN\tMX\t10 mail.example.org.", "+ example.org.\t2\tIN\tMX\t5 mx1.provider.example."}
	if got := difference(before, b.transfer(t)); !slices.Equal(got, want) {
		t.Errorf("after the update the zone differs by %q, want %q", got, want)
	}
	for _, server := range []string{b.primary, b.secondary} {
		if got, err := ask(t.Context(), server, storyZone, dns.TypeMX); err != nil || !slices.Equal(got, []string{"5 mx1.provider.example."}) {
			t.Errorf("%s shows MX %q, %v", server, got, err)
		}
	}
	b.change(t, storyZone, dns.TypeMX, "example.org. 2 MX 10 mail.example.org.")
	if got := difference(before, b.transfer(t)); len(got) != 0 {
		t.Errorf("after the way back the zone differs by %q", got)
	}
	if got, err := ask(t.Context(), b.resolver, "_spf.provider.example.", dns.TypeTXT); err != nil || len(got) != 1 {
		t.Errorf("the resolver answers %q, %v", got, err)
	}
	eventually(t, 10*time.Second, "the resolver shows the zone", func(ctx context.Context) error {
		got, err := ask(ctx, b.resolver, storyZone, dns.TypeMX)
		if err == nil && !slices.Equal(got, []string{"10 mail.example.org."}) {
			err = fmt.Errorf("MX %q", got)
		}
		return err
	})
}
