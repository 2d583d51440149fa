package finding

// Who may send: SPF and DKIM.
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
)
