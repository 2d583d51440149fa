package finding

// The run itself, 00x.
const (
	ProviderDrift Code = "MX002" // the pinned provider file differs from this program's
	MXUnknown     Code = "MX003" // the live MX is not known, so the copy only adds
	ServersChosen Code = "MX004" // the authoritative servers were named in the configuration
	NoPublisher   Code = "MX005" // nobody was named who takes the changes of the zone
	OldMXRefuses  Code = "MX006" // the old exchanger refuses an address while senders still go there

	OldMachineWrites Code = "MX007" // the old machine writes mail itself, which only a sweep carries over
)
