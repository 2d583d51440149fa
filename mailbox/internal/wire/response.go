package wire

// A Kind says what sort of line a response is.
type Kind int

// The kinds of responses.
const (
	Untagged     Kind = iota // "* ..."
	Tagged                   // "A1 OK ..."
	Continuation             // "+ ..."
)

// A Response is one line of the server with its literals.
type Response struct {
	Kind Kind
	Tag  string // of a tagged response
	Num  uint32 // of "* 12 EXISTS"
	Name string // upper case: OK, NO, BAD, BYE, PREAUTH, CAPABILITY, LIST, FETCH ...
	Code string // upper case: of [CODE args]
	Args string // arguments of the code
	Text string // text for people
}
