package finding

// What came to light while mailboxes were copied.
const (
	TooManyGone     Code = "MX160" // more messages have gone from a mailbox than is followed in one run
	MessageIsolated Code = "MX161" // a connection is lost whenever a message is fetched or sent
	MessageRepaired Code = "MX162" // the target takes a message only with a repair
	DateChosen      Code = "MX163" // the source gives no believable date for a message
	RenameFollowed  Code = "MX164" // a mailbox has another name at the source than when it was copied
	CopyTakesDays   Code = "MX165" // an account holds more than the provider takes in a day
	ArchivedCopied  Code = "MX166" // what is archived at a Gmail is copied into a mailbox of its own
	CopiesVanished  Code = "MX167" // a target mailbox was made anew without messages that were copied into it
	MessagesHidden  Code = "MX168" // a server has messages and gives nothing for them
)
