package finding

// What senders were told about transport security.
const (
	STSRefusesNewMX Code = "MX070" // the MTA-STS policy does not list the new exchanges
	STSNotMeasured  Code = "MX071" // there is an MTA-STS policy that nobody could look at
	STSHostOld      Code = "MX072" // the MTA-STS policy is served by the old mail server
	OldDANE         Code = "MX073" // the old server's certificate is pinned by DANE
)
