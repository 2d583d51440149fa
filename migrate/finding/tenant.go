package finding

// What a judged message shows of the provider's settings, 17x.
const (
	TenantDomain Code = "MX170" // signed or returned under the provider's default name of the customer
	NothingSigns Code = "MX171" // SPF alone carries the message: a forward breaks it
)
