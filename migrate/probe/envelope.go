package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// ErrNoEnvelope is returned where a message does not tell how it arrived. SPF
// is then not measured.
var ErrNoEnvelope = errors.New("probe: no Received header tells where the message came from")

// NullSender is the MAIL FROM of a bounce.
const NullSender = "<>"

// An Envelope is how a message was handed to its receiver. The zero value
// knows nothing.
type Envelope struct {
	IP       netip.Addr // the connecting address; zero: not known
	Helo     string     // empty: not known
	MailFrom string     // empty: not known; NullSender for a bounce

	// Inner names the host at IP where it may be one of the receiver's own,
	// which took the message from somebody else. A pass counts all the same,
	// and nothing else that depends on the address.
	Inner string
}

// EnvelopeOf reads the envelope from the header: the topmost Received that
// tells of a connection from outside, and the Return-Path above it. Hops
// inside the receiver (LMTP, no address, or a private one) are passed over. If
// trusted names are given, a Received counts only when one of them, or a name
// below it, wrote it, and none below the first stranger's counts: that part of
// a header is the sender's to invent.
//
// With ErrNoEnvelope what could be read is returned all the same.
func EnvelopeOf(msg []byte, trusted ...string) (Envelope, error) {
	m, err := readMessage(msg)
	if err != nil {
		return Envelope{}, err
	}
	var env Envelope
	for i, f := range m.fields {
		switch {
		case strings.EqualFold(f.name, "Return-Path") && env.MailFrom == "":
			env.MailFrom = returnPath(unfold(f.value))
		case strings.EqualFold(f.name, "Received"):
			h := readHop(unfold(f.value))
			if len(trusted) > 0 && !h.by(trusted) {
				return env, fmt.Errorf("%w: it was written by %q, which is not trusted", ErrNoEnvelope, printable(h.writer, 64))
			}
			if h.border() {
				env.IP, env.Helo = h.ip, h.helo
				env.Inner = h.inner(m.nextHop(i))
				return env, nil
			}
		}
	}
	return env, ErrNoEnvelope
}

// nextHop is the one below a field, empty where there is none.
func (m message) nextHop(i int) hop {
	for _, f := range m.fields[i+1:] {
		if strings.EqualFold(f.name, "Received") {
			return readHop(unfold(f.value))
		}
	}
	return hop{}
}

// A hop is one Received header.
type hop struct {
	helo   string
	peer   string // the name that the writer found for the address, if it says
	ip     netip.Addr
	writer string // the name after "by"
	lmtp   bool   // handed to a mailbox, which nobody outside can do (RFC 2033)
}

// border reports whether the message came in from outside there.
func (h hop) border() bool { return h.ip.IsValid() && outside(h.ip) && !h.lmtp && !h.exchange() }

// inner names the peer where it may be a host of the writer's own organization
// that relays inside: it has a name there, and the hop below was written there,
// too. A customer of a provider that writes to another of its customers looks
// the same, so that the header alone does not tell. Gmail's border is known.
func (h hop) inner(below hop) string {
	if h.writer == "" || below.writer == "" || !sameReceiver(below.writer, h.writer) || dmarc.Canonical(h.writer) == "mx.google.com" {
		return ""
	}
	for _, name := range []string{h.peer, h.helo} {
		if name != "" && sameReceiver(name, h.writer) {
			return name
		}
	}
	return ""
}

// exchangeNet is where the servers of Exchange Online talk to each other, by
// addresses that look like anybody's. Its mail to others leaves from other
// networks, so that a sender at another customer is still a sender.
var exchangeNet = netip.MustParsePrefix("2603:1000::/24")

// exchange reports whether both ends are servers of Exchange Online.
func (h hop) exchange() bool {
	return exchangeNet.Contains(h.ip) && namesNobody(h.writer)
}

// by reports whether one of the names, or a name below one, wrote the hop.
func (h hop) by(names []string) bool {
	writer := dmarc.Canonical(h.writer)
	for _, n := range names {
		n = dmarc.Canonical(n)
		if writer == n || strings.HasSuffix(writer, "."+n) {
			return true
		}
	}
	return false
}

// bracketed finds the address of the peer in the comment that follows its
// name: [192.0.2.1], [IPv6:2001:db8::1], or bare as Exchange writes it.
var (
	bracketed = regexp.MustCompile(`\[(?i:IPv6:)?([0-9A-Fa-f:.]+)\]`)
	named     = regexp.MustCompile(`\(([A-Za-z0-9_.-]+)\s+\[`)
	bare      = regexp.MustCompile(`\(([0-9A-Fa-f:.]+)\)`)
	heloWord  = regexp.MustCompile(`(?i)[( ](?:helo|ehlo)[= ]([^\s()]+)`)
	byWord    = regexp.MustCompile(`(?i)(?:^|\s)by\s+([^\s();]+)`)
	lmtpWord  = regexp.MustCompile(`(?i)\swith\s+(?:UTF8)?LMTP[SA]{0,2}(?:\s|;|$)`) // RFC 3848, RFC 6531
)

// readHop takes the first line of a trace header apart. Every server writes
// it in its own way, so it looks for the parts and not for the grammar.
func readHop(value string) hop {
	value = strings.TrimSpace(value)
	if len(value) > 2048 {
		value = value[:2048]
	}
	var h hop
	from := value
	if at := byWord.FindStringSubmatchIndex(value); at != nil {
		from, h.writer = value[:at[0]], value[at[2]:at[3]]
		h.lmtp = lmtpWord.MatchString(value[at[3]:])
	}
	words := strings.Fields(from)
	if len(words) < 2 || !strings.EqualFold(words[0], "from") {
		return h
	}
	h.helo = words[1]
	if m := heloWord.FindStringSubmatch(from); m != nil {
		h.helo = m[1]
	}
	for _, re := range []*regexp.Regexp{bracketed, bare} {
		// The last one: names that the peer chose stand before it.
		if all := re.FindAllStringSubmatch(from, -1); len(all) > 0 {
			if ip, err := netip.ParseAddr(all[len(all)-1][1]); err == nil {
				h.ip = ip.Unmap()
				break
			}
		}
	}
	if ip, err := netip.ParseAddr(words[1]); err == nil && !h.ip.IsValid() && strings.Contains(from, "(EHLO ") {
		h.ip = ip.Unmap() // as Yahoo writes it, with what the peer says behind it
	}
	h.helo = strings.Trim(h.helo, "[]")
	if m := named.FindStringSubmatch(from); m != nil && !strings.EqualFold(m[1], "helo") {
		h.peer = m[1]
	}
	return h
}

// outside reports whether an address can be that of a sender elsewhere.
func outside(ip netip.Addr) bool {
	return !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast() && !ip.IsUnspecified()
}

// returnPath returns the address of a Return-Path, NullSender for an empty
// one, and nothing for what cannot be read.
func returnPath(value string) string {
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, "<") && strings.HasSuffix(value, ">") {
		value = strings.TrimSpace(value[1 : len(value)-1])
		if value == "" {
			return NullSender
		}
	}
	if len(value) > 512 || strings.ContainsAny(value, " \t<>") || !strings.Contains(value, "@") {
		return ""
	}
	return value
}
