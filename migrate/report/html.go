package report

import (
	"bytes"
	_ "embed" // the page and its style
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

// layout is parsed once; a page that does not parse is a defect of the
// program, which the first test finds.
var layout = template.Must(template.Must(template.New("page").Funcs(template.FuncMap{
	"when":     when,
	"day":      day,
	"span":     span,
	"size":     size,
	"number":   number,
	"equation": equation,
	"bar":      bar,
	"some":     some,
	"visible":  visible,
}).Parse(pageText)).New("style").Parse(styleText))

// HTML writes the document as one self-contained page: nothing in it runs, and
// nothing is fetched from elsewhere. Marks that steer how text is shown are
// written out, so that a name cannot pose as another.
func (d Document) HTML(w io.Writer) error {
	var b bytes.Buffer
	if err := layout.ExecuteTemplate(&b, "page", newPage(d)); err != nil {
		return fmt.Errorf("report as HTML: %w", err)
	}
	if _, err := io.WriteString(w, visible(b.String())); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
