package imaplab

import (
	"bytes"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// The personas are what products and providers are known for: what they
// announce and what they do not, how they write names, what they refuse. A
// test may change the options that it gets.

// Dovecot is a Dovecot as its packages install it: what compresses lies beside
// it, and is not switched on.
func Dovecot() Options {
	return Options{Greeting: "Dovecot (Debian) ready.", Hide: []imap.Cap{CapCompress}}
}

// Courier keeps everything below INBOX, speaks little more than RFC 3501, and
// gives a mailbox no lasting UIDVALIDITY before somebody has selected it.
func Courier() Options {
	return Options{
		Delim: '.', Prefix: "INBOX.", Greeting: "Courier-IMAP ready.", Restless: true,
		Hide: []imap.Cap{
			imap.CapSASLIR, imap.CapLiteralPlus, imap.CapEnable, imap.CapMultiAppend, imap.CapMove, imap.CapUnselect,
			imap.CapESearch, imap.CapStatusSize, imap.CapListExtended, imap.CapListStatus, imap.CapSpecialUse,
			imap.CapCreateSpecialUse, imap.CapCondStore, CapCompress,
		},
	}
}

// Cyrus announces nearly everything, and takes only messages that RFC 5322
// knows.
func Cyrus() Options {
	return Options{Delim: '.', Prefix: "INBOX.", Greeting: "Cyrus IMAP server ready", RefuseAppend: func(_ string, body []byte) error {
		header, _, _ := bytes.Cut(body, []byte("\r\n\r\n"))
		switch {
		case bytes.IndexByte(body, 0) >= 0:
			return errors.New("Message contains NUL characters")
		case bytes.Count(body, []byte("\n")) != bytes.Count(body, []byte("\r\n")):
			return errors.New("Message contains bare newlines")
		case bytes.ContainsFunc(header, func(r rune) bool { return r > '~' }):
			return errors.New("Message contains invalid header")
		}
		return nil
	}}
}

// Exchange is Exchange Online: few extensions, no keywords but $MDNSent, the
// mailboxes of its other clients beside those with mail.
func Exchange() Options {
	return Options{
		Greeting: "The Microsoft Exchange IMAP4 service is ready. [TABP]",
		Flags:    append([]imap.Flag{"$MDNSent"}, systemFlags...),
		Hide: []imap.Cap{
			imap.CapEnable, imap.CapMultiAppend, imap.CapESearch, imap.CapStatusSize, imap.CapListExtended,
			imap.CapListStatus, imap.CapSpecialUse, imap.CapCreateSpecialUse, imap.CapCondStore, CapCompress,
		},
	}
}

// Gmail makes labels of mailboxes.
func Gmail() Options {
	return Options{
		Greeting: "Gimap ready for requests from 192.0.2.1", Gmail: true, PlainUses: true, AppendLimit: 35651584,
		Hide: []imap.Cap{
			imap.CapLiteralPlus, imap.CapMultiAppend, imap.CapStatusSize, imap.CapCreateSpecialUse,
		},
		Extra: []imap.Cap{imap.CapLiteralMinus, imap.CapUTF8Accept},
	}
}

// Zoho tells special uses with a plain LIST and takes no other, for three
// connections at once.
func Zoho() Options {
	return Options{
		Greeting: "IMAP4 Server ready", PlainUses: true, Faults: Faults{Most: 3},
		Hide: []imap.Cap{
			imap.CapLiteralPlus, imap.CapMultiAppend, imap.CapESearch, imap.CapStatusSize, imap.CapListExtended,
			imap.CapListStatus, imap.CapSpecialUse, imap.CapCreateSpecialUse, imap.CapCondStore, imap.CapEnable, CapCompress,
		},
	}
}

// ICloud announces CONDSTORE and LIST-STATUS without what others have.
func ICloud() Options {
	return Options{
		Greeting: "iSCREAM ready to rumble", AppendLimit: 20 << 20,
		Hide: []imap.Cap{
			imap.CapLiteralPlus, imap.CapMultiAppend, imap.CapMove, imap.CapStatusSize, imap.CapListExtended,
			imap.CapSpecialUse, imap.CapCreateSpecialUse, CapCompress,
		},
	}
}

// ProtonBridge speaks to a store that is not IMAP: three flags, messages with
// a sender alone, one of several identical ones, mailboxes of the user below
// Folders. Make those parents yourself.
func ProtonBridge() Options {
	return Options{
		Greeting: "Proton Mail Bridge ready", Gmail: true, Faults: Faults{Command: onlyFolders},
		Flags: []imap.Flag{imap.FlagSeen, imap.FlagFlagged, imap.FlagDeleted},
		Hide: []imap.Cap{
			capGmail, imap.CapSASLIR, imap.CapLiteralPlus, imap.CapEnable, imap.CapNamespace, imap.CapMultiAppend,
			imap.CapChildren, imap.CapESearch, imap.CapStatusSize, imap.CapListExtended, imap.CapListStatus,
			imap.CapSpecialUse, imap.CapCreateSpecialUse, imap.CapCondStore, CapCompress,
		},
		RefuseAppend: func(_ string, body []byte) error {
			if header, _ := split(body); !bytes.Contains(append([]byte("\n"), header...), []byte("\nFrom: ")) {
				return errors.New("invalid message: missing From")
			}
			return nil
		},
	}
}

// onlyFolders refuses mailboxes that are not below those that Proton has for
// them.
func onlyFolders(c Command) Action {
	name := strings.Trim(c.Args, `"`)
	if c.Verb == "CREATE" && !strings.HasPrefix(name, "Folders/") && !strings.HasPrefix(name, "Labels/") {
		return Refuse
	}
	return Pass
}
