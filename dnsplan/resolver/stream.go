package resolver

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// maxUnsigned is how many messages may stand between two signatures: RFC
// 8945, section 5.3.1. miekg/dns wants every one signed, which not every
// server does.
const maxUnsigned = 99

// A stream checks the messages of a transfer as they come.
type stream struct {
	key     *TSIG
	mac     string // of the request, then of the last signed message
	begun   bool
	pending []byte // unsigned messages since the last signature
	skipped int
}

// take adds the records of one message and reports whether it was the last.
func (st *stream) take(in *dns.Msg, raw []byte, apex string, rrs *[]dns.RR) (bool, error) {
	if in.Rcode != dns.RcodeSuccess {
		err := ErrNoAnswer
		switch in.Rcode {
		case dns.RcodeRefused:
			err = ErrRefused
		case dns.RcodeNotAuth:
			err = ErrDenied
		}
		return false, fmt.Errorf("%w: %s", err, rcode(in.Rcode))
	}
	if err := st.check(in, raw); err != nil {
		return false, err
	}
	for _, rr := range in.Answer {
		soa, ok := rr.(*dns.SOA)
		switch {
		case len(*rrs) == 0 && (!ok || zone.Canonical(soa.Hdr.Name) != apex):
			return false, fmt.Errorf("%w: the transfer does not begin with the SOA", ErrNoAnswer)
		case len(*rrs) > 0 && ok:
			if soa.Serial != (*rrs)[0].(*dns.SOA).Serial {
				return false, fmt.Errorf("%w: the zone changed during the transfer", ErrNoAnswer)
			}
			if len(st.pending) > 0 {
				return false, fmt.Errorf("%w: the last message is not signed", ErrDenied)
			}
			return true, nil
		}
		*rrs = append(*rrs, rr)
	}
	return false, nil
}

// check verifies the signature of a message, or keeps the message for the
// next signature to cover.
func (st *stream) check(in *dns.Msg, raw []byte) error {
	if st.key == nil {
		return nil
	}
	t := in.IsTsig()
	if t == nil {
		if st.skipped++; !st.begun || st.skipped > maxUnsigned {
			return fmt.Errorf("%w: key %s: the transfer is not signed", ErrDenied, st.key.name())
		}
		st.pending = append(st.pending, raw...)
		return nil
	}
	if t.Error != dns.RcodeSuccess {
		return fmt.Errorf("%w: key %s: %s", ErrDenied, st.key.name(), rcode(int(t.Error)))
	}
	p := covering{key: *st.key, pending: st.pending}
	if err := dns.TsigVerifyWithProvider(slices.Clone(raw), p, st.mac, st.begun); err != nil {
		return fmt.Errorf("%w: key %s: signature of the transfer: %w", ErrDenied, st.key.name(), err)
	}
	st.mac, st.begun, st.pending, st.skipped = t.MAC, true, nil, 0
	return nil
}

// covering verifies a signature that covers unsigned messages before its own:
// they stand between the MAC before them and the signed message.
type covering struct {
	key     TSIG
	pending []byte
}

var errOneWay = errors.New("only verifies")

func (covering) Generate([]byte, *dns.TSIG) ([]byte, error) { return nil, errOneWay }

func (p covering) Verify(msg []byte, t *dns.TSIG) error {
	if len(p.pending) > 0 && len(msg) > 2 {
		n := min(len(msg), 2+int(msg[0])<<8+int(msg[1]))
		msg = slices.Concat(msg[:n], p.pending, msg[n:])
	}
	sum, err := mac(p.key, msg)
	if err != nil {
		return err
	}
	got, err := hex.DecodeString(t.MAC)
	if err != nil || dns.CanonicalName(t.Algorithm) != p.key.algorithm() || !hmac.Equal(got, sum) {
		return dns.ErrSig
	}
	return nil
}

func mac(key TSIG, msg []byte) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(key.Secret)
	if err != nil {
		return nil, errSecret
	}
	var h func() hash.Hash
	switch key.algorithm() {
	case dns.HmacSHA1:
		h = sha1.New
	case dns.HmacSHA224:
		h = sha256.New224
	case dns.HmacSHA384:
		h = sha512.New384
	case dns.HmacSHA512:
		h = sha512.New
	default:
		h = sha256.New
	}
	sum := hmac.New(h, secret)
	sum.Write(msg)
	return sum.Sum(nil), nil
}
