package migrate_test

import (
	"path/filepath"
	"testing"
)

func TestRealCheckerAgreesWithPostbag(t *testing.T) {
	t.Parallel()
	requireReal(t)
	dir, ca := openFolder(t), newAuthority(t)
	d := &dovecot{name: "source", separator: ".", location: "maildir:~/Maildir", dir: filepath.Join(dir, "source"), users: map[string]string{"anna": `p"a ss\1`}}
	d.start(t, ca, "mail.example.org")
	b := newPostbag(1, "anna")
	b.awkward()
	h := b.ordinary(500)
	if err := d.fill(t.Context(), "anna", h); err != nil {
		t.Fatal(err)
	}
	got, err := d.dump(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	report(t, "source", faults(h.want(d.wire), got))
	d2 := &dovecot{name: "target", separator: "/", location: "sdbox:~/sdbox", dir: filepath.Join(dir, "target"), users: map[string]string{"anna": `p"a ss\1`}}
	d2.start(t, ca, "imap.provider.example")
	if err := d2.fill(t.Context(), "anna", h); err != nil {
		t.Fatal(err)
	}
	got, err = d2.dump(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	report(t, "target", faults(h.want(d2.wire), got))
}
