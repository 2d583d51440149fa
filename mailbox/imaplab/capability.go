package imaplab

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"
)

// announced finds the list of capabilities in a response of imapserver.
var announced = regexp.MustCompile(`CAPABILITY [^\]\r]*`)

// refuses says why a command is not spoken here, or nothing.
func (c *conn) refuses(verb, args string) string {
	o := c.srv.opts
	clear := o.TLS != nil && !c.secure
	needs := map[string]imap.Cap{
		"NAMESPACE": imap.CapNamespace, "MOVE": imap.CapMove, "UID MOVE": imap.CapMove, "UNSELECT": imap.CapUnselect,
		"ENABLE": imap.CapEnable, "IDLE": imap.CapIdle, "UID EXPUNGE": imap.CapUIDPlus,
		"COMPRESS": CapCompress,
	}
	need := needs[verb]
	if upper := strings.ToUpper(args); verb == "LIST" && (strings.HasPrefix(upper, "(") || strings.Contains(upper, " RETURN (")) {
		need = imap.CapListExtended
	}
	switch {
	case verb == "STARTTLS" && !clear:
		return "BAD TLS is not offered"
	case clear && (verb == "LOGIN" || verb == "AUTHENTICATE"):
		return "NO [PRIVACYREQUIRED] TLS first"
	case need != "" && !c.speaks(need):
		return "BAD unknown command"
	case verb == "AUTHENTICATE" && !c.mechanism(args):
		return "NO mechanism not offered"
	case verb == "LOGIN" && !c.speaks(imap.AuthCap("PLAIN")) && o.Bearer != nil:
		return "NO [PRIVACYREQUIRED] no password is taken here"
	}
	return ""
}

// speaks reports whether a capability is not hidden.
func (c *conn) speaks(want imap.Cap) bool { return !slices.Contains(c.srv.opts.Hide, want) }

// mechanism reports whether the one that AUTHENTICATE names is spoken.
func (c *conn) mechanism(args string) bool {
	name, _, _ := strings.Cut(strings.ToUpper(args), " ")
	return c.speaks(imap.AuthCap(name)) && (name == "PLAIN" || c.srv.opts.Bearer != nil && (name == xoauth2 || name == sasl.OAuthBearer))
}

// capabilities lists what is announced in the present state. The caller holds
// mu.
func (c *conn) capabilities() []imap.Cap {
	o := c.srv.opts
	caps := []imap.Cap{imap.CapIMAP4rev1, imap.CapSASLIR, imap.CapLiteralPlus}
	switch {
	case c.user() != "":
		caps = append(caps, imap.CapEnable, imap.CapIdle, imap.CapNamespace, imap.CapUIDPlus, imap.CapMultiAppend,
			imap.CapMove, imap.CapUnselect, imap.CapChildren, imap.CapESearch, imap.CapStatusSize,
			imap.CapListExtended, imap.CapListStatus, imap.CapSpecialUse, imap.CapCreateSpecialUse, imap.CapCondStore)
		if c.squeezed == nil {
			caps = append(caps, CapCompress)
		}
		if o.Gmail {
			caps = append(caps, capGmail)
		}
		if o.AppendLimit > 0 {
			caps = append(caps, imap.Cap(fmt.Sprintf("APPENDLIMIT=%d", o.AppendLimit)))
		}
	case o.TLS != nil && !c.secure:
		caps = append(caps, imap.CapStartTLS, imap.CapLoginDisabled)
	default:
		caps = append(caps, imap.AuthCap("PLAIN"))
		if o.Bearer != nil {
			caps = append(caps, imap.AuthCap(xoauth2), imap.AuthCap(sasl.OAuthBearer))
		}
	}
	caps = slices.DeleteFunc(caps, func(cap imap.Cap) bool { return !c.speaks(cap) })
	return append(caps, o.Extra...)
}

func joinCaps(caps []imap.Cap) string {
	words := make([]string, len(caps))
	for i, cap := range caps {
		words[i] = string(cap)
	}
	return strings.Join(words, " ")
}
