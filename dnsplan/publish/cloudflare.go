package publish

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// Cloudflare publishes by Cloudflare's API v4, all changes of a call as one
// batch. The batch is one transaction of their database; how fast each record
// reaches the name servers is another matter. Nothing there compares before
// it writes, so the zone is read right before and right after.
type Cloudflare struct {
	Token string // an API token with the right to edit the zone's DNS
	API
}

// cloudflareAuto is what the TTL 1, "automatic", stands for.
const cloudflareAuto = 300

// Abilities reports one transaction without a comparison.
func (p *Cloudflare) Abilities() Abilities {
	return Abilities{Name: "cloudflare", Atomic: true, TTLFloor: 60}
}

// Publish makes the changes, none of them proxied.
func (p *Cloudflare) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	return put(ctx, p, apex, changes)
}

// List reads the zone. Proxied records are opaque: the names answer with
// addresses of Cloudflare's.
func (p *Cloudflare) List(ctx context.Context, apex string) (Listing, error) {
	return list(ctx, p, apex)
}

// Check asks for the zone.
func (p *Cloudflare) Check(ctx context.Context, apex string) error { return check(ctx, p, apex) }

func (p *Cloudflare) rest() rest {
	return rest{
		API: p.API, vendor: "cloudflare", root: "https://api.cloudflare.com/client/v4",
		sign: bearer("Bearer", p.Token), secrets: []string{p.Token},
	}
}

type cloudflareZone struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Type   string `json:"type"`
}

type cloudflareRecord struct {
	ID       string  `json:"id,omitempty"`
	Type     string  `json:"type,omitempty"`
	Name     string  `json:"name,omitempty"`
	Content  string  `json:"content,omitempty"`
	Priority *uint16 `json:"priority,omitempty"`
	TTL      uint32  `json:"ttl,omitempty"`
	Proxied  *bool   `json:"proxied,omitempty"`
	Data     fields  `json:"data,omitempty"`
	Meta     *struct {
		ReadOnly     bool `json:"read_only"`
		EmailRouting bool `json:"email_routing"`
	} `json:"meta,omitempty"`
}

// fields are the data of a record that has several.
type fields map[string]any

// cloudflarePage is the envelope of every listing.
type cloudflarePage[T any] struct {
	Success bool `json:"success"`
	Result  []T  `json:"result"`
	Info    struct {
		Pages int `json:"total_pages"`
	} `json:"result_info"`
}

func cloudflareAll[T any](ctx context.Context, c rest, path string, query url.Values, each func(T)) error {
	query.Set("per_page", "50") // the most that every kind of listing takes
	for page := 1; page <= maxPages; page++ {
		query.Set("page", strconv.Itoa(page))
		var in cloudflarePage[T]
		if _, err := c.get(ctx, path+"?"+query.Encode(), &in); err != nil {
			return err
		}
		if !in.Success {
			return fmt.Errorf("cloudflare: %w: the answer is no success", ErrUnavailable)
		}
		for _, item := range in.Result {
			each(item)
		}
		if page >= in.Info.Pages || len(in.Result) == 0 {
			return nil
		}
	}
	return fmt.Errorf("cloudflare: %w: a listing without end", ErrUnavailable)
}

// find returns the zone's id. A zone that was moved to another account, or is
// waiting to be, may be listed twice.
func (p *Cloudflare) find(ctx context.Context, c rest, apex string) (string, error) {
	var active, other []cloudflareZone
	err := cloudflareAll(ctx, c, "/zones", url.Values{"name": {bare(apex)}}, func(z cloudflareZone) {
		switch {
		case zone.Canonical(z.Name) != apex:
		case z.Status == "active":
			active = append(active, z)
		default:
			other = append(other, z)
		}
	})
	switch {
	case err != nil:
		return "", err
	case len(active) > 1:
		return "", fmt.Errorf("cloudflare: %w: the token sees %d active zones %s; give it the right to one alone", ErrRefused, len(active), apex)
	case len(active) == 0 && len(other) > 0:
		return "", fmt.Errorf("cloudflare: %w: the zone %s is %s, not active", ErrRefused, apex, c.shown(other[0].Status))
	case len(active) == 0:
		return "", noZone("cloudflare", apex)
	case active[0].Type == "secondary":
		return "", fmt.Errorf("cloudflare: %w: %s is a secondary zone; change it at its primary", ErrRefused, apex)
	}
	return active[0].ID, nil
}

