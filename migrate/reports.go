package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A Reports value is what the DMARC aggregate reports that were read so far
// tell of who sends as the domain, as reports --json prints it.
type Reports struct {
	Version   int               `json:"version"`
	Domain    string            `json:"domain"`
	Made      time.Time         `json:"made"`
	Begin     *time.Time        `json:"begin"` // of the first report, null without any
	End       *time.Time        `json:"end"`
	Kept      int               `json:"reports"`   // all that are remembered
	Receivers int               `json:"receivers"` // that sent them
	Signers   []ReportSigner    `json:"signers"`   // who vouches for reports, the most first
	Unsigned  int               `json:"unsigned"`  // reports that nobody vouches for: they count against, never for
	Read      []ReportRead      `json:"read"`      // by this run
	Unread    []ReportUnread    `json:"unread"`    // by this run
	Others    int               `json:"others"`    // read by this run, about other domains
	Streams   []Stream          `json:"streams"`   // the largest first
	Omitted   int               `json:"omitted"`   // streams that are not shown
	Selectors []SelectorSeen    `json:"selectors"` // of the domain's own keys
	TLS       []TLSSeen         `json:"tls"`       // how senders fared with TLS, by their reports
	Findings  []finding.Finding `json:"findings"`
}

// ReadReports reads DMARC aggregate reports from files and directories, or
// without any from the mailbox that the domain's DMARC record names, and says
// who sends as the domain. Reports that could not be read are also a
// *PersonError; all others count.
func (m *Move) ReadReports(ctx context.Context, files []string) (Reports, error) {
	var doc Reports
	err := m.locked(ctx, "reports", func(r *run) (err error) {
		doc, err = r.readReports(ctx, files)
		return err
	})
	return doc, err
}

func (r *run) readReports(ctx context.Context, files []string) (Reports, error) {
	p, _, err := r.provider()
	if err != nil {
		return Reports{}, err
	}
	g := r.reading()
	if len(files) > 0 {
		err = g.files(ctx, files)
	} else {
		var b reportBox
		if b, err = r.box(ctx, p); errors.Is(err, errNoBox) {
			return Reports{}, &config.Error{File: r.Config.File, Text: err.Error(), Fix: "name files: mxmove reports FILE...", Err: err}
		}
		if err == nil {
			err = g.look(ctx, b)
		}
	}
	if err != nil {
		return Reports{}, err
	}
	k, err := r.senders(ctx, p)
	if err != nil {
		return Reports{}, err
	}
	doc, err := r.reports(ctx, k)
	if err != nil {
		return doc, err
	}
	doc.Read, doc.Unread, doc.Others = g.read, g.unread, g.others
	if err := r.keepReports(ctx, doc); err != nil {
		return doc, err
	}
	if len(g.unread) > 0 {
		var items []string
		for _, u := range g.unread {
			items = append(items, u.File+": "+u.Reason)
		}
		return doc, &PersonError{What: fmt.Sprintf("%d files are no reports that can be read", len(items)), Items: items}
	}
	return doc, nil
}

// reports says what all reports that are remembered tell.
func (r *run) reports(ctx context.Context, k *knownSenders) (Reports, error) {
	now := r.o.Clock.Now()
	doc := Reports{Version: 1, Domain: r.Config.Domain, Made: now, Read: []ReportRead{}, Unread: []ReportUnread{}}
	book := reportBook{r.state.DB()}
	// The rows come while the one connection is in use, so that addresses are
	// classified from what the DNS says, and from nothing in the state.
	g, recent := newGathering(k.classify), newGathering(k.classify)
	for more := true; more; {
		if err := book.each(ctx, time.Time{}, func(row sentRow) {
			g.add(row)
			if row.End.After(now.Add(-recentReports)) {
				recent.add(row)
			}
		}); err != nil {
			return doc, err
		}
		if err := context.Cause(ctx); err != nil {
			return doc, err
		}
		all, lately := g.again(), recent.again()
		more = all || lately
	}
	periods, err := book.periods(ctx, time.Time{})
	if err != nil {
		return doc, err
	}
	receivers := make(map[string]bool)
	for _, p := range periods {
		receivers[p.Org] = true
		if doc.Begin == nil || p.Begin.Before(*doc.Begin) {
			doc.Begin = &p.Begin
		}
		if doc.End == nil || p.End.After(*doc.End) {
			doc.End = &p.End
		}
	}
	doc.Kept, doc.Receivers = len(periods), len(receivers)
	doc.Signers, doc.Unsigned = signersOf(periods)
	doc.Streams, doc.Omitted = g.list()
	doc.Selectors = g.keys()
	if doc.TLS, err = book.tls(ctx, time.Time{}); err != nil {
		return doc, err
	}
	lately, err := book.tls(ctx, now.Add(-recentReports))
	if err != nil {
		return doc, err
	}
	applied, err := r.applied(ctx)
	if err != nil {
		return doc, err
	}
	doc.Findings = append(streamFindings(recent), tlsFindings(lately, ofStage(applied, dnsplan.Switch))...)
	finding.Sort(doc.Findings)
	return doc, nil
}

