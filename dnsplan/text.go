package dnsplan

import "io"

// TextOptions say how a plan is printed; the zero value is the short form.
type TextOptions struct {
	Why bool // print the reason of each change under it
}

// Text prints a plan for people: ASCII, no colour, the same for the same plan.
func Text(w io.Writer, p Plan, o TextOptions) error {
	return nil
}