func (p *Cloudflare) read(ctx context.Context, apex string) (*book, error) {
	c := p.rest()
	id, err := p.find(ctx, c, apex)
	if err != nil {
		return nil, err
	}
	b := newBook(apex, id, p.Abilities().TTLFloor)
	proxied := make(map[string]bool)
	err = cloudflareAll(ctx, c, path("zones", id, "dns_records"), url.Values{}, func(r cloudflareRecord) {
		if r.TTL == 1 {
			r.TTL = cloudflareAuto
		}
		if r.Proxied != nil && *r.Proxied {
			proxied[zone.Canonical(r.Name)] = true
			return
		}
		b.add(r.Name, r.Type, record{id: r.ID, data: r.data(), ttl: r.TTL})
		typ, err := zone.ParseType(r.Type)
		if err == nil && r.Meta != nil && (r.Meta.ReadOnly || r.Meta.EmailRouting) {
			b.lock(zone.Key{Name: zone.Canonical(r.Name), Type: typ},
				"Cloudflare's Email Routing holds it; switch Email Routing off in the dashboard first")
		}
	})
	for name := range proxied {
		for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME} {
			b.opaque(zone.Key{Name: name, Type: typ}, "Cloudflare proxies it; set it to DNS only in the dashboard first")
		}
	}
	return b, err
}

// data returns the RDATA of a record. Of some types the API keeps a number
// apart; whether the content of a service holds it too has changed over time,
// so its fields count.
func (r cloudflareRecord) data() string {
	target, whole := r.Data["target"].(string)
	switch {
	case r.Type == "SRV" && whole:
		return fmt.Sprintf("%v %v %v %s", r.Data["priority"], r.Data["weight"], r.Data["port"], target)
	case r.Type == "TXT":
		return quoted(r.Content)
	case r.Priority != nil && (r.Type == "MX" || r.Type == "SRV" || r.Type == "URI"):
		return fmt.Sprintf("%d %s", *r.Priority, r.Content)
	}
	return r.Content
}

// quoted returns text that a vendor writes with or without the quotes of a
// master file.
func quoted(text string) string {
	if strings.HasPrefix(text, `"`) {
		return text
	}
	return zone.TXT(text)
}

// cloudflareBatch is carried out in the order of its fields.
type cloudflareBatch struct {
	Deletes []cloudflareRecord `json:"deletes,omitempty"`
	Patches []cloudflareRecord `json:"patches,omitempty"`
	Posts   []cloudflareRecord `json:"posts,omitempty"`
}

func (p *Cloudflare) write(ctx context.Context, b *book, due []live) error {
	var batch cloudflareBatch
	for _, l := range due {
		s := b.steps(l)
		for _, r := range s.drop {
			batch.Deletes = append(batch.Deletes, cloudflareRecord{ID: r.id})
		}
		for _, r := range s.keep {
			if r.ttl != l.After.TTL {
				batch.Patches = append(batch.Patches, cloudflareRecord{ID: r.id, Type: l.After.TypeName(), Name: bare(l.After.Name), TTL: l.After.TTL})
			}
		}
		for _, data := range s.add {
			post, err := cloudflarePost(*l.After, data)
			if err != nil {
				return err
			}
			batch.Posts = append(batch.Posts, post)
		}
	}
	_, err := p.rest().call(ctx, http.MethodPost, path("zones", b.id, "dns_records", "batch"), batch, nil)
	return err
}

// cloudflarePost writes one record in the API's own fields.
func cloudflarePost(set zone.RRset, data string) (cloudflareRecord, error) {
	r := cloudflareRecord{Type: set.TypeName(), Name: bare(set.Name), TTL: set.TTL, Content: data}
	set.Data = []string{data}
	rrs, err := set.RRs()
	if err != nil {
		return r, fmt.Errorf("cloudflare: %w", err)
	}
	no := false
	switch rr := rrs[0].(type) {
	case *dns.A, *dns.AAAA:
		r.Proxied = &no
	case *dns.CNAME:
		r.Content, r.Proxied = bare(rr.Target), &no
	case *dns.NS:
		r.Content = bare(rr.Ns)
	case *dns.MX:
		r.Content, r.Priority = host(rr.Mx), &rr.Preference
	case *dns.TXT:
	case *dns.SRV:
		r.Content = ""
		r.Data = fields{"priority": rr.Priority, "weight": rr.Weight, "port": rr.Port, "target": host(rr.Target)}
	case *dns.TLSA:
		r.Content = ""
		r.Data = fields{"usage": rr.Usage, "selector": rr.Selector, "matching_type": rr.MatchingType, "certificate": rr.Certificate}
	case *dns.CAA:
		r.Content = ""
		r.Data = fields{"flags": rr.Flag, "tag": rr.Tag, "value": rr.Value}
	default:
		return r, fmt.Errorf("cloudflare: %w: records of type %s are not written", ErrRefused, set.TypeName())
	}
	return r, nil
}

// host is a name without the final dot, and the dot itself for "nowhere" (RFC
// 7505, RFC 2782).
func host(name string) string {
	if name == "." {
		return name
	}
	return bare(name)
}
