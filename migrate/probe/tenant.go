package probe

import (
	"fmt"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A tenancy is a domain below which a provider gives every customer a name. It
// signs and returns mail under that name until somebody switches the
// customer's own domain on.
type tenancy struct {
	suffix       string
	sign, bounce string // what is to be done, for a DKIM signature and for MAIL FROM; %s is the domain
}

// tenancies are the two whose customers meet them most. The steps are those of
// the vendors' own guides, in the words of their consoles.
var tenancies = []tenancy{
	{
		suffix: "onmicrosoft.com",
		sign: "publish selector1._domainkey and selector2._domainkey, then in the Microsoft Defender portal under Email authentication settings, DKIM, " +
			"switch on signing for %[1]s (or in Exchange Online PowerShell New-DkimSigningConfig -DomainName %[1]s -Enabled $true, " +
			"where it says that there is one already Set-DkimSigningConfig -Identity %[1]s -Enabled $true)",
		bounce: "in the Microsoft 365 admin center give the user an address of %s as the primary one: the account still sends as its first name",
	},
	{
		suffix: "gappssmtp.com",
		sign:   "in the Google Admin console under Apps, Google Workspace, Gmail, Authenticate email, choose %s and start authentication",
		bounce: "in the Google Admin console make %s the user's own domain",
	},
}

// tenancyOf returns whose customer's name a domain is, nil for any other.
func tenancyOf(domain string) *tenancy {
	for i, t := range tenancies {
		if strings.HasSuffix(dmarc.Canonical(domain), "."+t.suffix) {
			return &tenancies[i]
		}
	}
	return nil
}

// tenants names the default domains that stand where the own one should. One
// beside an aligned pass of the same method does no harm.
func (j *judge) tenants(ids []identifier) {
	for _, method := range []dmarc.Method{dmarc.DKIM, dmarc.SPF} {
		carried := false
		for _, id := range ids {
			carried = carried || id.Method == method && id.Passes() && !id.old
		}
		for _, id := range ids {
			t := tenancyOf(id.Domain)
			if t == nil || carried || id.Method != method {
				continue
			}
			what, fix := "is signed by", t.sign
			if method == dmarc.SPF {
				what, fix = "returns to", t.bounce
			}
			j.say(finding.Warn, finding.TenantDomain, fmt.Sprintf("the message %s %s, the provider's default name for this customer, and not %s",
				what, id.Domain, j.v.From), fmt.Sprintf(fix, j.v.From))
		}
	}
}
