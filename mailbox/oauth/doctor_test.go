package oauth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
	"github.com/mxmove/mxmove/migrate/finding"
)

const (
	appID    = "11111111-2222-3333-4444-555555555555"
	objectID = "66666666-7777-8888-9999-000000000000"
)

// refusedToken is what becomes of a token with these claims at a mail server.
func refusedToken(t *testing.T, kind oauth.Kind, user string, claims map[string]any) error {
	t.Helper()
	o := known()
	if claims != nil {
		o.Claims = func(string) map[string]any { return claims }
	}
	s := imaplab.NewTokens(o)
	attempt, err := get(t, tokens(t, kind, s, oauth.Options{}), user).Attempt("outlook.office365.com", 993, func(m string) bool { return m == "XOAUTH2" })
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Errorf("login: %w", attempt.Refused(errors.New("NO AUTHENTICATE failed.")))
}

// TestDiagnoseToken: a mail server says no more than NO; the token tells which
// step is missing.
func TestDiagnoseToken(t *testing.T) {
	t.Parallel()
	exchange := "https://outlook.office365.com"
	tests := []struct {
		name   string
		user   string
		claims map[string]any
		code   finding.Code
		fix    []string
	}{
		{"no permission", "anna@example.org", map[string]any{"aud": exchange, "appid": appID}, finding.TokenRights,
			[]string{"IMAP.AccessAsApp", "admin consent", appID}},
		{"another permission", "anna@example.org", map[string]any{"aud": exchange, "roles": []string{"POP.AccessAsApp"}}, finding.TokenRights,
			[]string{"IMAP.AccessAsApp"}},
		{"for Graph", "anna@example.org", map[string]any{"aud": "https://graph.microsoft.com", "roles": []string{"Mail.Read"}}, finding.TokenRights,
			[]string{"outlook.office365.com/.default"}},
		{"a good token", "o'hara@example.org", map[string]any{"aud": exchange, "appid": appID, "oid": objectID, "roles": []string{"IMAP.AccessAsApp"}}, finding.BearerRefused,
			[]string{"New-ServicePrincipal -AppId " + appID + " -ObjectId " + objectID, "Add-MailboxPermission -Identity 'o''hara@example.org'", "Set-CASMailbox"}},
		{"claims that would be run", "anna@example.org", map[string]any{"aud": exchange, "appid": "; rm", "oid": "$(x)", "roles": []string{"IMAP.AccessAsApp"}}, finding.BearerRefused,
			[]string{"-AppId <client id> -ObjectId <object id of the enterprise application>;"}},
		{"claims of other types", "anna@example.org", map[string]any{"aud": 7, "roles": "x", "exp": "y"}, finding.BearerRefused, []string{"user name"}},
		{"a token that cannot be read", "anna@example.org", nil, finding.BearerRefused, []string{"user name"}},
	}
	for _, tt := range tests {
		f, ok := oauth.Diagnose(refusedToken(t, oauth.ClientCredentials, tt.user, tt.claims))
		if !ok || f.Code != tt.code {
			t.Errorf("%s: Diagnose = %s %q, %v, want %s", tt.name, f.Code, f.Text, ok, tt.code)
		}
		for _, want := range tt.fix {
			if !strings.Contains(f.Fix, want) {
				t.Errorf("%s: fix = %q, want %q in it", tt.name, f.Fix, want)
			}
		}
	}
}

// TestDiagnoseTokenServer: what the codes of the two big ones mean.
func TestDiagnoseTokenServer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind       oauth.Kind
		code, text string
		want       finding.Code
		fix        string
	}{
		{oauth.ClientCredentials, "invalid_client", "AADSTS7000215: Invalid client secret provided.", finding.TokenRefused, "value, not its id"},
		{oauth.ClientCredentials, "invalid_client", "AADSTS7000222: The provided client secret keys are expired.", finding.TokenRefused, "expired"},
		{oauth.ClientCredentials, "unauthorized_client", "AADSTS700016: Application with identifier 'x' was not found", finding.TokenRefused, "client_id and tenant"},
		{oauth.ClientCredentials, "invalid_request", "AADSTS90002: Tenant 'x' not found.", finding.TokenRefused, "there is none"},
		{oauth.ClientCredentials, "invalid_request", "AADSTS900023: Specified tenant identifier 'x' is neither", finding.TokenRefused, "id or a domain"},
		{oauth.ServiceAccount, "unauthorized_client", "Client is unauthorized to retrieve access tokens", finding.DelegationMissing, "client id 1234567890 with the scopes mail"},
		{oauth.ServiceAccount, "invalid_grant", "Invalid email or User ID", finding.TokenRefused, "no such user"},
		{oauth.ServiceAccount, "invalid_grant", "Invalid JWT Signature.", finding.TokenRefused, "new key"},
		{oauth.ServiceAccount, "something_new", "", finding.TokenRefused, "provider's console"},
	}
	for _, tt := range tests {
		s := imaplab.NewTokens(known())
		s.SetFault(said(400, isJSON, fmt.Sprintf(`{"error":%q,"error_description":%q}`, tt.code, tt.text)))
		_, err := tokens(t, tt.kind, s, oauth.Options{}).Account("anna").Token(t.Context())
		f, ok := oauth.Diagnose(err)
		if !ok || f.Code != tt.want || !strings.Contains(f.Fix, tt.fix) {
			t.Errorf("%s %s: Diagnose = %s, fix %q, want %s, %q", tt.code, tt.text, f.Code, f.Fix, tt.want, tt.fix)
		}
	}
}

func TestDiagnoseOthers(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]finding.Code{
		oauth.ErrNobody:       finding.SignInNeeded,
		oauth.ErrTemporary:    finding.TokenServerUnreachable,
		oauth.ErrMechanism:    finding.BearerRefused,
		oauth.ErrRefused:      finding.TokenRefused,
		errors.New("network"): "",
	} {
		if f, ok := oauth.Diagnose(err); f.Code != want || ok != (want != "") {
			t.Errorf("Diagnose(%v) = %q, %v, want %q", err, f.Code, ok, want)
		}
	}
}

// TestDiagnoseSignedInAsAnother: a delegated token of somebody else.
func TestDiagnoseSignedInAsAnother(t *testing.T) {
	t.Parallel()
	token := readable(t, map[string]any{"aud": "https://outlook.office.com", "scp": "IMAP.AccessAsUser.All", "upn": "ben@example.org"})
	attempt, err := fixed(t, "anna@example.org", token).Attempt("h", 1, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	f, _ := oauth.Diagnose(attempt.Refused(errors.New("NO")))
	if !strings.Contains(f.Text, "somebody else") || !strings.Contains(f.Fix, "ben@example.org") {
		t.Errorf("Diagnose = %q, fix %q", f.Text, f.Fix)
	}
}
