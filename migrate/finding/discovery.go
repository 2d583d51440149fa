package finding

// How clients find the servers.
const (
	CalendarsStay Code = "MX060" // calendars and address books are announced and not moved
)
