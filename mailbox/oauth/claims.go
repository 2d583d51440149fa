package oauth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Claims are what an access token says of itself, where it can be read, as
// those of Microsoft: who it is for and what it allows. Nothing of it is
// verified, and nothing is decided by it: it serves to tell what is missing.
type Claims struct {
	Audience string   // whom it is meant for
	Roles    []string // permissions of an application
	Scopes   []string // permissions that a user has granted
	Tenant   string
	AppID    string
	ObjectID string // of the application in the tenant, where it is the application's token
	User     string // who has signed in
	Expires  time.Time
}

// Bounds of a token that is read.
const (
	maxClaims = 8 << 10
	maxList   = 50
)

// parseClaims reads the payload of a JSON Web Token (RFC 7519). Each text is
// bounded and printable.
func parseClaims(access string) (Claims, bool) {
	parts := strings.Split(access, ".")
	if len(parts) != 3 || len(parts[1]) > maxClaims {
		return Claims{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Claims{}, false
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(raw, &doc) != nil {
		return Claims{}, false
	}
	c := Claims{
		Audience: claim(doc, "aud"), Roles: list(doc, "roles"), Scopes: strings.Fields(claim(doc, "scp")),
		Tenant: claim(doc, "tid"), AppID: claim(doc, "appid"), ObjectID: claim(doc, "oid"), User: claim(doc, "upn"),
	}
	var exp float64
	if json.Unmarshal(doc["exp"], &exp) == nil && exp > 0 && exp < 1<<33 {
		c.Expires = time.Unix(int64(exp), 0)
	}
	return c, true
}

func claim(doc map[string]json.RawMessage, name string) string {
	var text string
	if json.Unmarshal(doc[name], &text) != nil {
		return ""
	}
	return printable(text, 300)
}

func list(doc map[string]json.RawMessage, name string) []string {
	var texts []string
	if json.Unmarshal(doc[name], &texts) != nil {
		return nil
	}
	if len(texts) > maxList {
		texts = texts[:maxList]
	}
	for i, text := range texts {
		texts[i] = printable(text, 100)
	}
	return slices.Clone(texts)
}
