package finding

// The findings about DMARC, made of a message that was judged.
const (
	DMARCFails           Code = "MX090" // no aligned pass: receivers act on the policy
	DMARCReceiversDiffer Code = "MX091" // tree walk and public suffix list disagree
	DMARCOldSelector     Code = "MX092" // signed with a key of the old server alone
	DMARCNotMeasured     Code = "MX093" // something that could decide was not seen
	DMARCAbsent          Code = "MX094" // the domain has no DMARC record
	DMARCRecordBroken    Code = "MX095" // the record has something a receiver stumbles over
	FromUnusable         Code = "MX096" // From is missing, doubled, or names no one domain
	SignatureUnsafe      Code = "MX097" // a signature that verifies but should not be relied on

	ReportsUnheard      Code = "MX098" // DMARC reports go to nobody, or to a mailbox that moves
	ReportsUnauthorised Code = "MX099" // reports go to a domain that has not agreed to take them
)
