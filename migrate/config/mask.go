package config

import (
	"regexp"
	"slices"
	"strings"
)

// What stands after a key that holds secrets is hidden before a line is
// shown, whatever the complaint: a password typed in the wrong place must not
// end up in a log as well.
var (
	keyPattern      = regexp.MustCompile(`([\pL\pN_-]+)["']?\s*:(\s+|$)`)
	userinfoPattern = regexp.MustCompile(`://[^/\s]*@`)
	blockPattern    = regexp.MustCompile(`^[|>][-+0-9]*\s*(#.*)?$`)
)

const masked = "***"

// mask hides what may be a secret in a line; previous is the line before it,
// which may end in the key that the line belongs to.
func mask(line, previous string) string {
	if continuesSecret(previous) && !describesSecret(line) {
		trimmed := strings.TrimLeft(line, " ")
		return line[:len(line)-len(trimmed)] + masked
	}
	line = userinfoPattern.ReplaceAllString(line, "://"+masked+"@")
	for _, at := range keyPattern.FindAllStringSubmatchIndex(line, -1) {
		rest := line[at[1]:]
		if secretKey(line[at[2]:at[3]]) && rest != "" && !strings.HasPrefix(rest, "{") {
			return line[:at[1]] + masked
		}
	}
	return line
}

// continuesSecret reports whether a line ends in a key for a secret whose
// value follows on the next line.
func continuesSecret(line string) bool {
	all := keyPattern.FindAllStringSubmatchIndex(line, -1)
	if len(all) == 0 {
		return false
	}
	last := all[len(all)-1]
	rest := strings.TrimSpace(line[last[1]:])
	return secretKey(line[last[2]:last[3]]) && (rest == "" || rest[0] == '#' || blockPattern.MatchString(rest))
}

// describesSecret reports whether a line says where a secret is to be had.
func describesSecret(line string) bool {
	at := keyPattern.FindStringSubmatchIndex(line)
	return at != nil && slices.Contains(secretForms, line[at[2]:at[3]])
}

// secretKey reports whether a key names a secret, or is a slip for one.
func secretKey(key string) bool {
	key = strings.ToLower(key)
	for _, w := range []string{"password", "secret", "token"} {
		if strings.Contains(key, w) || levenshtein(key, w) <= 2 {
			return true
		}
	}
	return strings.HasPrefix(key, "pass") || key == "key" || key == "pwd"
}
