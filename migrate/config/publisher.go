package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Publisher says who takes the changes. At most one field is set; the zero
// value is no publisher at all.
type Publisher struct {
	RFC2136 *RFC2136
	File    *ZoneFile
	Manual  *Manual
	Route53 *Route53
	OVH     *OVH

	// These take a token and nothing else.
	Cloudflare, DeSEC, DigitalOcean, Gandi, Hetzner *Token
}

// A RFC2136 is a name server that takes dynamic updates.
type RFC2136 struct {
	Server string
	TSIG   *TSIG // nil: updates are not signed
}

// A ZoneFile is a master file that is edited in place. Zones are the files of
// the alias domains.
type ZoneFile struct {
	Path  string
	Zones map[string]string // path by domain
}

// A Manual is a person who types the changes into a panel.
type Manual struct {
	TTLFloor int // seconds; the lowest TTL that the panel takes
}

// A Token is an API that asks for a token.
type Token struct{ Token Secret }

// A Route53 is Amazon's DNS. Either both keys are set, or Credentials, which
// is JSON as "aws configure export-credentials" prints it.
type Route53 struct {
	AccessKey    Secret
	SecretKey    Secret
	SessionToken Secret // zero: none
	Credentials  Secret
	Zones        map[string]string // zone id by domain, where several have the name
}

// An OVH is the API of OVHcloud.
type OVH struct {
	Endpoint          string // "ovh-eu", "ovh-ca" or "ovh-us"; default ovh-eu
	ApplicationKey    string
	ApplicationSecret Secret
	ConsumerKey       Secret
}

// publisher reads the one kind of publisher.
func (r *reader) publisher(dst *Publisher) field {
	return func(v value) {
		seen := r.object(v, map[string]field{
			"cloudflare":   r.token(&dst.Cloudflare),
			"desec":        r.token(&dst.DeSEC),
			"digitalocean": r.token(&dst.DigitalOcean),
			"file":         r.zoneFile(&dst.File),
			"gandi":        r.token(&dst.Gandi),
			"hetzner":      r.token(&dst.Hetzner),
			"manual": func(v value) {
				dst.Manual = &Manual{}
				r.object(v, map[string]field{"ttl_floor": r.number(&dst.Manual.TTLFloor, 0, 86400)})
			},
			"ovh":     r.ovh(&dst.OVH),
			"rfc2136": r.rfc2136(&dst.RFC2136),
			"route53": r.route53(&dst.Route53),
		})
		if len(seen) > 1 {
			kinds := slices.Sorted(maps.Keys(seen))
			r.fail(v.at, `"publisher" has several kinds ("`+strings.Join(kinds, `", "`)+`")`, "keep one of them")
		}
	}
}

func (r *reader) rfc2136(dst **RFC2136) field {
	return func(v value) {
		*dst = &RFC2136{}
		r.object(v, map[string]field{
			"server": r.address(&(*dst).Server, 53),
			"tsig":   r.tsig(&(*dst).TSIG),
		}, "server")
	}
}

func (r *reader) token(dst **Token) field {
	return func(v value) {
		*dst = &Token{}
		r.object(v, map[string]field{"token": r.secret(&(*dst).Token)}, "token")
	}
}

func (r *reader) zoneFile(dst **ZoneFile) field {
	return func(v value) {
		*dst = &ZoneFile{}
		r.object(v, map[string]field{
			"path":  r.path(&(*dst).Path),
			"zones": r.byDomain(&(*dst).Zones, r.path),
		}, "path")
	}
}

func (r *reader) route53(dst **Route53) field {
	return func(v value) {
		k := &Route53{}
		seen := r.object(v, map[string]field{
			"access_key":    r.secret(&k.AccessKey),
			"credentials":   r.secret(&k.Credentials),
			"secret_key":    r.secret(&k.SecretKey),
			"session_token": r.secret(&k.SessionToken),
			"zones":         r.byDomain(&k.Zones, r.text),
		})
		*dst = k
		_, whole := seen["credentials"]
		_, access := seen["access_key"]
		_, secret := seen["secret_key"]
		_, session := seen["session_token"]
		switch {
		case whole && (access || secret || session):
			r.fail(seen["credentials"], `"credentials" holds the keys already`, "keep either credentials or the keys")
		case !whole && (!access || !secret):
			r.fail(v.at, fmt.Sprintf("%q lacks its credentials", v.key),
				"write credentials: {command: [aws, configure, export-credentials]}, or access_key and secret_key")
		}
	}
}

func (r *reader) ovh(dst **OVH) field {
	return func(v value) {
		o := &OVH{Endpoint: "ovh-eu"}
		r.object(v, map[string]field{
			"application_key":    r.text(&o.ApplicationKey),
			"application_secret": r.secret(&o.ApplicationSecret),
			"consumer_key":       r.secret(&o.ConsumerKey),
			"endpoint":           r.word(&o.Endpoint, "ovh-eu", "ovh-ca", "ovh-us"),
		}, "application_key", "application_secret", "consumer_key")
		*dst = o
	}
}

// byDomain reads a mapping from domains to something.
func (r *reader) byDomain(dst *map[string]string, read func(*string) field) field {
	return func(v value) {
		for _, p := range r.pairs(v) {
			name, ok := domainName(p.key)
			if !ok {
				r.fail(p.at, quote(p.key)+" is not a domain", "write a name such as example.net")
				continue
			}
			if *dst == nil {
				*dst = make(map[string]string)
			}
			var text string
			read(&text)(p)
			(*dst)[name] = text
		}
	}
}
