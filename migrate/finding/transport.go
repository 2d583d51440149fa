package finding

// What senders were told about transport security.
const (
	STSRefusesNewMX Code = "MX070" // the MTA-STS policy does not list the new exchanges
	STSNotMeasured  Code = "MX071" // there is an MTA-STS policy that nobody could look at
	STSHostOld      Code = "MX072" // the MTA-STS policy is served by the old mail server
	OldDANE         Code = "MX073" // the old server's certificate is pinned by DANE
	DANEEnds        Code = "MX074" // the old exchanges are protected by DANE, the new ones are not
	STSSameID       Code = "MX075" // the MTA-STS policy changed and its id did not
	STSMissing      Code = "MX076" // there is an MTA-STS record and no policy behind it
	TLSReports      Code = "MX077" // the TLS-RPT record does not work
	CAARestricts    Code = "MX078" // the policy host has to move, and CAA restricts who may certify it
	STSListsOld     Code = "MX079" // the MTA-STS policy still lists the old exchanges
)
