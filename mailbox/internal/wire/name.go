package wire

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The alphabet of modified base64: "," in the place of "/", no padding
// (RFC 9051, appendix A.1; RFC 3501, section 5.1.3).
var base64Name = base64.NewEncoding(
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,",
).WithPadding(base64.NoPadding)

// EncodeName writes a mailbox name in modified UTF-7. Octets that are no UTF-8
// become U+FFFD.
func EncodeName(name string) string {
	var b strings.Builder
	for len(name) > 0 {
		plain := strings.IndexFunc(name, notPrintable)
		if plain < 0 {
			plain = len(name)
		}
		b.WriteString(strings.ReplaceAll(name[:plain], "&", "&-"))
		name = name[plain:]
		shifted := strings.IndexFunc(name, func(r rune) bool { return !notPrintable(r) })
		if shifted < 0 {
			shifted = len(name)
		}
		if shifted > 0 {
			b.WriteString("&" + base64Name.EncodeToString(encodeUTF16(name[:shifted])) + "-")
		}
		name = name[shifted:]
	}
	return b.String()
}

// DecodeName reads a mailbox name in modified UTF-7 for people. Whatever is
// not modified UTF-7 stands for itself: UTF-8 as it is, other octets as
// Latin-1, a shift that does not decode ("R&D") as its own text. The wire name
// cannot be had back from it; keep that.
func DecodeName(wire string) string {
	if !utf8.ValidString(wire) {
		wire = latin1(wire)
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(wire, "&")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		text, rest, ok := decodeShift(after)
		if !ok {
			text, rest = "&", after
		}
		b.WriteString(text)
		wire = rest
	}
}

// maxShift bounds one shift; real names have a few characters in it.
const maxShift = 4096

// decodeShift reads what stands behind "&" up to "-".
func decodeShift(s string) (text, rest string, ok bool) {
	end := strings.IndexByte(s[:min(len(s), maxShift)], '-')
	if end < 0 {
		return "", s, false
	}
	shift, rest := s[:end], s[end+1:]
	if shift == "" {
		return "&", rest, true
	}
	raw, err := base64Name.DecodeString(shift)
	if err != nil || len(raw)%2 != 0 {
		return "", s, false
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units)), rest, true
}

func encodeUTF16(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return out
}

func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

// Quote writes a string for a command: in quotes where that can be done, else
// literal is true and the octets must go as a literal (RFC 9051, section 4.3).
func Quote(s string) (quoted string, literal bool) {
	for i := range len(s) {
		if c := s[i]; c == 0 || c == '\r' || c == '\n' || c >= 0x80 {
			return "", true
		}
	}
	if len(s) > 1000 { // servers bound the quoted string lower than the line
		return "", true
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, false
}
