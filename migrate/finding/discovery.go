package finding

// How clients find the servers.
const (
	CalendarsStay  Code = "MX060" // calendars and address books are announced and not moved
	ClientHosts    Code = "MX061" // names that people's mail programs may use stay with the old server
	WebHostAnswers Code = "MX062" // the domain's web host answers where mail programs ask first
	ClientCaches   Code = "MX063" // new profiles of Outlook may still find the old server
)
