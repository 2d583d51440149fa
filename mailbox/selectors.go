package mailbox

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

const (
	// listenMessages is how many messages of a mailbox are looked at, the last
	// ones: a key that signed none of them is hardly in use.
	listenMessages = 50

	// listenAccounts is how many accounts are looked into. Keys belong to the
	// domain, so a few people's mail shows them all.
	listenAccounts = 40

	// listenTime bounds the looking into one account.
	listenTime = 10 * time.Second

	// maxSelectors bounds what an account, and all together, can bring: anybody
	// may write any selector into a message.
	maxSelectors = 64
)

// A Selector is a name under which the source's mail says that it is signed
// (RFC 6376). Nobody has verified that: it only says where to look for a key.
type Selector struct {
	Name, Domain string // lower case, without a final dot
}

// Owner is the absolute name of the key's record.
func (s Selector) Owner() string { return s.Name + "._domainkey." + s.Domain + "." }

// Selectors joins what Logins has heard, the selectors that signed most
// messages first and at most 64 of them.
func Selectors(results []LoginResult) []Selector {
	all := make(map[Selector]int)
	for _, r := range results {
		for s, n := range r.Signed {
			all[s] += n
		}
	}
	return often(all)
}

// often sorts selectors by their number of messages and keeps the first ones.
func often(signed map[Selector]int) []Selector {
	sorted := slices.SortedFunc(maps.Keys(signed), func(a, b Selector) int {
		return cmp.Or(-cmp.Compare(signed[a], signed[b]), strings.Compare(a.Domain, b.Domain), strings.Compare(a.Name, b.Name))
	})
	return sorted[:min(len(sorted), maxSelectors)]
}

// listens reports whether one of n accounts is looked into for signatures:
// some of them, evenly spread, as neighbours in a list are often of one domain.
func listens(i, n int) bool {
	return n <= listenAccounts || i*listenAccounts/n != (i-1)*listenAccounts/n || i == 0
}

// listen reads which selectors signed the last messages that were sent and
// received. What cannot be read is left out, and no error: a selector that
// nobody knows is what there was before.
func listen(ctx context.Context, s *imapconn.Source, pairs []Pair, domains []string) map[Selector]int {
	ctx, cancel := context.WithTimeout(ctx, listenTime)
	defer cancel()
	signed := make(map[Selector]int)
	for _, p := range pairs {
		if p.Skip == "" && (isInbox(p.Source) || p.Use == imap.MailboxAttrSent) {
			_ = listenTo(ctx, s, p.SourceWire, domains, signed) // as above
		}
	}
	kept := make(map[Selector]int)
	for _, s := range often(signed) {
		kept[s] = signed[s]
	}
	return kept
}

func listenTo(ctx context.Context, s *imapconn.Source, wireName string, domains []string, signed map[Selector]int) error {
	if _, err := s.Examine(ctx, wireName); err != nil {
		return err
	}
	uids, err := s.Newest(ctx, listenMessages)
	if err != nil {
		return err
	}
	return s.HeaderFields(ctx, uids, "DKIM-SIGNATURE", func(_ imap.UID, fields []byte) error {
		for _, found := range signatures(fields, domains) {
			signed[found]++
		}
		return nil
	})
}
