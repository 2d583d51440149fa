package finding

// Findings about logins.
const (
	LoginRefused           Code = "MX110" // a server does not accept user name and password
	ServerUnreachable      Code = "MX111" // no connection to a mail server, or none that can be trusted
	AccountUnusable        Code = "MX112" // the login succeeds, and every command after it fails
	TokenRefused           Code = "MX113" // the token server gives no access token
	TokenRights            Code = "MX114" // an access token lacks the right to open a mailbox
	BearerRefused          Code = "MX115" // a mail server does not accept an access token
	DelegationMissing      Code = "MX116" // a service account may not act for the users of the domain
	TokenServerUnreachable Code = "MX117" // the token server cannot be reached, or has no time
	SignInNeeded           Code = "MX118" // somebody has to sign in, and nobody can be asked
	AccountUnknown         Code = "MX119" // accounts.csv names an account that the old server does not have
)
