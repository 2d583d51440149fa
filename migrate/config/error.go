package config

// An Error is a complaint about a file that a person wrote: a sentence with
// the place and the remedy. Line and Column count from 1; without them the
// complaint is about the file as a whole.
type Error struct {
	File         string
	Line, Column int
	Text         string // what is wrong
	Fix          string // what to do about it, or empty
	Source       string // the line itself, fit for a terminal and without secrets, or empty
	Err          error  // the cause, or nil
}

// Error returns the sentence and, on lines of their own, the source line with
// a caret under the place.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
