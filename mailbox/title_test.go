package mailbox_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestVerifyTitles names messages by what a person knows them by, and changes
// nothing on either side.
func TestVerifyTitles(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 50)...)
	odd := letter(50)
	odd.Body = bytes.Replace(odd.Body, []byte("Subject: letter 50"), []byte("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n \x1b[31m\u202e \xff"), 1)
	deliver(t, l.from, "INBOX", odd)
	l.copy()
	for _, uid := range []int{7, 51} {
		if err := l.to.Remove("INBOX", l.to.Messages("INBOX")[uid-1-uid/51].UID); err != nil {
			t.Fatal(err)
		}
	}
	deliver(t, l.to, "INBOX", letter(99))
	before := len(l.source.Commands())
	var mu sync.Mutex
	titles := make(map[string]mailbox.Title)
	_, err := l.copier().Verify(t.Context(), []mailbox.Account{l.account}, mailbox.VerifyOptions{Copy: l.options, Message: func(m mailbox.Mark) {
		mu.Lock()
		defer mu.Unlock()
		if m.Sign != '=' || m.Title != (mailbox.Title{}) {
			titles[string(m.Sign)+" "+m.Title.Subject] = m.Title
		}
	}})
	if err != nil || len(titles) != 3 {
		t.Fatalf("Verify() = %v, titles %q, want three", err, titles)
	}
	date := "Fri, 2 Jan 2026 10:00:00 +0100"
	for sign, want := range map[string]mailbox.Title{
		"+ letter 6":       {From: "bert@example.org", Date: date, Subject: "letter 6"},
		"+ Grüße ?[31m? ?": {From: "bert@example.org", Date: date, Subject: "Grüße ?[31m? ?"},
		"- letter 99":      {From: "bert@example.org", Date: date, Subject: "letter 99"},
	} {
		if titles[sign] != want {
			t.Errorf("titles[%q] = %q, want %q of %q", sign, titles[sign], want, titles)
		}
	}
	for _, c := range l.source.Commands()[before:] {
		if bytes.HasPrefix([]byte(c), []byte("SELECT")) {
			t.Errorf("the source was told %s", c)
		}
	}
	if m := l.from.Messages("INBOX"); len(m[0].Flags) != 0 {
		t.Errorf("a message at the source has %v now", m[0].Flags)
	}
}