// surveyReports adds what the reports that were read so far tell to a plan.
func (r *run) surveyReports(ctx context.Context, p *provider.Provider, doc *Document) error {
	book, since := reportBook{r.state.DB()}, r.o.Clock.Now().Add(-recentReports)
	periods, err := book.periods(ctx, since)
	if err != nil {
		return err
	}
	if tls, err := book.tls(ctx, since); err != nil || len(periods)+len(tls) == 0 {
		return err
	}
	k, err := r.senders(ctx, p)
	if err != nil {
		return err
	}
	told, err := r.reports(ctx, k)
	doc.Findings = append(doc.Findings, told.Findings...)
	return err
}

// hearEvery is how often watch looks for new reports; receivers send them
// once a day.
const hearEvery = time.Hour

// hearFor bounds one look beside a sweep.
const hearFor = 2 * time.Minute

// heardKind is the kind of observation that says when the mailbox of the
// reports was last looked at.
const heardKind = "reports.look"

// hear reads the mailbox of the reports beside a sweep, when it is one of the
// accounts. What goes wrong is told and ends nothing.
func (r *run) hear(ctx context.Context) error {
	last, ok, err := r.state.Latest(ctx, heardKind, "")
	if err != nil || ok && r.o.Clock.Now().Before(last.At.Add(hearEvery)) {
		return err
	}
	if err := r.observe(ctx, heardKind, "", ""); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, hearFor)
	defer cancel()
	err = r.hearNow(bounded)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !errors.Is(err, errNoBox):
		r.say("DMARC reports: %v", err)
	}
	return nil
}

func (r *run) hearNow(ctx context.Context) error {
	p, _, err := r.provider()
	if err != nil {
		return err
	}
	b, err := r.box(ctx, p)
	if err != nil {
		return err
	}
	g := r.reading()
	if err := g.look(ctx, b); err != nil {
		return err
	}
	if len(g.read) == 0 {
		return nil
	}
	r.say("DMARC reports: %d read", len(g.read))
	k, err := r.senders(ctx, p)
	if err != nil {
		return err
	}
	doc, err := r.reports(ctx, k)
	if err != nil {
		return err
	}
	for _, f := range doc.Findings {
		if f.Code == finding.SendersRefuseMX {
			r.say("%s: %s", f.Code, f.Text)
		}
	}
	return r.keepReports(ctx, doc)
}

// reportsKind is the kind of observation that holds the last Reports, for the
// report of the move.
const reportsKind = "reports"

// shownStreams are the streams that the report of the move shows.
const shownStreams = 20

// keepReports remembers what was found out, without what only this run read.
func (r *run) keepReports(ctx context.Context, doc Reports) error {
	if doc.Kept == 0 && len(doc.TLS) == 0 {
		return nil
	}
	doc.Read, doc.Unread, doc.Others = []ReportRead{}, []ReportUnread{}, 0
	if n := len(doc.Streams) - shownStreams; n > 0 {
		doc.Streams, doc.Omitted = doc.Streams[:shownStreams], doc.Omitted+n
	}
	if err := r.state.Forget(ctx, reportsKind, ""); err != nil {
		return err
	}
	return r.remember(ctx, reportsKind, "", doc)
}
