package finding

// What DMARC aggregate reports tell, 15x: 09x is about one message.
const (
	SenderUnnamed   Code = "MX150" // mail from somewhere that nothing names fails alignment
	SenderUnaligned Code = "MX151" // a sender that is known fails alignment
	VerdictsDiffer  Code = "MX152" // a receiver's verdict is not what its own report bears out
)
