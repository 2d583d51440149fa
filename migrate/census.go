package migrate

import (
	"cmp"
	"slices"
)

// A census counts streams by a hash of their keys. A domain that is forged has
// as many streams as there are addresses, far too many to keep each of them.
// Two that happen to share a hash are counted as one.
type census map[uint64]counted

// counted is what a stream sent.
type counted struct {
	messages  int64
	unaligned int64
	part      uint64 // see streamKey.part
	unknown   bool   // nobody knows whose it is
}

// add counts a row of a stream.
func (c census) add(k streamKey, part uint64, row sentRow) {
	id := k.id(part)
	n := c[id]
	n.messages += row.Messages
	n.part, n.unknown = part, k.class == SenderUnknown
	if !row.Aligned() {
		n.unaligned += row.Messages
	}
	c[id] = n
}

// largest returns the parts of the streams that sent most.
func (c census) largest(most int) map[uint64]bool {
	ids := make([]uint64, 0, len(c))
	for id := range c {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(c[b].messages, c[a].messages), cmp.Compare(a, b))
	})
	chosen := make(map[uint64]bool, most)
	for _, id := range ids[:min(most, len(ids))] {
		chosen[c[id].part] = true
	}
	return chosen
}

// strangers counts the streams that nothing names and that failed alignment,
// and their messages that did.
func (c census) strangers() (streams int, messages int64) {
	for _, n := range c {
		if n.unknown && n.unaligned > 0 {
			streams++
			messages += n.unaligned
		}
	}
	return streams, messages
}

// part is a hash of what a key is before anybody knows whose address it is,
// which is the dear part. It is FNV-1a, the same in every run, so that streams
// of one size are chosen alike.
func (k streamKey) part() uint64 {
	h := mix(mix(14695981039346656037, k.domain), k.dkim)
	for _, c := range k.network.Addr().As16() {
		h = (h ^ uint64(c)) * prime
	}
	return h
}

// id makes the hash of the whole key of its part.
func (k streamKey) id(part uint64) uint64 {
	return mix(mix(part, string(k.class)), k.because)
}

const prime = 1099511628211

// mix adds a text and its end.
func mix(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	return (h ^ 0xff) * prime
}
