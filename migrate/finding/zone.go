package finding

// The zone and its snapshot. 010 to 014 come from asking the servers, 015 to
// 019 from the planner, and 10x goes on where these end.
const (
	ServersDisagree Code = "MX010" // two authoritative servers answer differently
	SecondaryAhead  Code = "MX011" // a secondary has a higher serial than the primary
	ServerSilent    Code = "MX012" // an authoritative server gave no answer
	WildcardAnswers Code = "MX013" // a wildcard answers for names that do not exist
	SecondaryBehind Code = "MX014" // a secondary has a lower serial than the primary

	NotMeasured Code = "MX015" // part of the plan needed an answer that nobody gave
	ApexCNAME   Code = "MX016" // a CNAME stands at the domain itself
	ProbedOnly  Code = "MX017" // only the well-known names of the zone are known
	NameTaken   Code = "MX018" // a CNAME and other data want the same name
	Occluded    Code = "MX019" // a delegation hides the name of a record

	DelegationDiffers Code = "MX100" // the zone above names other servers than the zone itself
	KeysMissing       Code = "MX101" // the zone above vouches for keys that the zone does not have
	SplitHorizon      Code = "MX102" // the resolver in use shows other data than the world sees
	MissingDot        Code = "MX103" // a name ends with the zone's name twice
	MassChange        Code = "MX104" // the plan would change most of a zone
	NotSigned         Code = "MX105" // the provider's exchanges need DNSSEC, and the zone has none
	Bogus             Code = "MX106" // the zone is signed, and its signatures do not hold
	NameServerOld     Code = "MX107" // a name server of the zone is the old mail server
)
