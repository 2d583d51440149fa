package probe

import (
	"bytes"
	"regexp"
	"strings"
)

var (
	// localWord is how Exim marks what a program on the machine handed to it.
	localWord = regexp.MustCompile(`(?i)\swith\s+local(?:\s|;|$)`)
	// loginWord marks what somebody sent who had logged in, be it by a webmail
	// on the machine itself (RFC 3848).
	loginWord = regexp.MustCompile(`(?i)\swith\s+(?:UTF8SMTPS?A|ESMTPS?A|HTTPS?)(?:\s|;|$)|authenticated`)
)

// Homemade reports whether the machine that has stored a message also wrote
// it, as cron, a monitor or a web form does. It is given the Received fields
// of the message as they stand in the header: none of them then tells of
// another machine. Without any the message was put into its mailbox by a mail
// program, and somebody sat before that.
func Homemade(fields []byte) bool {
	m, err := readMessage(append(bytes.Clone(fields), "\r\n\r\n"...))
	if err != nil {
		return false
	}
	hops := m.all("Received")
	for _, value := range hops {
		if !inHouse(strings.TrimSpace(unfold(value))) {
			return false
		}
	}
	return len(hops) > 0
}

// inHouse reports whether a hop begins and ends on one machine. What cannot be
// read does not: late mail must not be taken for anything else.
func inHouse(value string) bool {
	h := readHop(value)
	helo := strings.ToLower(h.helo)
	switch {
	case loginWord.MatchString(value):
		return false
	case h.lmtp:
		return true // handed to a mailbox; where it came from stands below
	case h.ip.IsValid():
		return h.ip.IsLoopback()
	case helo == "localhost" || strings.HasPrefix(helo, "localhost."):
		return true
	case h.helo != "":
		return localWord.MatchString(value)
	}
	// Postfix and Sendmail name the user, qmail says who has called it.
	return strings.HasPrefix(value, "by ") || strings.HasPrefix(value, "(") && !strings.Contains(value, "from network")
}
