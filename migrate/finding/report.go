package finding

// What receivers tell, in DMARC aggregate reports and in the messages they took,
// 15x. 09x is what we find out ourselves.
const (
	SenderUnnamed   Code = "MX150" // mail from somewhere that nothing names fails alignment
	SenderUnaligned Code = "MX151" // a sender that is known fails alignment
	VerdictsDiffer  Code = "MX152" // a receiver's verdict is not what its own report bears out

	ReceiverDisagrees Code = "MX153" // the receiver of a message judged it otherwise
	SendersRefuseMX   Code = "MX154" // senders could not use TLS with an exchanger
)
