package wire

import "github.com/emersion/go-imap/v2"

// Fields reads a FETCH response that was asked for chosen header fields: the
// UID, 0 where none is told, and the octets of the fields, nil where they are
// not there or larger than a mebibyte. An error means that the stream is
// broken.
func (p *Response) Fields() (imap.UID, []byte, error) {
	var m Message
	p.want = true
	_, err := p.Fetch(&m, nil)
	return m.UID, p.fields, err
}
