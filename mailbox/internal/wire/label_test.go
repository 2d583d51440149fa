package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]struct {
		uid    imap.UID
		labels []string
	}{
		`UID 7 X-GM-LABELS ("\\Inbox" \Sent Work "a \"b\" (c)" &APY-)`:         {7, []string{`\Inbox`, `\Sent`, "Work", `a "b" (c)`, "&APY-"}},
		"X-GM-LABELS ({5}\r\nab) c \"d\") UID 7":                               {7, []string{"ab) c", "d"}},
		`X-GM-LABELS () UID 7`:                                                 {7, []string{}},
		`UID 7 X-GM-LABELS NIL`:                                                {7, nil},
		`UID 7 FLAGS (a)`:                                                      {7, nil},
		`X-GM-LABELS ((x "y") z) UID 7`:                                        {7, []string{"z"}},
		`X-GM-LABELS ("` + strings.Repeat("x", 2000) + `" z) UID 7`:            {7, []string{"z"}},
		`X-GM-LABELS ("never closed) UID 7`:                                    {0, []string{"never closed) UID 7)"}},
		`UID 7 X-GM-LABELS (` + strings.Repeat("a ", 5000) + `) FLAGS (\Seen)`: {7, slices.Repeat([]string{"a"}, 1024)},
	} {
		uid, labels, err := next(t, reader("* 12 FETCH ("+data+")\r\n")).Labels()
		if err != nil || uid != want.uid || !slices.Equal(labels, want.labels) || (labels == nil) != (want.labels == nil) {
			t.Errorf("Labels(%.80s) = %d, %.200q, %v, want %d, %.200q", data, uid, labels, err, want.uid, want.labels)
		}
	}
}

func FuzzLabels(f *testing.F) {
	f.Add("UID 5 X-GM-LABELS (\"\\\\Inbox\" (x) {1}\r\na b) FLAGS (\\Seen)")
	f.Add("X-GM-LABELS ({0}\r\n{3}\r\n")
	f.Add("X-GM-LABELS (\"")
	f.Fuzz(func(t *testing.T, data string) {
		r := reader("* 1 FETCH (" + data + ")\r\n")
		for range 100 {
			p, err := r.Next()
			if err != nil {
				return
			}
			_, labels, err := p.Labels()
			if err != nil {
				return
			}
			if len(labels) > 1024 || slices.ContainsFunc(labels, func(l string) bool { return len(l) > 1024 }) {
				t.Errorf("Labels() = %d labels, want no more and no longer ones than 1024", len(labels))
			}
		}
	})
}
