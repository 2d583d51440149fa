package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/mtasts"
)

// maxReportFiles bounds the files of one run.
const maxReportFiles = 100_000

// A ReportUnread is something that should be a report and could not be read.
type ReportUnread struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// A reportReading collects what came of reading many files. One bad file
// spoils nothing.
type reportReading struct {
	r      *run
	book   reportBook
	read   []ReportRead
	unread []ReportUnread
	others int // reports about other domains

	around  []byte // the message that was asked about last
	voucher voucher
	silent  int // messages about which nothing was found out in time
}

func (r *run) reading() *reportReading {
	return &reportReading{r: r, book: reportBook{r.state.DB()}, read: []ReportRead{}, unread: []ReportUnread{}}
}

// ours reports whether a policy domain belongs to the move.
func (m *Move) ours(domain string) bool {
	return dmarc.ValidName(domain) && slices.ContainsFunc(m.domains(), func(d string) bool { return within(domain, d) })
}

// files reads files, and all files below directories, but for hidden ones.
func (g *reportReading) files(ctx context.Context, names []string) error {
	n := 0
	for _, name := range names {
		err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil:
				g.fail(path, err)
				return nil
			case path != name && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			case d.IsDir():
				return nil
			}
			if n++; n > maxReportFiles {
				return fmt.Errorf("%s: more than %d files", name, maxReportFiles)
			}
			return g.file(ctx, path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// file reads one file. The error is one of the state, not of the file.
func (g *reportReading) file(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	if err != nil {
		g.fail(path, err)
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		g.fail(path, err)
		return nil
	}
	defer f.Close()
	_, err = g.documents(ctx, path, f, false)
	return err
}

// documents reads all reports in what one file or message holds. Quiet passes
// over what is no report at all: a mailbox has other mail, too. Later says that
// one may be vouched for when the DNS answers.
func (g *reportReading) documents(ctx context.Context, name string, r io.Reader, quiet bool) (later bool, err error) {
	for doc, err := range dmarc.Documents(r, dmarc.Limits{}) {
		if err := ctx.Err(); err != nil {
			return later, context.Cause(ctx)
		}
		file := name
		if doc.Name != "" {
			file += "/" + doc.Name
		}
		read, err := g.document(ctx, doc, err)
		switch {
		case err == nil:
			read.File = file
			later = later || read.later
			g.read = append(g.read, read)
		case errors.Is(err, errOtherDomain):
			g.others++
		case unusable(err) && quiet && (errors.Is(err, dmarc.ErrNotReport) || errors.Is(err, mtasts.ErrNotReport)):
		case unusable(err):
			g.fail(file, err)
		default:
			return later, err
		}
	}
	return later, nil
}

// document reads one report, of either kind, unless it could not be opened.
func (g *reportReading) document(ctx context.Context, doc dmarc.Document, err error) (ReportRead, error) {
	if err != nil {
		return ReportRead{}, err
	}
	if doc.JSON {
		return g.book.addTLS(ctx, doc.Body, g.r.ours)
	}
	// The DNS is asked before the state is held.
	v, err := g.vouch(ctx, &doc)
	if err != nil {
		return ReportRead{}, stateError{err}
	}
	return g.book.add(ctx, doc.Body, g.r.o.Clock.Now(), g.r.ours, v)
}

// A stateError is what the database says, or the end of the run, as opposed to
// what is wrong with a report.
type stateError struct{ error }

func (e stateError) Unwrap() error { return e.error }

func unusable(err error) bool { return !errors.As(err, new(stateError)) }

func (g *reportReading) fail(file string, err error) {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the file is named beside it
	}
	g.unread = append(g.unread, ReportUnread{file, strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "report: "), "dmarc: "), "mtasts: ")})
}
