package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/state"
)

var update = flag.Bool("update", false, "rewrite the wanted output in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mxmove": main})
}

// TestScript runs every script of testdata/script with the program as a
// process of its own, as a person would call it.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Values["worlds"] = new(*lab.Domain)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit": exits, "lab": startLab, "dns": editZone, "lock": holdLock, "served": served,
			"password": setPassword, "count": countMail, "forget": forget, "chmod": chmod, "deliver": deliver,
			"replace": replace, "aggregate": aggregate, "tlsreport": tlsReport, "post": post, "sign": sign,
			"panel": panel, "zonefile": zoneFile, "reload": reload, "await": await, "desec": startDeSEC, "age": age,
		},
	})
}

// exits runs mxmove and wants a given exit code: exit CODE ARGS...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exit CODE ARG...")
	}
	err := ts.Exec("mxmove", args[1:]...)
	code := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("mxmove: %v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("mxmove %s ended with %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// startLab starts a domain and writes its move directory: lab DIR [ttl=N]
// [refuse=TEXT]. The MX has the TTL N, or 1 s, and the provider refuses
// messages that hold TEXT.
func startLab(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: lab DIR [ttl=N] [refuse=TEXT]")
	}
	o := lab.Options{Messages: 40, Attachment: 64 << 10, TTL: 1}
	for _, arg := range args[1:] {
		switch key, value, _ := strings.Cut(arg, "="); key {
		case "ttl":
			_, err := fmt.Sscan(value, &o.TTL)
			ts.Check(err)
		case "refuse":
			o.New.RefuseAppend = func(_ string, body []byte) error {
				if strings.Contains(string(body), value) {
					return &imap.Error{Type: imap.StatusResponseTypeNo, Text: "message not accepted"}
				}
				return nil
			}
		default:
			ts.Fatalf("lab knows no %q", key)
		}
	}
	d, err := lab.Start(context.Background(), o)
	ts.Check(err)
	ts.Defer(func() { ts.Check(d.Close()) })
	ts.Check(d.Write(ts.MkAbs(args[0])))
	*world(ts) = d
}

func world(ts *testscript.TestScript) **lab.Domain {
	return ts.Value("worlds").(**lab.Domain)
}

// editZone changes the zone behind the program's back: dns NAME TTL TYPE
// DATA...
func editZone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: dns NAME TTL TYPE DATA...")
	}
	typ, err := zone.ParseType(args[2])
	ts.Check(err)
	var ttl uint32
	_, err = fmt.Sscan(args[1], &ttl)
	ts.Check(err)
	ts.Check((*world(ts)).DNS.Set(zone.RRset{Name: args[0], Type: typ, TTL: ttl, Data: args[3:]}))
}

// served wants the lab's primary to serve an RRset: served NAME TYPE DATA...
func served(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: served NAME TYPE DATA...")
	}
	typ, err := zone.ParseType(args[1])
	ts.Check(err)
	want := &zone.RRset{Name: args[0], Type: typ, Data: args[2:]}
	z := (*world(ts)).DNS.Zone("example.org.")
	if got := z.Get(args[0], typ); zone.Equal(got, want) == neg {
		ts.Fatalf("served %s %s is %v, want %s", args[0], args[1], got, args[2:])
	}
}

// replace edits a file: replace FILE OLD NEW, in which \n is a line's end.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	lines := strings.NewReplacer(`\n`, "\n")
	text, was := ts.ReadFile(args[0]), lines.Replace(args[1])
	if !strings.Contains(text, was) {
		ts.Fatalf("%s has no %q", args[0], was)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, was, lines.Replace(args[2]), 1)), 0o600))
}

// holdLock holds the lock of a move directory until the script ends: lock DIR.
func holdLock(ts *testscript.TestScript, neg bool, args []string) {
	l, err := state.TakeLock(ts.MkAbs(args[0]), "sync", time.Now())
	ts.Check(err)
	ts.Defer(func() { ts.Check(l.Close()) })
}

// setPassword changes the password of a user at the provider: password USER TEXT.
func setPassword(ts *testscript.TestScript, neg bool, args []string) {
	(*world(ts)).New.Lookup(args[0]).SetPassword(args[1])
}

// forget empties the command list of a server: forget old|new.
func forget(ts *testscript.TestScript, neg bool, args []string) {
	server(ts, args[0]).ResetCommands()
}

func server(ts *testscript.TestScript, which string) *imaplab.Server {
	d := *world(ts)
	return map[string]*imaplab.Server{"old": d.Old, "new": d.New}[which]
}

// countMail wants a number of commands at a server: count old|new VERB N.
func countMail(ts *testscript.TestScript, neg bool, args []string) {
	if got := fmt.Sprint(server(ts, args[0]).Count(args[1])); (got == args[2]) == neg {
		ts.Fatalf("%s saw %s %s times, want %s", args[0], args[1], got, args[2:])
	}
}

// chmod sets a file's mode: chmod MODE FILE.
func chmod(ts *testscript.TestScript, neg bool, args []string) {
	var mode os.FileMode
	_, err := fmt.Sscanf(args[0], "%o", &mode)
	ts.Check(err)
	ts.Check(os.Chmod(ts.MkAbs(args[1]), mode))
}

// deliver sends a message to an address as the world would: deliver ADDRESS SUBJECT.
func deliver(ts *testscript.TestScript, neg bool, args []string) {
	body := fmt.Sprintf("From: shop@elsewhere.example\r\nTo: %s\r\nSubject: %s\r\n\r\nhello\r\n", args[0], args[1])
	ts.Check((*world(ts)).Deliver(context.Background(), "shop@elsewhere.example", args[0], []byte(body)))
}
