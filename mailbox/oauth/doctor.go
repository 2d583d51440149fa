package oauth

import (
	"errors"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/migrate/finding"
)

// A permission of Exchange Online that an application needs to open mailboxes.
const accessAsApp = "IMAP.AccessAsApp"

// Diagnose says which step is missing when a login with a token has failed:
// code, text, evidence and fix; severity and subject are the caller's. It
// reports false for an error that has nothing to do with tokens.
func Diagnose(err error) (finding.Finding, bool) {
	f := finding.Finding{Evidence: []string{}}
	refused, byMail := errors.AsType[*BearerError](err)
	answer, byToken := errors.AsType[*Error](err)
	switch {
	case byMail:
		refused.diagnose(&f)
	case errors.Is(err, ErrNobody):
		f.Code, f.Text = finding.SignInNeeded, "somebody has to sign in for this account, and nobody can be asked"
		f.Fix = "run mxmove plan once on a terminal, without --no-input"
	case byToken && errors.Is(err, ErrRefused):
		answer.diagnose(&f)
	case errors.Is(err, ErrTemporary):
		f.Code, f.Text = finding.TokenServerUnreachable, "the token server cannot be reached, or has no time"
		f.Fix = "check the way to the token server from this machine; else the same command later is right"
	case errors.Is(err, ErrMechanism):
		f.Code, f.Text = finding.BearerRefused, "the server takes no access tokens"
		f.Fix = "leave oauth out for this server, or name the server that takes them"
	case errors.Is(err, ErrRefused):
		f.Code, f.Text, f.Fix = finding.TokenRefused, "there is no access token for this account", "the evidence says why"
	default:
		return f, false
	}
	return f, true
}

// diagnose tells what a token lacks, by what it says of itself, or else what
// the mailbox lacks.
func (e *BearerError) diagnose(f *finding.Finding) {
	f.Code, f.Text = finding.BearerRefused, "the mail server does not accept the access token of this account"
	f.Fix = "check that the user name is the one that the token is made for, and that IMAP is allowed for it"
	c := e.Claims
	if c == nil {
		if e.Kind == ServiceAccount {
			f.Fix = "check that the user has a mailbox there and that IMAP is allowed for it in the Admin console"
		}
		return
	}
	f.Evidence = append(f.Evidence, c.evidence()...)
	switch app := e.Kind == ClientCredentials; {
	case !c.exchange():
		if strings.Contains(c.Audience, "graph.microsoft.com") || c.Audience == "00000003-0000-0000-c000-000000000000" {
			f.Code, f.Text = finding.TokenRights, "the access token is made for Microsoft Graph, which has no IMAP"
			f.Fix = "ask for the scope https://outlook.office365.com/.default, which is the default, with the permission of Office 365 Exchange Online"
		}
	case app && !slices.Contains(c.Roles, accessAsApp):
		f.Code, f.Text = finding.TokenRights, "the access token does not allow IMAP: it lacks the role "+accessAsApp
		f.Fix = "add the application permission " + accessAsApp + " of Office 365 Exchange Online to the app registration " + c.AppID + ", and grant admin consent"
	case app:
		f.Text = "Exchange Online does not let the application into this mailbox, although its token allows IMAP"
		f.Fix = c.steps(e.User)
	case len(c.Scopes) > 0 && !slices.Contains(c.Scopes, "IMAP.AccessAsUser.All"):
		f.Code, f.Text = finding.TokenRights, "the access token does not allow IMAP: it lacks the scope IMAP.AccessAsUser.All"
		f.Fix = "add the delegated permission IMAP.AccessAsUser.All to the app registration " + c.AppID + ", and sign in again"
	case c.User != "" && !strings.EqualFold(c.User, e.User):
		f.Text = "somebody else has signed in for this account"
		f.Fix = "sign in as " + e.User + ", or let " + c.User + " have full access to its mailbox"
	}
}

// steps are the ones at Exchange that a token does not show, with the values
// that belong in them: the object id in the token is that of the enterprise
// application, the very one that is so often mistaken.
func (c *Claims) steps(user string) string {
	app, object := guid(c.AppID, "<client id>"), guid(c.ObjectID, "<object id of the enterprise application>")
	user = PowerShell(user)
	return "in Exchange Online PowerShell: New-ServicePrincipal -AppId " + app + " -ObjectId " + object +
		"; Add-MailboxPermission -Identity " + user + " -User " + object + " -AccessRights FullAccess" +
		"; Set-CASMailbox -Identity " + user + " -ImapEnabled $true"
}

