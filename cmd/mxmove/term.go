package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/term"
)

// The rules of the terminal: stdout carries the answer, stderr the talk, the
// progress and the questions. A terminal gets bars and colour, everything
// else plain lines. Whatever came from outside is cleaned before it is shown.
type terminal struct {
	in       *os.File
	out, err io.Writer

	asks   bool // a person sits at stdin and reads stderr
	bars   bool // stderr is a terminal
	colour bool // stdout is a terminal

	outTTY, errTTY *os.File // the terminals behind out and err; nil: none

	mu sync.Mutex // guards writes to err
}

func newTerm(in, out, err *os.File) *terminal {
	t := &terminal{in: in, out: out, err: err}
	t.outTTY, t.errTTY = out, err
	t.bars = term.IsTerminal(int(err.Fd()))
	t.asks = t.bars && term.IsTerminal(int(in.Fd()))
	_, plain := os.LookupEnv("NO_COLOR")
	t.colour = !plain && term.IsTerminal(int(out.Fd()))
	return t
}

// say writes one line of talk.
func (t *terminal) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.err, clean(fmt.Sprintf(format, args...)))
}

// errNobody is returned when a question cannot be put to anybody.
var errNobody = errors.New("nobody can be asked")

// ask puts a question and returns the line that was typed.
func (t *terminal) ask(question string) (string, error) {
	if !t.asks {
		return "", errNobody
	}
	fmt.Fprint(t.err, question)
	line, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("no answer: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// askSecret is ask without an echo.
func (t *terminal) askSecret(question string) (string, error) {
	if !t.asks {
		return "", errNobody
	}
	fmt.Fprint(t.err, question)
	secret, err := term.ReadPassword(int(t.in.Fd()))
	fmt.Fprintln(t.err)
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	return string(secret), nil
}

// The colours that text may have; none when colour is off.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
)

func (t *terminal) paint(colour, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// clean replaces what could steer a terminal: control characters, and the
// marks that turn the direction of text round.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), r == unicode.ReplacementChar, unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			return '?'
		}
		return r
	}, text)
}
