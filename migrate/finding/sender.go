package finding

// Who may send: SPF and DKIM. 12x goes on where 04x ends.
const (
	SeveralSPF        Code = "MX040" // more than one SPF record
	SPFTooManyLookups Code = "MX041" // evaluating SPF takes more than ten lookups
	SPFTooManyVoids   Code = "MX042" // more than two lookups of SPF find nothing
	SPFUnreadable     Code = "MX043" // the SPF record has a syntax error
	SPFPassAll        Code = "MX044" // SPF allows everybody
	SPFNotFrozen      Code = "MX045" // mx in SPF could not be turned into addresses
	DKIMCollision     Code = "MX046" // the selector holds another key
	WeakKey           Code = "MX047" // something is wrong with a DKIM key
	AfterVerification Code = "MX048" // a value that the console shows only after verification
	SPFOddity         Code = "MX049" // a term of SPF does not do what it seems to

	TXTNeedsTCP     Code = "MX120" // the answer with the SPF record is too large for one datagram
	SPFElsewhere    Code = "MX121" // another name's SPF record leans on what the switch changes
	SPFMissesTarget Code = "MX122" // the record planned does not let the provider's own servers pass
	OldSelectors    Code = "MX123" // DKIM keys that the provider does not use
	HiddenSelectors Code = "MX124" // there are DKIM keys under selectors that were not found
	BIMIWithout     Code = "MX125" // a BIMI record without the DMARC policy that it needs
	DMARCEnforced   Code = "MX126" // the DMARC policy will judge the provider's mail from the first message
)