// PowerShell writes a word for PowerShell, which takes typographic quotation
// marks for plain ones.
func PowerShell(word string) string {
	var b strings.Builder
	for _, r := range word {
		if strings.ContainsRune("'\u2018\u2019\u201a\u201b", r) {
			b.WriteRune(r)
		}
		b.WriteRune(r)
	}
	return "'" + b.String() + "'"
}

// guid returns an identifier that may be pasted into a shell, or what to fill
// in where it is none.
func guid(text, otherwise string) string {
	odd := func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF-", r) }
	if text == "" || len(text) > 36 || strings.ContainsFunc(text, odd) {
		return otherwise
	}
	return text
}

// exchange reports whether a token is meant for Exchange Online.
func (c *Claims) exchange() bool {
	return strings.Contains(c.Audience, "outlook.office") || c.Audience == "00000002-0000-0ff1-ce00-000000000000"
}

// evidence is what the token says of itself.
func (c *Claims) evidence() []string {
	var lines []string
	for _, claim := range []struct{ name, value string }{
		{"audience", c.Audience}, {"roles", strings.Join(c.Roles, " ")}, {"scopes", strings.Join(c.Scopes, " ")},
		{"application", c.AppID}, {"object id of the enterprise application or user", c.ObjectID}, {"tenant", c.Tenant}, {"signed in", c.User},
	} {
		if claim.value != "" {
			lines = append(lines, "token: "+claim.name+" "+claim.value)
		}
	}
	return lines
}

// advice is what the codes in the words of token servers mean, by what they
// begin with or contain. The first that fits counts.
var advice = []struct{ code, fix string }{
	{"AADSTS7000215", "give the secret's value, not its id: Entra admin center, App registrations, Certificates & secrets"},
	{"AADSTS7000222", "the client's secret has expired: make a new one under Certificates & secrets"},
	{"AADSTS7000218", "allow public client flows: App registrations, Authentication, Settings"},
	{"AADSTS700016", "check client_id and tenant: this tenant does not know the application"},
	{"AADSTS900023", "check tenant: it is an id or a domain of the tenant"},
	{"AADSTS90002", "check tenant: there is none of this name"},
	{"AADSTS65001", "grant admin consent: App registrations, API permissions"},
	{"AADSTS500011", "add a permission of Office 365 Exchange Online to the application, and grant admin consent"},
	{"AADSTS50076", "sign in again on a terminal: a second factor is asked for"},
	{"AADSTS50079", "sign in again on a terminal: a second factor has to be set up"},
	{"AADSTS53003", "a rule of conditional access blocks this sign-in: let the tenant's administrator look at it"},
	{"Invalid email or User ID", "check the user name: Google knows no such user in the domain"},
	{"Invalid JWT Signature", "make a new key of the service account: this one was deleted, or belongs to another"},
	{"account not found", "make a new key: the service account is gone"},
	{"short-lived token", "set this machine's clock: what is signed with a key is good for an hour at most"},
	{"invalid_client", "check client_id and secret"},
	{"expired_token", "run the same command again on a terminal, and sign in before the code expires"},
	{"access_denied", "the sign-in was declined; run the same command again, or let the tenant's administrator allow it"},
	{"invalid_scope", "leave scope out, or correct it"},
	{"invalid_grant", "sign in again on a terminal, or make a new key: what was granted is no longer good"},
}

// diagnose tells what a refusal of the token server means.
func (e *Error) diagnose(f *finding.Finding) {
	f.Code, f.Text = finding.TokenRefused, "the token server "+e.Server+" gives no access token for this account"
	f.Fix = "check oauth in mxmove.yaml against the provider's console"
	if e.Kind == ServiceAccount && e.Code == "unauthorized_client" {
		f.Code, f.Text = finding.DelegationMissing, "the service account may not act for the users of the domain"
		f.Fix = "in Google's Admin console, API controls, Manage domain-wide delegation, add the client id " + e.ClientID +
			" with the scopes " + strings.Join(e.Scopes, ",")
		return
	}
	for _, a := range advice {
		if strings.Contains(e.Text, a.code) || e.Code == a.code {
			f.Fix = a.fix
			break
		}
	}
	if e.Skew != 0 {
		f.Fix = "set the clock of this machine first; then " + f.Fix
	}
}
