package finding

// Findings about mailboxes and messages.
const (
	MailboxRenamed     Code = "MX050" // the target does not take a name, so the mailbox gets another
	MailboxesMerged    Code = "MX051" // several source mailboxes lead into one target mailbox
	MailboxLeftOut     Code = "MX052" // a mailbox is not copied, by rule or because it is nobody's own
	MailboxUnreadable  Code = "MX053" // a mailbox cannot be opened
	MessageRefused     Code = "MX054" // the target does not take a message; it is kept as a file
	KeywordsDropped    Code = "MX055" // the target does not keep some keywords
	MailboxNamesAlike  Code = "MX056" // names differ only in case or in the form of their letters
	MessageDoubled     Code = "MX057" // a message that was sent again had arrived after all
	MailboxMatchedAnew Code = "MX058" // a server has renumbered a mailbox, so it was matched from the beginning
	MailboxNotCreated  Code = "MX059" // the target does not let a mailbox be created
)
