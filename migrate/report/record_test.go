package report_test

import (
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// start is when the move of the tests began.
var start = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// at is a time of the move.
func at(after time.Duration) time.Time { return start.Add(after) }

// set makes an RRset of the tests.
func set(name string, typ uint16, ttl uint32, data ...string) *zone.RRset {
	return &zone.RRset{Name: name, Type: typ, TTL: ttl, Data: data}
}

// The changes of the move: two of prepare and one of switch are in effect, one
// of retire is still to come.
var (
	lower = dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update,
		Before: set("example.org.", dns.TypeMX, 86400, "10 mail.example.org."),
		After:  set("example.org.", dns.TypeMX, 300, "10 mail.example.org."), Why: "Caches let go of the old MX sooner."}
	sender = dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update,
		Before: set("example.org.", dns.TypeTXT, 3600, `"v=spf1 mx include:spf.news.example -all"`, `"lab-verification=7c0e91d2"`),
		After:  set("example.org.", dns.TypeTXT, 300, `"v=spf1 ip4:192.0.2.10 include:spf.news.example include:_spf.provider.example ~all"`, `"lab-verification=7c0e91d2"`),
		Why:    "Both servers may send until the old one is retired."}
	key = dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Create,
		After: set("s1._domainkey.example.org.", dns.TypeTXT, 3600, `"v=DKIM1; k=rsa; p=`+strings.Repeat("MIIBIjANBgkqhkiG", 14)+`"`),
		Why:   "The provider signs with this key."}
	swap = dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Switch, Action: dnsplan.Update,
		Before: set("example.org.", dns.TypeMX, 300, "10 mail.example.org."),
		After:  set("example.org.", dns.TypeMX, 300, "10 mx1.provider.example.", "20 mx2.provider.example."), Why: "Mail goes to the provider."}
	retire = dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Retire, Action: dnsplan.Delete,
		Before: set("autodiscover.example.org.", dns.TypeCNAME, 3600, "mail.example.org."), Why: "Programs are no longer sent to the old server."}
)

// full is a record of a move with everything in it: switched, one message
// refused, one gate passed on a person's word, alignment proved.
func full() migrate.Record {
	phase, since := "switched", at(30*time.Hour)
	plan := dnsplan.Plan{
		Version: 1, Domain: "example.org", AliasDomains: []string{"example.net"}, Provider: "lab", Made: start,
		Changes: []dnsplan.Change{lower, sender, key, swap, retire},
		Waits: []dnsplan.Wait{
			{Stage: dnsplan.Switch, Length: 95040 * time.Second, Because: "Caches may keep the old example.org. MX for its TTL of 24h; a tenth is added."},
			{Stage: dnsplan.Retire, Length: 120 * time.Hour, Because: "Senders keep what they could not deliver for up to five days."},
		},
		Findings: []finding.Finding{
			{Severity: finding.Note, Code: finding.ImplicitMX, Subject: "example.org.", Text: "A note of the plan.", Evidence: []string{}, Fix: ""},
			{Severity: finding.Warn, Code: finding.SPFTooManyLookups, Subject: "example.org.", Text: "The SPF record needs 11 lookups, and receivers stop at 10.",
				Evidence: []string{"v=spf1 include:a.example include:b.example -all"}, Fix: "leave out what no longer sends"},
		},
	}
	return migrate.Record{
		Provider: "Provider of the lab",
		Status: migrate.Status{
			Version: 1, Domain: "example.org", Phase: &phase, Since: &since,
			Next:  migrate.Next{Command: "mxmove watch"},
			Safe:  migrate.Safe{Value: false, Because: "late mail may still arrive at the old server; keep it running"},
			Left:  []string{"quiet since 2026-11-21 15:30:00 UTC, and 14d are asked for", "1 messages were refused by the target and are kept as files"},
			Yours: []migrate.Yours{{Code: finding.AfterVerification, Text: "copy the DKIM key of the selector s2 from the console"}},
		},
		Made: at(32 * time.Hour),
		Plan: &migrate.Document{Document: plan.Document(), Accounts: []migrate.AccountState{
			{Address: "anna@example.org", Messages: 1520, Bytes: 91 << 20, Mailboxes: 3, Source: "ok", Target: "ok"},
			{Address: "bert@example.org", Messages: 40, Bytes: 1 << 20, Mailboxes: 1, Source: "ok", Target: "login"},
		}},
		Steps:    history(),
		Applied:  []dnsplan.Change{lower, sender, key, swap},
		Seen:     map[dnsplan.Stage]time.Time{dnsplan.Prepare: at(6 * time.Minute), dnsplan.Switch: at(30 * time.Hour)},
		Copies:   []migrate.CopyRecord{{Began: at(time.Hour), Ended: at(2 * time.Hour), Messages: 1559, Refused: 1}, {Began: at(31 * time.Hour), Ended: at(31*time.Hour + 40*time.Second), Messages: 1560, Refused: 1}},
		Balance:  balance(),
		Balanced: at(31*time.Hour + 10*time.Minute),
		Verdicts: []migrate.DMARCRecord{
			{Time: at(20 * time.Hour), From: "anna@example.org", DMARC: "not-measured", Reasons: []string{"the envelope is not known"}},
			{Time: at(31 * time.Hour), From: "anna@example.org", DMARC: "pass", Reasons: []string{}, Verdict: verdict()},
		},
		Sweeps:  []time.Time{at(30*time.Hour + 5*time.Minute), at(31 * time.Hour)},
		Reports: heard(),
	}
}

