package finding

// The zone and its snapshot. 010 to 014 come from asking the servers, 015 to
// 019 from the planner.
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
)
