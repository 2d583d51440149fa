package publish_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/publish"
)

func gandiSite(t *testing.T) site {
	t.Helper()
	return newPanel(t, gandiAPI).site(func(token string, api publish.API) publish.Publisher {
		return &publish.Gandi{Token: token, API: api}
	})
}

// gandiAPI speaks the part of LiveDNS that DNS needs. Names within the zone
// are written short, as Gandi does.
func gandiAPI(p *panel) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /domains/example.org/records", func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		each, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		all := slices.DeleteFunc(p.sets(), func(s hostSet) bool { return s.typ == "SOA" })
		sets := []any{}
		for _, s := range all[min(len(all), (page-1)*each):min(len(all), page*each)] {
			values := []string{}
			for _, data := range s.data {
				if s.typ == "MX" {
					data = strings.TrimSuffix(data, ".example.org.")
				}
				values = append(values, data)
			}
			sets = append(sets, map[string]any{"rrset_name": below(s.name, "@"), "rrset_type": s.typ, "rrset_ttl": s.ttl, "rrset_values": values})
		}
		w.Header().Set("Total-Count", strconv.Itoa(len(all)))
		answer(w, 200, sets)
	})
	mux.HandleFunc("PUT /domains/example.org/records/{name}/{type}", func(w http.ResponseWriter, r *http.Request) {
		var s struct {
			TTL    uint32   `json:"rrset_ttl"`
			Values []string `json:"rrset_values"`
		}
		err := json.NewDecoder(r.Body).Decode(&s)
		if err == nil && s.TTL < 300 {
			err = fmt.Errorf("%d is less than the minimum of 300", s.TTL)
		}
		if err == nil {
			err = p.commit(func() error {
				p.set(above(r.PathValue("name")), r.PathValue("type"), s.TTL, s.Values...)
				return nil
			})
		}
		if err != nil {
			answer(w, 400, map[string]any{"status": "error", "errors": []any{map[string]any{"location": "body", "description": err.Error()}}})
			return
		}
		answer(w, 201, map[string]any{"message": "DNS Record Created"})
	})
	mux.HandleFunc("DELETE /domains/example.org/records/{name}/{type}", func(w http.ResponseWriter, r *http.Request) {
		_ = p.commit(func() error {
			p.remove(is(above(r.PathValue("name")), r.PathValue("type")))
			return nil
		})
		w.WriteHeader(http.StatusNoContent)
	})
	return authorised(mux, "Bearer "+rightToken, 401, `{"code": 401, "message": "The server could not verify that you authorized"}`)
}

// TestGandiReadsEveryPage lists more RRsets than a page holds, from a server
// that knows pages and from one that does not.
func TestGandiReadsEveryPage(t *testing.T) {
	t.Parallel()
	for _, pages := range []bool{true, false} {
		p := newPanel(t, func(p *panel) http.Handler {
			inner := gandiAPI(p)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if q := r.URL.Query(); !pages && r.Method == http.MethodGet {
					q.Set("per_page", "1000")
					q.Set("page", "1")
					r.URL.RawQuery = q.Encode()
				}
				inner.ServeHTTP(w, r)
			})
		})
		for i := range 250 {
			p.add(fmt.Sprintf("host%d.example.org", i), "A", 300, "192.0.2.1")
		}
		g := &publish.Gandi{Token: rightToken, API: p.api()}
		all, err := g.List(t.Context(), "example.org")
		if want := p.zone(t).Len() - 1; err != nil || all.Zone.Len() != want { // without the SOA
			t.Errorf("pages %v: List = %d RRsets, %v; want %d", pages, all.Zone.Len(), err, want)
		}
	}
}