func history() []step.Step {
	return []step.Step{
		{ID: 1, Command: "plan", To: step.Planned, Began: start, Ended: at(3 * time.Second), Outcome: "done"},
		{ID: 2, Command: "prepare", From: step.Planned, To: step.Prepared, Began: at(time.Minute), Outcome: ""},
		{ID: 3, Command: "prepare", From: step.Planned, To: step.Prepared, Began: at(5 * time.Minute), Ended: at(6 * time.Minute), Outcome: "done",
			Gates: []step.Result{{Gate: "clock", Outcome: step.Passed, Text: "the clock fits the stored times"}}},
		{ID: 4, Command: "cutover", From: step.Prepared, To: step.Switching, Began: at(29 * time.Hour), Ended: at(29*time.Hour + 12*time.Second), Outcome: "done",
			Gates: []step.Result{
				{Gate: "rrsets", Outcome: step.Passed, Text: "every RRset is as the plan expects it"},
				{Gate: "servers", Outcome: step.Accepted, Code: finding.ServersChosen, Text: "nobody knows whether the world's servers show the change",
					Evidence: []string{"192.0.2.53:53"}, Fix: "leave dns.servers out"},
			},
			Accepted: []step.Acceptance{{Code: finding.ServersChosen, Reason: "the hidden primary is the only one we may ask", Evidence: "5f1c", Time: at(29 * time.Hour)}},
		},
		{ID: 5, Command: "cutover", From: step.Switching, To: step.Switched, Began: at(29*time.Hour + 12*time.Second), Ended: at(30 * time.Hour), Outcome: "done"},
	}
}

func balance() *mailbox.Balance {
	return &mailbox.Balance{Version: 1, Balanced: true, Accounts: []mailbox.AccountBalance{
		{Address: "anna@example.org", Mailboxes: []mailbox.MailboxBalance{
			{Source: "INBOX", Target: "INBOX", Tally: mailbox.Tally{Messages: 1204, Copied: 1190, Present: 12, Merged: 1, Refused: 1}, Extra: 3},
			{Source: "INBOX.Entwürfe", Target: "Drafts", Tally: mailbox.Tally{Messages: 16, Copied: 16}, Repaired: 1},
			{Source: "INBOX.Archiv.2019", Target: "Archiv/2019", Tally: mailbox.Tally{Messages: 300, Copied: 298, Gone: 2}},
		}},
		{Address: "bert@example.org", Mailboxes: []mailbox.MailboxBalance{
			{Source: "INBOX", Target: "INBOX", Tally: mailbox.Tally{Messages: 40, Copied: 40}},
		}},
	}}
}

