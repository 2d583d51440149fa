package probe

import (
	"slices"
	"strings"
)

// aboutRecipient are enhanced status codes (RFC 3463) that speak of the
// recipient: unknown, of an unknown domain, disabled, moved. Microsoft 365
// answers 5.4.1 for one that its edge does not know.
var aboutRecipient = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.1"}

// aboutSender are codes that speak of the null sender that we give.
var aboutSender = []string{"5.1.7", "5.1.8"}

// Words of answers without a telling code. Those about us come first: servers
// call a blocked address a mailbox that is not available.
var (
	wordsAboutUs = []string{
		"authentic", "banned", "blacklist", "block", "client host", "dnsbl", "dynamic", "ehlo",
		"encrypt", "greylist", "helo", "listed", "ptr", "rate limit", "rbl", "rdns", "reputation", "residential",
		"reverse dns", "sender", "sending ip", "spam", "spf", "starttls", "tls", "too many", "your ip", "your host",
	}
	wordsAboutRecipient = []string{
		"address rejected", "address unknown", "does not exist", "doesn't exist", "invalid mailbox", "invalid recipient",
		"mailbox not found", "mailbox unavailable", "no mailbox", "no such", "not found", "not our customer", "recipient rejected",
		"recipient unknown", "relay", "unknown recipient", "unknown user", "unrouteable", "user unknown", "user not found",
	}
)

// weigh says what every reply means.
func weigh(s *Sounding) {
	some := slices.ContainsFunc(s.Replies, func(r Reply) bool { return r.Code/100 == 2 })
	s.Control.Answer = meaning(s.Control, some)
	for i, r := range s.Replies {
		s.Replies[i].Answer = meaning(r, some)
	}
}

// meaning reads one reply. Some says that the server takes other recipients
// from us, so that what it refuses is refused for its own sake.
func meaning(r Reply, some bool) Answer {
	switch {
	case r.Code == 0:
		return NotAsked
	case r.Code/100 == 2:
		return Taken
	case r.Code/100 != 5 || slices.Contains(aboutSender, r.Enhanced):
		return Inconclusive
	case slices.Contains(aboutRecipient, r.Enhanced):
		return Turned
	}
	// Servers repeat the recipient, whose name may be any word.
	text := strings.ReplaceAll(strings.ToLower(r.Text), strings.ToLower(r.Recipient), "")
	text = strings.ReplaceAll(text, "not listed in", "not found in") // Domino's directory
	relay := strings.Contains(text, "relay")                         // the server does not know the domain
	switch {
	case contains(text, wordsAboutUs):
		return Inconclusive
	case contains(text, wordsAboutRecipient) && (relay || !strings.HasPrefix(r.Enhanced, "5.7.")):
		return Turned
	case some:
		return Turned
	}
	return Inconclusive
}

func contains(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
