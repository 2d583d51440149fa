package imapconn

import (
	"bytes"
	"regexp"
	"strconv"
	"testing"
)

var harmless = regexp.MustCompile(`(?i)^[^ ]+ (CAPABILITY|NOOP|LOGOUT|ID|ENABLE|LOGIN|AUTHENTICATE|STARTTLS|NAMESPACE|LIST|LSUB|STATUS|EXAMINE|UNSELECT|COMPRESS|UID FETCH .*|UID SEARCH .*)( |$)`)

var marks = regexp.MustCompile(`(?i)(BODY\[|BINARY\[|(^|[ (])RFC822(\.TEXT)?([ )]|$))`)

// FuzzGuard writes octets in two pieces and reads what leaves as a server
// would.
func FuzzGuard(f *testing.F) {
	f.Add([]byte("A1 NOOP\r\nA2 DELETE x\r\n"), 3)
	f.Add([]byte("A1 LOGIN {3+}\r\nabc {2}\r\nde\r\nA2 EXPUNGE\r\n"), 16)
	f.Add([]byte("A1 UID FETCH 1 (BODY[])\r\n"), 5)
	f.Add([]byte("A1  DELETE x\r\n"), 0)
	f.Add([]byte(" NOOP\r\n"), 0)
	f.Add([]byte("0 LOGIN {0}\n{00}\n000 00000\n"), 16)
	f.Add([]byte("0 LOGIN {0}\r\n{+5}\r\n0 DELETE x\r\n"), 16)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		var out bytes.Buffer
		g := &guard{w: &out}
		cut = min(max(cut, 0), len(text))
		if _, err := g.Write(text[:cut]); err == nil {
			_, _ = g.Write(text[cut:])
		}
		rest, within := out.Bytes(), false
		for len(rest) > 0 {
			line, after, ok := bytes.Cut(rest, []byte("\n"))
			if !ok {
				t.Fatalf("half a line left: %q", rest)
			}
			command := string(bytes.TrimRight(line, "\r"))
			// A line without a blank is an answer to a challenge.
			if !within && bytes.ContainsAny(line, " \t") && (!harmless.MatchString(command) || marks.MatchString(command) && bytes.Contains(bytes.ToUpper(line), []byte("UID FETCH"))) {
				t.Fatalf("%q left", line)
			}
			size := 0
			if m := regexp.MustCompile(`\{(0|[1-9]\d*)\+?\}$`).FindStringSubmatch(command); m != nil {
				size, _ = strconv.Atoi(m[1])
			}
			within = size > 0 || bytes.HasSuffix([]byte(command), []byte("{0}")) || bytes.HasSuffix([]byte(command), []byte("{0+}"))
			rest = after[min(size, len(after)):]
		}
	})
}