func verdict() *probe.Verdict {
	return &probe.Verdict{
		Version: 1, From: "example.org", OrgDomain: probe.OrgDomain{PSL: "example.org", TreeWalk: "example.org"},
		Policy: probe.Policy{Domain: "example.org", P: "quarantine", Source: "p"},
		SPF:    probe.SPF{Domain: "example.org", Result: "pass", Aligned: true, IP: "198.51.100.25"},
		DKIM: []probe.DKIM{
			{Domain: "example.org", Selector: "s1", Result: "pass", Aligned: true, Algorithm: "rsa-sha256", Bits: 2048},
			{Domain: "provider.example", Selector: "x", Result: "not-measured", Text: "the key was not served"},
		},
		ARC: probe.ARC{Result: "none"}, DMARC: probe.Pass, Reasons: []string{}, Findings: []finding.Finding{},
	}
}

// attack is text from outside at its worst: markup, a mark that turns the
// direction round, and what steers a terminal.
const attack = `"'><script>alert(1)</script><img src=x onerror=alert(1)><a href="https://evil.example/">x</a></style>` + "\u202egpj.exe\u2066\x1b[31m\x00\xff"

// outside is the full record with one text wherever text comes from outside.
func outside(text string) migrate.Record {
	rec := full()
	rec.Status.Domain, rec.Status.Phase = text, &text
	rec.Status.Next.Command, rec.Status.Safe.Because = text, text
	rec.Status.Left = []string{text}
	rec.Status.Yours = []migrate.Yours{{Code: finding.Code(text), Text: text}}
	rec.Steps = []step.Step{{
		Command: text, From: step.Phase(text), To: step.Phase(text), Began: start, Ended: start, Outcome: text,
		Gates:    []step.Result{{Gate: text, Outcome: step.Outcome(text), Code: finding.Code(text), Subject: text, Text: text, Fix: text, Evidence: []string{text}}},
		Accepted: []step.Acceptance{{Code: finding.Code(text), Subject: text, Reason: text}},
	}}
	rec.Verdicts = []migrate.DMARCRecord{{From: text, DMARC: text, Reasons: []string{text}, Verdict: &probe.Verdict{
		OrgDomain: probe.OrgDomain{PSL: text}, Policy: probe.Policy{P: text},
		SPF:  probe.SPF{Domain: text, Result: text, IP: text, Text: text},
		DKIM: []probe.DKIM{{Domain: text, Selector: text, Result: text, Algorithm: text, Text: text}},
	}}}
	outsideReports(rec.Reports, text)
	rec.Provider = text
	outsidePlan(rec.Plan, text)
	for i := range rec.Balance.Accounts {
		a := &rec.Balance.Accounts[i]
		a.Address, a.Unread = text, text
		for j := range a.Mailboxes {
			a.Mailboxes[j].Source, a.Mailboxes[j].Target, a.Mailboxes[j].Unread = text, text+"2", text
		}
	}
	return rec
}

func outsidePlan(doc *migrate.Document, text string) {
	doc.Provider, doc.AliasDomains = text, []string{text}
	for i := range doc.Findings {
		doc.Findings[i] = finding.Finding{Severity: finding.Severity(text), Code: finding.Code(text), Subject: text, Text: text, Fix: text, Stage: text, Evidence: []string{text}}
	}
	for i := range doc.Stages {
		s := &doc.Stages[i]
		s.Because = text
		s.Changes = append(s.Changes, dnsplan.ChangeDocument{
			Zone: text, Name: text, Type: text, Action: dnsplan.Action(text), Why: text,
			Before: &dnsplan.RRsetDocument{Data: []string{text}}, After: &dnsplan.RRsetDocument{Data: []string{text + "2"}},
		})
	}
}
