package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
)

// ErrNoPublisher says that nobody was named who could change the zone.
var ErrNoPublisher = errors.New("migrate: no publisher is configured; add dns.publisher to mxmove.yaml")

// publisher returns whoever takes the changes of the zone.
func (m *Move) publisher() (publish.Publisher, error) {
	p := m.Config.DNS.Publisher
	switch {
	case p.RFC2136 != nil:
		return m.rfc2136(p.RFC2136)
	case p.File != nil:
		return m.zoneFile(p.File), nil
	case p.Manual != nil:
		client, err := m.client()
		return &publish.Manual{Client: client, TTLFloor: uint32(p.Manual.TTLFloor)}, err
	case p.Route53 != nil:
		return m.route53(p.Route53)
	case p.OVH != nil:
		return m.ovh(p.OVH)
	}
	return m.tokened(p)
}

func (m *Move) rfc2136(c *config.RFC2136) (publish.Publisher, error) {
	u := &publish.RFC2136{Server: c.Server, Dial: m.dial, Log: m.o.Log}
	if c.TSIG != nil {
		key, err := m.tsig(c.TSIG)
		if err != nil {
			return nil, err
		}
		u.TSIG = key
	}
	return u, nil
}

func (m *Move) zoneFile(c *config.ZoneFile) *publish.File {
	paths := map[string]string{m.Config.Domain: c.Path}
	maps.Copy(paths, c.Zones)
	return &publish.File{Paths: paths, Now: m.o.Clock.Now}
}

// tokened returns a publisher that needs a token and nothing else.
func (m *Move) tokened(p config.Publisher) (publish.Publisher, error) {
	api, err := m.api()
	if err != nil {
		return nil, err
	}
	for _, kind := range []struct {
		token *config.Token
		build func(token string) publish.Publisher
	}{
		{p.Cloudflare, func(t string) publish.Publisher { return &publish.Cloudflare{Token: t, API: api} }},
		{p.DeSEC, func(t string) publish.Publisher { return &publish.DeSEC{Token: t, API: api} }},
		{p.DigitalOcean, func(t string) publish.Publisher { return &publish.DigitalOcean{Token: t, API: api} }},
		{p.Gandi, func(t string) publish.Publisher { return &publish.Gandi{Token: t, API: api} }},
		{p.Hetzner, func(t string) publish.Publisher { return &publish.Hetzner{Token: t, API: api} }},
	} {
		if kind.token == nil {
			continue
		}
		token, err := m.secret(kind.token.Token)
		if err != nil {
			return nil, fmt.Errorf("token of the publisher: %w", err)
		}
		return kind.build(token), nil
	}
	return nil, ErrNoPublisher
}

func (m *Move) ovh(c *config.OVH) (publish.Publisher, error) {
	api, err := m.api()
	if err != nil {
		return nil, err
	}
	o := &publish.OVH{Endpoint: c.Endpoint, ApplicationKey: c.ApplicationKey, API: api}
	if o.ApplicationSecret, err = m.secret(c.ApplicationSecret); err == nil {
		o.ConsumerKey, err = m.secret(c.ConsumerKey)
	}
	if err != nil {
		return nil, fmt.Errorf("keys of ovh: %w", err)
	}
	return o, nil
}

func (m *Move) route53(c *config.Route53) (publish.Publisher, error) {
	api, err := m.api()
	if err != nil {
		return nil, err
	}
	p := &publish.Route53{Zones: c.Zones, API: api}
	for _, s := range []struct {
		from config.Secret
		to   *string
	}{{c.AccessKey, &p.AccessKey}, {c.SecretKey, &p.SecretKey}, {c.SessionToken, &p.SessionToken}} {
		if s.from.IsZero() {
			continue
		}
		if *s.to, err = m.secret(s.from); err != nil {
			return nil, fmt.Errorf("keys of route53: %w", err)
		}
	}
	if c.Credentials.IsZero() {
		return p, nil
	}
	text, err := m.secret(c.Credentials)
	if err != nil {
		return nil, fmt.Errorf("credentials of route53: %w", err)
	}
	// What the document says must not get into an error.
	var doc struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	if json.Unmarshal([]byte(text), &doc) != nil || doc.AccessKeyID == "" || doc.SecretAccessKey == "" {
		return nil, &config.Error{File: m.Config.File, Text: "the credentials of route53 are not what is expected",
			Fix: "give the JSON that aws configure export-credentials prints"}
	}
	p.AccessKey, p.SecretKey, p.SessionToken = doc.AccessKeyID, doc.SecretAccessKey, doc.SessionToken
	return p, nil
}

