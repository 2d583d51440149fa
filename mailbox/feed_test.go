package mailbox

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// TestReadHead reads a header to its end: what says which message it is may
// stand behind a thousand recipients.
func TestReadHead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		recipients, text int
		most             int64 // octets of the head
	}{
		"short header":    {1, 1 << 20, streamHead},
		"long header":     {5000, 1 << 20, 4 * streamHead},
		"nothing but it":  {5000, 0, 4 * streamHead},
		"short message":   {1, 100, streamHead},
		"endless header":  {80_000, 1 << 20, longestHead},
		"end at the edge": {streamHead / len("somebody@example.org,\r\n "), 1 << 20, 2 * streamHead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := "Cc: " + strings.Repeat("somebody@example.org,\r\n ", tt.recipients) + "last@example.org\r\nMessage-ID: <long@example.org>\r\n\r\n"
			message := header + strings.Repeat("x", tt.text)
			body := strings.NewReader(message)
			head, err := readHead(body, int64(len(message)))
			if err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(body)
			if string(head)+string(rest) != message || int64(len(head)) > tt.most {
				t.Errorf("readHead() took %d octets of %d, and %d are left; want no more than %d", len(head), len(message), len(rest), tt.most)
			}
			if len(header) < longestHead && wire.Fingerprint(head) != wire.Fingerprint([]byte(message)) {
				t.Error("the head has another fingerprint than the message")
			}
			short := strings.NewReader(message[:len(message)-len(rest)-1])
			if _, err := readHead(short, int64(len(message))); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("readHead() of a message that ends early = %v", err)
			}
		})
	}
}
