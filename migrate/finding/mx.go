package finding

// The MX and the provider.
const (
	ProviderRefuses  Code = "MX020" // nobody can move a domain to this provider
	EquivalentMX     Code = "MX021" // the MX set is another form of what the provider asks for
	NullMX           Code = "MX022" // the domain declares that it takes no mail
	ImplicitMX       Code = "MX023" // mail goes to the address of the domain itself
	InvalidMX        Code = "MX024" // the MX set has something that senders cannot use
	FilteringGateway Code = "MX025" // a filtering service stands in front of the old server
	OtherMX          Code = "MX026" // other names keep the old server as their MX
	UnresolvableMX   Code = "MX027" // a new exchange has no address
	SplitDelivery    Code = "MX028" // part of the mail goes to the provider already, part does not
	ParkedDomain     Code = "MX029" // the domain declares that it has no mail at all
)
