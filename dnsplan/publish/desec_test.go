package publish_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
)

func desecSite(t *testing.T) site {
	t.Helper()
	return desecOf(newPanel(t, desecAPI(60)))
}

func desecOf(p *panel) site {
	return p.site(func(token string, api publish.API) publish.Publisher {
		return &publish.DeSEC{Token: token, API: api}
	})
}

// A hostSet is an RRset as APIs that know RRsets list it.
type hostSet struct {
	name, typ string
	ttl       uint32
	data      []string
}

// sets groups the records, in the order in which they came.
func (p *panel) sets() []hostSet {
	var all []hostSet
	at := make(map[string]int)
	for _, r := range p.rows {
		key := r.name + " " + r.typ
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, hostSet{name: r.name, typ: r.typ, ttl: r.ttl})
		}
		all[i].data = append(all[i].data, r.data)
	}
	return all
}

// below returns the part of a name below the zone.
func below(name, apex string) string {
	if name == "example.org." {
		return apex
	}
	return strings.TrimSuffix(name, ".example.org.")
}

func above(name string) string {
	if name == "" || name == "@" {
		return "example.org."
	}
	return name + ".example.org."
}

// desecAPI speaks the part of deSEC's API that DNS needs.
func desecAPI(floor uint32) func(p *panel) http.Handler {
	return func(p *panel) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /domains/example.org/{$}", func(w http.ResponseWriter, r *http.Request) {
			answer(w, 200, map[string]any{"name": "example.org", "minimum_ttl": floor})
		})
		mux.HandleFunc("GET /domains/example.org/rrsets/{$}", func(w http.ResponseWriter, r *http.Request) {
			const each = 3
			if !r.URL.Query().Has("cursor") {
				answer(w, 400, map[string]any{"detail": "Pagination required."})
				return
			}
			from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
			all := p.sets()
			sets := []any{}
			for _, s := range all[from:min(len(all), from+each)] {
				if s.typ != "SOA" {
					sets = append(sets, map[string]any{"subname": below(s.name, ""), "type": s.typ, "ttl": s.ttl, "records": s.data})
				}
			}
			if from+each < len(all) {
				w.Header().Set("Link", fmt.Sprintf(`<https://elsewhere.example/?cursor=>; rel="first", <https://elsewhere.example/rrsets/?cursor=%d>; rel="next"`, from+each))
			}
			answer(w, 200, sets)
		})
		mux.HandleFunc("PATCH /domains/example.org/rrsets/{$}", func(w http.ResponseWriter, r *http.Request) {
			var sets []struct {
				Subname, Type string
				TTL           uint32
				Records       []string
			}
			err := json.NewDecoder(r.Body).Decode(&sets)
			if err == nil {
				err = p.commit(func() error {
					for _, s := range sets {
						if s.TTL < floor {
							return fmt.Errorf("Ensure this value is greater than or equal to %d.", floor)
						}
						p.set(above(s.Subname), s.Type, s.TTL, s.Records...)
					}
					return nil
				})
			}
			if err != nil {
				answer(w, 400, []any{map[string]any{"non_field_errors": []string{err.Error()}}, map[string]any{}})
				return
			}
			answer(w, 200, []any{})
		})
		return authorised(mux, "Token "+rightToken, 401, `{"detail": "Invalid token."}`)
	}
}

func TestDeSECAsksForTheFloor(t *testing.T) {
	t.Parallel()
	s := desecOf(newPanel(t, desecAPI(3600)))
	all, err := s.publisher.(publish.Lister).List(t.Context(), "example.org")
	if err != nil || all.TTLFloor != 3600 {
		t.Fatalf("List = floor %d, %v; want 3600", all.TTLFloor, err)
	}
	before := s.zone(t)
	err = s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
	if !errors.Is(err, publish.ErrRefused) || !strings.Contains(err.Error(), "3600") {
		t.Errorf("a TTL below the floor: Publish = %v, want ErrRefused with the floor", err)
	}
	unchanged(t, s, before)
	mustPublish(t, s, update(oldMX, set("example.org.", dns.TypeMX, 3600, newMX.Data...)))
	mustPublish(t, s, update(oldA, nil))
}
