package finding

// Addresses: what the old server accepts, and what the new one does.
const (
	AddressesUnlisted  Code = "MX030" // nobody has listed the addresses of the old server
	AddressRefused     Code = "MX031" // the new MX refuses an address that the old server accepts
	AddressNotMeasured Code = "MX032" // it is not known whether the new MX accepts an address
	NotCarried         Code = "MX033" // the old server does more with mail than the move carries over
	AddressNotListed   Code = "MX034" // the old server accepts an address that accounts.csv does not name
	CatchAll           Code = "MX035" // the old server accepts every address of a domain
	TableNotListed     Code = "MX036" // a table that may hold addresses cannot be listed
	DelimiterDiffers   Code = "MX037" // addresses with an extension may not work at the target
	RoleMissing        Code = "MX038" // postmaster or abuse is nobody's address
	AddressUnused      Code = "MX039" // an address is configured and was never used
)
