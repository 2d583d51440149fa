package wire

import (
	"bytes"
	"encoding/base64"
	"strconv"
)

// decodeWords puts the octets of encoded-words (RFC 2047) in their place, in
// whatever charset they are. White space between two of them goes; what is no
// encoded-word stays.
func decodeWords(value []byte) []byte {
	out := make([]byte, 0, len(value))
	after := -1 // where the last encoded-word ended in out, while only blanks follow
	for len(value) > 0 {
		text, n := decodeWord(value)
		if n == 0 {
			if value[0] != ' ' && value[0] != '\t' && value[0] != '\r' {
				after = -1
			}
			out, value = append(out, value[0]), value[1:]
			continue
		}
		if after >= 0 {
			out = out[:after]
		}
		out, value = append(out, text...), value[n:]
		after = len(out)
	}
	return out
}

// decodeWord decodes the encoded-word at the beginning of value and returns
// its length there, 0 where there is none.
func decodeWord(value []byte) (text []byte, n int) {
	const longest = 1 << 10
	if !bytes.HasPrefix(value, []byte("=?")) {
		return nil, 0
	}
	part := bytes.SplitN(value[2:min(len(value), longest)], []byte("?"), 4)
	if len(part) < 4 || len(part[0]) == 0 || len(part[1]) != 1 || len(part[3]) == 0 || part[3][0] != '=' ||
		bytes.ContainsAny(part[0], " \t") || bytes.ContainsAny(part[2], " \t") {
		return nil, 0
	}
	n = len("=?") + len(part[0]) + len("?q?") + len(part[2]) + len("?=")
	switch part[1][0] {
	case 'q', 'Q':
		return decodeQ(part[2]), n
	case 'b', 'B':
		text, err := base64.RawStdEncoding.DecodeString(string(bytes.TrimRight(part[2], "=")))
		if err != nil {
			return nil, 0
		}
		return text, n
	}
	return nil, 0
}

// decodeQ decodes the Q encoding; what is no octet in it stands for itself.
func decodeQ(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '_' {
			c = ' '
		}
		if c == '=' && i+2 < len(text) {
			if v, err := strconv.ParseUint(string(text[i+1:i+3]), 16, 8); err == nil {
				c = byte(v)
				i += 2
			}
		}
		out = append(out, c)
	}
	return out
}