// api is how a publisher's API is reached.
func (m *Move) api() (publish.API, error) {
	transport, err := m.transport()
	if err != nil {
		return publish.API{}, err
	}
	return publish.API{Client: &http.Client{Transport: transport}, Sleep: m.o.Clock.Sleep, Log: m.o.Log}, nil
}

// floor returns the lowest TTL that the publisher takes, without a question
// to anybody.
func (m *Move) floor() uint32 {
	p := m.Config.DNS.Publisher
	var kind publish.Publisher
	switch {
	case p.Manual != nil:
		kind = &publish.Manual{TTLFloor: uint32(p.Manual.TTLFloor)}
	case p.Cloudflare != nil:
		kind = &publish.Cloudflare{}
	case p.DeSEC != nil:
		kind = &publish.DeSEC{}
	case p.DigitalOcean != nil:
		kind = &publish.DigitalOcean{}
	case p.Gandi != nil:
		kind = &publish.Gandi{}
	case p.Hetzner != nil:
		kind = &publish.Hetzner{}
	case p.OVH != nil:
		kind = &publish.OVH{}
	default:
		return 0
	}
	return kind.Abilities().TTLFloor
}

// listing returns the zone as its publisher has it, or nil where the publisher
// has no list. What the publisher makes up when it is asked, it is asked.
func (m *Move) listing(ctx context.Context, client *resolver.Client, apex string, l lens) (*publish.Listing, error) {
	p := m.Config.DNS.Publisher
	if p == (config.Publisher{}) || p.RFC2136 != nil || p.Manual != nil || p.File != nil && l.live {
		return nil, nil
	}
	publisher, err := m.publisher()
	if err != nil {
		return nil, err
	}
	lister, ok := publisher.(publish.Lister)
	if !ok {
		return nil, nil
	}
	all, err := lister.List(ctx, apex)
	if err != nil {
		return nil, m.fileError(err)
	}
	if len(all.Opaque) == 0 {
		return &all, nil
	}
	servers, err := client.Authoritative(ctx, apex)
	if err != nil {
		return nil, err
	}
	for _, key := range all.Opaque {
		set, err := exactly(ctx, client, servers, apex, key)
		if err != nil {
			return nil, err
		}
		if set != nil {
			all.Zone.Put(*set)
		}
	}
	return &all, nil
}

// exactly returns an RRset as the first server that answers has it, nil where
// there is none. Where none answers it is not known.
func exactly(ctx context.Context, client *resolver.Client, servers []resolver.Server, apex string, key zone.Key) (*zone.RRset, error) {
	err := fmt.Errorf("%w: %s has no server", resolver.ErrNoAnswer, apex)
	for _, s := range servers {
		var set *zone.RRset
		if set, err = client.Exact(ctx, s, apex, key.Name, key.Type); err == nil {
			return set, nil
		}
	}
	return nil, err
}

// fileError turns a complaint about a master file into one about something
// that a person wrote, which it is.
func (m *Move) fileError(err error) error {
	e, ok := errors.AsType[*publish.FileError](err)
	if !ok {
		return err
	}
	return &config.Error{File: e.File, Line: e.Line, Column: min(e.Line, 1), Text: e.Text, Fix: e.Fix, Err: err}
}

// explainer returns a publisher that can tell what was done wrongly, or nil.
// No other kind is built for it: a wait must not ask for a token.
func (m *Move) explainer() publish.Explainer {
	if m.Config.DNS.Publisher.Manual == nil {
		return nil
	}
	p, err := m.publisher()
	if err != nil {
		return nil
	}
	e, _ := p.(publish.Explainer)
	return e
}

// promise says what a publisher cannot do, or nothing where it can do all: a
// person who shares the panel with others should know.
func promise(a publish.Abilities) string {
	var lacks []string
	if !a.Swap {
		lacks = append(lacks, "does not compare and write in one, so the zone is read right before and right after")
	}
	if !a.Atomic {
		lacks = append(lacks, "takes changes one by one, so what comes is there before anything goes")
	}
	if len(lacks) == 0 || a.Name == "manual" {
		return ""
	}
	return a.Name + " " + strings.Join(lacks, ", and ")
}

// sayLines tells a person something that has several lines, with records in
// it that are to be copied.
func (m *Move) sayLines(text string) {
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		m.emit(Event{Type: Talk, Text: line, Verbatim: true})
	}
}
