package mailbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// bodyFunc takes a message as it streams.
type bodyFunc = func(uid imap.UID, size int64, body io.Reader) error

// readTexts fills in the text digests of some candidates. What the server
// leaves out stays unread.
func readTexts(ctx context.Context, f fetcher, cs []candidate, places []place) error {
	at := make(map[imap.UID]place, len(places))
	var of []imap.UID
	for _, i := range places {
		at[cs[i].UID] = i
		of = append(of, cs[i].UID)
	}
	if len(of) == 0 {
		return nil
	}
	return f.Bodies(ctx, of, func(uid imap.UID, _ int64, body io.Reader) error {
		text, _, err := digests(body)
		if i, ok := at[uid]; ok && err == nil {
			cs[i].read = &content{text: text}
		}
		return err
	})
}

// digests sums up a message: what stands behind the header, and all of it.
// The text alone is what tells two messages with the same header apart, since
// every way of delivery adds header lines of its own. NULs do not count in it:
// some servers do not take them.
func digests(body io.Reader) (text, whole wire.Digest, err error) {
	all, rest := wire.NewBodyHash(), wire.NewBodyHash()
	br := bufio.NewReaderSize(io.TeeReader(body, all), 32<<10)
	if err := skipHeader(br); err != nil {
		return text, whole, err
	}
	if _, err := io.Copy(withoutNULs{rest}, br); err != nil {
		return text, whole, err
	}
	return rest.Digest(), all.Digest(), nil
}

// withoutNULs passes everything else on.
type withoutNULs struct{ w io.Writer }

// Write implements io.Writer.
func (n withoutNULs) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		text, after, _ := bytes.Cut(rest, []byte{0})
		if _, err := n.w.Write(text); err != nil {
			return 0, err
		}
		rest = after
	}
	return len(p), nil
}

// skipHeader reads up to and with the empty line behind a header, or to the
// end where there is none.
func skipHeader(br *bufio.Reader) error {
	begin := true // at the beginning of a line
	for {
		line, err := br.ReadSlice('\n')
		blank := begin && err == nil && len(bytes.Trim(line, "\r\n\x00")) == 0
		switch {
		case err == nil:
			begin = true
		case errors.Is(err, bufio.ErrBufferFull):
			begin = false
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
		if blank {
			return nil
		}
	}
}
