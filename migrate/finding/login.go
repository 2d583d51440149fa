package finding

// Findings about logins.
const (
	LoginRefused      Code = "MX110" // a server does not accept user name and password
	ServerUnreachable Code = "MX111" // no connection to a mail server, or none that can be trusted
	AccountUnusable   Code = "MX112" // the login succeeds, and every command after it fails
)
