package finding

// What may get stricter once the mail has moved, on evidence, 18x.
const (
	PolicyMayRise Code = "MX180" // the DMARC policy may ask for more when reports bear it out
	STSMayEnforce Code = "MX181" // the MTA-STS policy is in testing and may be enforced
)
