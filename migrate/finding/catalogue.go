package finding

// The provider's file, or the Domain Connect template in its place.
const (
	WeakFact   Code = "MX140" // a record rests on what was seen once, or is told from memory
	NoIMAP     Code = "MX141" // mailboxes cannot be copied to the provider
	NotApplied Code = "MX142" // a template asks for more than mail needs
)
