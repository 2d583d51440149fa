package publish

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/dnsplan"
)

// OVH publishes by the API of OVHcloud, record by record. Edits are staged
// there until the zone is refreshed, which is done at the end of every call:
// what somebody else has staged takes effect with it, and so does what an
// earlier call staged before it was cut short.
type OVH struct {
	Endpoint          string // "ovh-eu", "ovh-ca" or "ovh-us"; empty: ovh-eu
	ApplicationKey    string
	ApplicationSecret string
	ConsumerKey       string // with GET, POST, PUT and DELETE on /domain/zone/*
	API
}

// OVHEndpoints are the addresses of the API by their names.
var OVHEndpoints = map[string]string{
	"ovh-eu": "https://eu.api.ovh.com/1.0",
	"ovh-ca": "https://ca.api.ovh.com/1.0",
	"ovh-us": "https://api.us.ovhcloud.com/1.0",
}

// Abilities reports that nothing takes effect before all is written, and no
// comparison.
func (p *OVH) Abilities() Abilities { return Abilities{Name: "ovh", Atomic: true, TTLFloor: 60} }

// Publish stages the changes and refreshes the zone.
func (p *OVH) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	return put(ctx, p, apex, changes)
}

// List reads the zone, staged edits included.
func (p *OVH) List(ctx context.Context, apex string) (Listing, error) { return list(ctx, p, apex) }

// Check asks for the zone.
func (p *OVH) Check(ctx context.Context, apex string) error { return check(ctx, p, apex) }

func (p *OVH) steps() {}

// session asks for the server's time, which every signature holds: a clock of
// ours that is wrong does no harm then.
func (p *OVH) session(ctx context.Context) (rest, error) {
	endpoint := p.Endpoint
	if endpoint == "" {
		endpoint = "ovh-eu"
	}
	c := rest{
		API: p.API, vendor: "ovh", root: OVHEndpoints[endpoint], sign: func(*http.Request, []byte) {},
		secrets: []string{p.ApplicationSecret, p.ConsumerKey},
	}
	var now int64
	if _, err := c.get(ctx, "/auth/time", &now); err != nil {
		return c, err
	}
	ahead := time.Until(time.Unix(now, 0))
	c.sign = func(r *http.Request, body []byte) {
		at := strconv.FormatInt(time.Now().Add(ahead).Unix(), 10)
		r.Header.Set("X-Ovh-Application", p.ApplicationKey)
		r.Header.Set("X-Ovh-Consumer", p.ConsumerKey)
		r.Header.Set("X-Ovh-Timestamp", at)
		r.Header.Set("X-Ovh-Signature", p.signature(r.Method, r.URL.String(), string(body), at))
	}
	return c, nil
}

// signature is the API's own: SHA-1 over the secrets and the request.
func (p *OVH) signature(method, address, body, at string) string {
	sum := sha1.Sum([]byte(p.ApplicationSecret + "+" + p.ConsumerKey + "+" + method + "+" + address + "+" + body + "+" + at))
	return "$1$" + hex.EncodeToString(sum[:])
}

type ovhRecord struct {
	Type      string  `json:"fieldType,omitempty"`
	Subdomain *string `json:"subDomain,omitempty"`
	Target    string  `json:"target,omitempty"`
	TTL       uint32  `json:"ttl"` // 0: the zone's
}

func (p *OVH) read(ctx context.Context, apex string) (*book, error) {
	c, err := p.session(ctx)
	if err != nil {
		return nil, err
	}
	at := path("domain", "zone", bare(apex))
	var ids []json.Number
	if _, err := c.get(ctx, at+"/record", &ids); err != nil {
		if missing(err) {
			return nil, noZone("ovh", apex)
		}
		return nil, err
	}
	var soa struct {
		TTL uint32 `json:"ttl"`
	}
	if _, err := c.get(ctx, at+"/soa", &soa); err != nil {
		return nil, err
	}
	records, err := ovhRecords(ctx, c, at, ids)
	if err != nil {
		return nil, err
	}
	b := newBook(apex, at, p.Abilities().TTLFloor)
	b.origin = apex
	for i, r := range records {
		if r.Subdomain == nil {
			continue // it went while the list was read
		}
		if r.TTL == 0 {
			r.TTL = soa.TTL
		}
		b.add(absolute(*r.Subdomain, apex), ovhType(r.Type), record{id: ids[i].String(), data: r.data(), ttl: r.TTL})
	}
	return b, nil
}

// ovhRecords reads records one by one, a few at once: the API has no other
// way that shows their numbers.
func ovhRecords(ctx context.Context, c rest, at string, ids []json.Number) ([]ovhRecord, error) {
	if len(ids) > 10_000 {
		return nil, fmt.Errorf("ovh: %w: the zone has %d records", ErrRefused, len(ids))
	}
	records := make([]ovhRecord, len(ids))
	var mu sync.Mutex // guards records
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(6)
	for i, id := range ids {
		g.Go(func() error {
			var r ovhRecord
			if _, err := c.get(ctx, at+"/record/"+url.PathEscape(id.String()), &r); err != nil && !missing(err) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			records[i] = r
			return nil
		})
	}
	return records, g.Wait()
}

// ovhType is the type of the DNS behind a type of the panel.
func ovhType(name string) string {
	switch name {
	case "SPF", "DKIM", "DMARC":
		return "TXT"
	}
	return name
}

func (r ovhRecord) data() string {
	if ovhType(r.Type) == "TXT" {
		return quoted(r.Target)
	}
	return r.Target
}

func (p *OVH) write(ctx context.Context, b *book, due []live) error {
	c, err := p.session(ctx)
	if err != nil {
		return err
	}
	for _, l := range due {
		if err := ovhStage(ctx, c, b, l); err != nil {
			set := l.RRset()
			return fmt.Errorf("%s: %w", set.Key(), err)
		}
	}
	return nil
}

func ovhStage(ctx context.Context, c rest, b *book, l live) error {
	set, s := l.RRset(), b.steps(l)
	sub := relative(set.Name, b.Zone.Origin, "")
	if set.TypeName() == "CNAME" && len(s.add) == 1 && len(s.drop) == 1 {
		// Two of them cannot stand side by side.
		_, err := c.call(ctx, http.MethodPut, b.id+"/record"+path(s.drop[0].id), ovhRecord{Subdomain: &sub, Target: s.add[0], TTL: set.TTL}, nil)
		return err
	}
	for _, data := range s.add {
		r := ovhRecord{Type: set.TypeName(), Subdomain: &sub, Target: data, TTL: set.TTL}
		if _, err := c.call(ctx, http.MethodPost, b.id+"/record", r, nil); err != nil {
			return err
		}
	}
	for _, r := range s.keep {
		if r.ttl == set.TTL {
			continue
		}
		if _, err := c.call(ctx, http.MethodPut, b.id+"/record"+path(r.id), ovhRecord{Subdomain: &sub, Target: r.data, TTL: set.TTL}, nil); err != nil {
			return err
		}
	}
	for _, r := range s.drop {
		if _, err := c.call(ctx, http.MethodDelete, b.id+"/record"+path(r.id), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// commit refreshes the zone, whether this call staged anything or not: what
// an earlier one staged before it was cut short looks finished in the list.
func (p *OVH) commit(ctx context.Context, b *book) error {
	c, err := p.session(ctx)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, http.MethodPost, b.id+"/refresh", nil, nil)
	return err
}
