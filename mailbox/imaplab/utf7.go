package imaplab

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

var utf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// decodeUTF7 reads a mailbox name in modified UTF-7 (RFC 3501, section 5.1.3).
func decodeUTF7(name string) (string, bool) {
	var b strings.Builder
	for {
		plain, rest, shifted := strings.Cut(name, "&")
		b.WriteString(plain)
		if !shifted {
			return b.String(), true
		}
		code, after, ended := strings.Cut(rest, "-")
		name = after
		if !ended {
			return "", false
		}
		if code == "" {
			b.WriteByte('&')
			continue
		}
		octets, err := utf7.DecodeString(code)
		if err != nil || len(octets)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(octets)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(octets[2*i:])
		}
		b.WriteString(string(utf16.Decode(units)))
	}
}

// encodeUTF7 writes a mailbox name in modified UTF-7.
func encodeUTF7(name string) string {
	var b strings.Builder
	var shifted []uint16
	flush := func() {
		if len(shifted) == 0 {
			return
		}
		octets := make([]byte, 0, 2*len(shifted))
		for _, unit := range shifted {
			octets = binary.BigEndian.AppendUint16(octets, unit)
		}
		b.WriteString("&" + utf7.EncodeToString(octets) + "-")
		shifted = nil
	}
	for _, r := range name {
		switch {
		case r == '&':
			flush()
			b.WriteString("&-")
		case r >= ' ' && r <= '~':
			flush()
			b.WriteRune(r)
		default:
			shifted = utf16.AppendRune(shifted, r)
		}
	}
	flush()
	return b.String()
}
