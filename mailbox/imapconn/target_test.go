package imapconn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func TestCreateAndSubscribe(t *testing.T) {
	t.Parallel()
	c := target(t, func(p *peer) { p.silence() }, func(p *peer) {
		p.answer(`CREATE "Entw&APw-rfe"`, "", "OK done")
		p.answer(`CREATE "Sent"`, "", "NO [ALREADYEXISTS] there")
		p.answer(`CREATE "Trash"`, "", "NO Mailbox already exists")
		p.answer(`CREATE "Files"`, "", "NO [CANNOT] reserved")
		p.answer(`SUBSCRIBE "Entw&APw-rfe"`, "", "OK done")
	})
	for _, name := range []string{"Entwürfe", "Sent", "Trash"} {
		if err := c.Create(t.Context(), name); err != nil {
			t.Errorf("Create(%s) = %v", name, err)
		}
	}
	if err := c.Create(t.Context(), "Files"); imapconn.Class(err) != imapconn.ClassRefused {
		t.Errorf("Create(Files) = %v, want refused", err)
	}
	if err := c.Subscribe(t.Context(), "Entw&APw-rfe"); err != nil {
		t.Errorf("Subscribe() = %v", err)
	}
}

func TestControlIsOpenedAgain(t *testing.T) {
	t.Parallel()
	c := target(t, func(p *peer) { p.silence() }, func(p *peer) {
		p.answer(`CREATE "a"`, "", "OK done")
	}, func(p *peer) {
		p.answer(`CREATE "b"`, "", "OK done")
	})
	for _, name := range []string{"a", "b"} {
		if err := c.Create(t.Context(), name); err != nil {
			t.Errorf("Create(%s) = %v", name, err)
		}
	}
}

func TestSubscribeKeepsTheWireName(t *testing.T) {
	t.Parallel()
	c := target(t, func(p *peer) {
		p.answer(`SUBSCRIBE "R&D"`, "", "OK done")
	})
	if err := c.Subscribe(t.Context(), "R&D"); err != nil {
		t.Errorf("Subscribe() = %v", err)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	c := target(t, func(p *peer) {
		p.answer(`SELECT "INBOX"`, "* FLAGS (OIB-Seen-[Gmail]/All Mail)\r\n", "OK [READ-WRITE] done")
		p.answer(`UID STORE 1:3,9 +FLAGS.SILENT (\Seen work)`, "* 1 FETCH (FLAGS (odd[1] x))\r\n", "OK done")
		p.answer(`UID STORE 5 -FLAGS.SILENT (\Flagged)`, "", "NO [NOPERM] no")
	})
	if sel, err := c.Select(t.Context(), "INBOX"); err != nil || sel.ReadOnly {
		t.Errorf("Select() = %+v, %v", sel, err)
	}
	if err := c.Store(t.Context(), []imap.UID{9, 1, 2, 3}, true, []imap.Flag{`\Seen`, `\Recent`, "odd[1]", "work"}); err != nil {
		t.Errorf("Store() = %v", err)
	}
	if err := c.Store(t.Context(), []imap.UID{5}, true, []imap.Flag{`\Recent`}); err != nil {
		t.Errorf("Store() of nothing that can be stored = %v", err)
	}
	if err := c.Store(t.Context(), []imap.UID{5}, false, []imap.Flag{`\Flagged`}); imapconn.Class(err) != imapconn.ClassPermission {
		t.Errorf("Store() = %v, want permission", err)
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	c := target(t, func(p *peer) {
		p.answer(`UID MOVE 5 "Trash"`, "* OK [COPYUID 9 5 71] moved\r\n", "OK done")
	})
	if validity, places, err := c.Move(t.Context(), []imap.UID{5}, "Trash"); err != nil || validity != 9 || places[5] != 71 {
		t.Errorf("Move() = %d, %v, %v", validity, places, err)
	}
	e := serve(t, func(p *peer) {
		p.send("* PREAUTH hello\r\n")
		p.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 UIDPLUS\r\n", "OK done")
		if _, line := p.read(); !strings.HasPrefix(line, "LOGOUT") {
			t.Errorf("server without MOVE got %q", line)
		}
	})
	without, err := imapconn.DialTarget(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := without.Move(t.Context(), []imap.UID{5}, "Trash"); !errors.Is(err, imapconn.ErrNoMove) {
		t.Errorf("Move() without MOVE = %v, want ErrNoMove", err)
	}
	_ = without.Close()
}

func TestRawAppend(t *testing.T) {
	t.Parallel()
	c := target(t, func(p *peer) {
		for range 3 {
			tag, line := p.read()
			if line != `APPEND "INBOX" {5+}` {
				t.Errorf("command = %q", line)
			}
			if body, _ := p.r.ReadString('\n'); body != "a\r\n" {
				t.Errorf("body = %q", body)
			}
			if rest, _ := p.r.ReadString('\n'); rest != "b\r\n" {
				t.Errorf("body = %q", rest)
			}
			if rest, _ := p.r.ReadString('\n'); rest != "\r\n" {
				t.Errorf("line end = %q", rest)
			}
			p.send(tag + " OK [APPENDUID 7 12] done\r\n")
		}
		p.answer(`APPEND "INBOX" {99999999}`, "", "NO [TOOBIG] no")
	})
	raw := c.Raw()
	release := raw.Guard(t.Context())
	defer release()
	wrote := make(chan error, 1)
	go func() {
		for range 3 {
			_, _ = raw.WriteString(raw.Tag() + ` APPEND "INBOX" `)
			if sync, err := raw.Literal(5); sync || err != nil {
				t.Errorf("Literal() = %v, %v", sync, err)
			}
			_, _ = raw.WriteString("a\r\nb\r\n"[:6] + "\r\n")
		}
		wrote <- raw.Flush()
	}()
	for range 3 {
		p, err := raw.Next()
		if err != nil || raw.Answer(p) != nil || p.Code != "APPENDUID" {
			t.Fatalf("Next() = %+v, %v", p, err)
		}
		if validity, uids, ok := wire.AppendUID(p.Args); !ok || validity != 7 || uids.String() != "12" {
			t.Errorf("AppendUID(%q) = %d, %v, %v", p.Args, validity, uids, ok)
		}
	}
	if err := <-wrote; err != nil {
		t.Errorf("Flush() = %v", err)
	}
	_, _ = raw.WriteString(raw.Tag() + ` APPEND "INBOX" `)
	if err := raw.SyncLiteral(99999999); err != nil {
		t.Fatal(err)
	}
	p, err := raw.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Answer(p); imapconn.Class(err) != imapconn.ClassRefused {
		t.Errorf("Answer() = %v, want refused", err)
	}
}
