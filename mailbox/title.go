package mailbox

import (
	"context"
	"mime"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// A Title is what a person knows a message by: fields of its header, decoded
// and fit for a terminal. What cannot be read is empty.
type Title struct{ From, Date, Subject string }

// mostTitles bounds for how many messages of a pair titles are asked for.
const mostTitles = 1000

// titled is what asking for titles needs of a connection.
type titled interface {
	HeaderFields(ctx context.Context, uids []imap.UID, name string, fn func(uid imap.UID, fields []byte) error) error
}

// titles asks for the titles of the messages that are not simply on both
// sides, for whoever listens.
func (c *comparison) titles(ctx context.Context) error {
	if c.o.Message == nil {
		return nil
	}
	var mine, theirs []place
	taken := make([]bool, len(c.target))
	for n, t := range c.partner {
		i := place(n)
		if t != alone {
			taken[t] = true
		}
		if (t == alone || c.hashes[i] == different || c.hashes[i] == unreadable) && len(mine) < mostTitles {
			mine = append(mine, i)
		}
	}
	for t := range c.target {
		if !taken[t] && len(theirs) < mostTitles {
			theirs = append(theirs, place(t))
		}
	}
	c.sourceTitles, c.targetTitles = make(map[place]Title), make(map[place]Title)
	if err := c.bySide(ctx, mine, func(some []place) error {
		return readTitles(ctx, c.eyes.source, c.source, some, c.sourceTitles)
	}); err != nil {
		return err
	}
	return readTitles(ctx, c.eyes.target, c.target, theirs, c.targetTitles)
}

// readTitles fills in the titles of some candidates by their places.
func readTitles(ctx context.Context, from titled, cs []candidate, places []place, titles map[place]Title) error {
	at := make(map[imap.UID]place, len(places))
	var of []imap.UID
	for _, i := range places {
		at[cs[i].UID] = i
		of = append(of, cs[i].UID)
	}
	slices.Sort(of)
	return from.HeaderFields(ctx, of, "FROM DATE SUBJECT", func(uid imap.UID, fields []byte) error {
		if i, ok := at[uid]; ok {
			titles[i] = titleOf(fields)
		}
		return nil
	})
}

// titleOf reads a title; of several fields of a name the first counts.
func titleOf(fields []byte) Title {
	var t Title
	for _, field := range unfolded(string(fields)) {
		name, value, _ := strings.Cut(field, ":")
		for _, f := range []struct {
			name string
			to   *string
		}{{"From", &t.From}, {"Date", &t.Date}, {"Subject", &t.Subject}} {
			if strings.EqualFold(strings.TrimSpace(name), f.name) && *f.to == "" {
				*f.to = decodeTitle(strings.TrimSpace(value))
			}
		}
	}
	return t
}

func decodeTitle(value string) string {
	if decoded, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
		value = decoded
	}
	return clean(strings.ToValidUTF8(value, "?"))
}
