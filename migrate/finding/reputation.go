package finding

// What receivers hold against the old server and the domain.
const (
	AddressListed    Code = "MX130" // an address of the old server stands on a blocklist
	DomainListed     Code = "MX131" // the domain itself stands on a blocklist
	ReverseNameWrong Code = "MX132" // an address of the old server has no name that leads back to it
	GreetingWrong    Code = "MX133" // the old server calls itself by a name that is not its own
)
