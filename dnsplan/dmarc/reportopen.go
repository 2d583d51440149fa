package dmarc

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// A Document is one thing in a file that may be an aggregate report. Reports
// about TLS (RFC 8460) come in the same wrapping and are given as well.
type Document struct {
	Name string    // within the file, "" where it is all of it
	Body io.Reader // until the next one is asked for
	JSON bool      // it begins as JSON does: a TLS report, if anything

	// Message is the innermost mail message around it, which tells who sent
	// it; nil for a bare file. It must not be changed.
	Message []byte
}

// Documents opens what a receiver has sent: an XML document, a gzip or zip
// file, or a mail message that holds some. What it is shows in its first
// octets, never in a name or media type. Compression is undone once and not
// again. An error belongs to one document, and others may follow; a file
// without any gives ErrNotReport.
func Documents(r io.Reader, l Limits) iter.Seq2[Document, error] {
	l = l.filled()
	o := &opener{limits: l, left: l.Out}
	return func(yield func(Document, error) bool) {
		o.yield = yield
		b := bufio.NewReaderSize(r, 4096)
		head, err := b.Peek(1024)
		switch kind := sniff(head); {
		case err != nil && !errors.Is(err, io.EOF):
			o.fail("", err)
		case kind == xmlFile, kind == jsonFile:
			o.give("", limited{b, &o.left})
		case kind == gzipFile:
			o.gzip("", b)
		case kind == zipFile:
			o.zip("", b)
		case mailLike(head):
			o.mail(b)
		default:
			o.fail("", fmt.Errorf("%w: neither XML, gzip, zip nor a message", ErrNotReport))
		}
	}
}

type fileKind int

const (
	otherFile fileKind = iota
	xmlFile
	jsonFile
	gzipFile
	zipFile
)

// sniff tells a file by its first octets.
func sniff(head []byte) fileKind {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return gzipFile
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return zipFile
	case bytes.HasPrefix(head, []byte("\xff\xfe<\x00")), bytes.HasPrefix(head, []byte("\xfe\xff\x00<")):
		return xmlFile
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("<")):
		return xmlFile
	case bytes.HasPrefix(head, []byte("{")):
		return jsonFile
	}
	return otherFile
}

// mailLike reports whether a file begins with a header.
func mailLike(head []byte) bool {
	if bytes.HasPrefix(head, []byte("From ")) { // as delivery agents write it
		_, head, _ = bytes.Cut(head, []byte("\n"))
	}
	name, _, ok := bytes.Cut(head, []byte(":"))
	return ok && len(name) > 0 && bytes.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// An opener gives the documents of one file, all within one limit.
type opener struct {
	limits Limits
	left   int64
	yield  func(Document, error) bool
	around []byte // the innermost message that is looked into
	done   bool   // nobody wants more
	given  bool
}

func (o *opener) give(name string, r io.Reader) {
	if o.done {
		return
	}
	b := bufio.NewReaderSize(r, 4096)
	head, _ := b.Peek(64) // an error comes again to whoever reads
	o.given = true
	o.done = !o.yield(Document{Name: name, Body: b, JSON: sniff(head) == jsonFile, Message: o.around}, nil)
}

func (o *opener) fail(name string, err error) {
	if !o.done {
		o.given = true
		o.done = !o.yield(Document{Name: name, Message: o.around}, err)
	}
}

func (o *opener) gzip(name string, r io.Reader) {
	in := o.limits.In
	z, err := gzip.NewReader(limited{r, &in})
	if err != nil {
		o.fail(name, fmt.Errorf("gzip: %w", err))
		return
	}
	o.give(name, limited{z, &o.left})
}

// entry is how every entry of a zip directory begins.
var entry = []byte("PK\x01\x02")

func (o *opener) zip(name string, r io.Reader) {
	in := o.limits.In
	data, err := io.ReadAll(limited{r, &in})
	if err != nil {
		o.fail(name, fmt.Errorf("zip: %w", err))
		return
	}
	// The directory is read whole; ten million octets hold 200,000 entries.
	if n := bytes.Count(data, entry); n > 20*members {
		o.fail(name, fmt.Errorf("zip: %w: %d files", ErrTooLarge, n))
		return
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		o.fail(name, fmt.Errorf("zip: %w", err))
		return
	}
	files := 0
	for _, f := range z.File {
		if f.Mode().IsDir() || o.done {
			continue
		}
		if files++; files > members {
			o.fail(name, fmt.Errorf("zip: %w: more than %d files", ErrTooLarge, members))
			return
		}
		o.member(within(name, f.Name), f)
	}
	if files == 0 {
		o.fail(name, fmt.Errorf("%w: the zip file is empty", ErrNotReport))
	}
}

func (o *opener) member(name string, f *zip.File) {
	r, err := f.Open()
	if err != nil {
		o.fail(name, fmt.Errorf("zip: %w", err))
		return
	}
	o.give(name, limited{r, &o.left})
	_ = r.Close() // only read
}

// within joins the names of a file and what is in it, fit to be printed.
func within(outer, inner string) string {
	if i := strings.LastIndexAny(inner, `/\`); i >= 0 {
		inner = inner[i+1:]
	}
	if outer == "" {
		return clip(inner)
	}
	return outer + "/" + clip(inner)
}
