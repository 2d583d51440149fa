package publish

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mxmove/mxmove/dnsplan"
)

// DeSEC publishes by the API of deSEC, all changes of a call in one request,
// of which it takes all or nothing. It does not compare before it writes.
type DeSEC struct {
	Token string
	API
}

// Abilities reports one transaction without a comparison. The TTL floor is
// the usual one; each zone has its own, which List and Publish ask for.
func (p *DeSEC) Abilities() Abilities {
	return Abilities{Name: "desec", Atomic: true, TTLFloor: 3600}
}

// Publish makes the changes.
func (p *DeSEC) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	return put(ctx, p, apex, changes)
}

// List reads the zone.
func (p *DeSEC) List(ctx context.Context, apex string) (Listing, error) { return list(ctx, p, apex) }

// Check asks for the zone.
func (p *DeSEC) Check(ctx context.Context, apex string) error { return check(ctx, p, apex) }

func (p *DeSEC) rest() rest {
	return rest{
		API: p.API, vendor: "desec", root: "https://desec.io/api/v1",
		sign: bearer("Token", p.Token), secrets: []string{p.Token},
	}
}

type desecSet struct {
	Subname string   `json:"subname"`
	Type    string   `json:"type"`
	TTL     uint32   `json:"ttl"`
	Records []string `json:"records"` // none of them: the RRset goes
}

func (p *DeSEC) read(ctx context.Context, apex string) (*book, error) {
	c := p.rest()
	var domain struct {
		Floor uint32 `json:"minimum_ttl"`
	}
	if _, err := c.get(ctx, path("domains", bare(apex))+"/", &domain); err != nil {
		if missing(err) {
			return nil, noZone("desec", apex)
		}
		return nil, err
	}
	b := newBook(apex, bare(apex), domain.Floor)
	b.origin = apex
	// More than 500 RRsets come in pages; an empty cursor asks for the first.
	cursor := ""
	for range maxPages {
		var sets []desecSet
		header, err := c.get(ctx, path("domains", b.id, "rrsets")+"/?cursor="+url.QueryEscape(cursor), &sets)
		if err != nil {
			return nil, err
		}
		for _, s := range sets {
			for _, data := range s.Records {
				b.add(absolute(s.Subname, apex), s.Type, record{data: data, ttl: s.TTL})
			}
		}
		next, more := nextCursor(header)
		if !more || next == cursor {
			return b, nil
		}
		cursor = next
	}
	return nil, fmt.Errorf("desec: %w: a listing without end", ErrUnavailable)
}

// nextCursor reads the cursor of the next page from the Link header (RFC
// 8288); the rest of the address is not followed.
func nextCursor(h http.Header) (string, bool) {
	for _, link := range strings.Split(strings.Join(h.Values("Link"), ","), ",") {
		target, params, _ := strings.Cut(link, ";")
		if !strings.Contains(strings.ReplaceAll(params, " ", ""), `rel="next"`) {
			continue
		}
		u, err := url.Parse(strings.Trim(strings.TrimSpace(target), "<>"))
		if err != nil || u.Query().Get("cursor") == "" {
			continue
		}
		return u.Query().Get("cursor"), true
	}
	return "", false
}

func (p *DeSEC) write(ctx context.Context, b *book, due []live) error {
	var sets []desecSet
	for _, l := range due {
		set := l.RRset()
		s := desecSet{Subname: relative(set.Name, b.Zone.Origin, ""), Type: set.TypeName(), TTL: max(set.TTL, b.TTLFloor), Records: []string{}}
		if l.After != nil {
			s.Records = l.After.Data
		}
		sets = append(sets, s)
	}
	_, err := p.rest().call(ctx, http.MethodPatch, path("domains", b.id, "rrsets")+"/", sets, nil)
	return err
}
