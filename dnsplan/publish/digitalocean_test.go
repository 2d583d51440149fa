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
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func oceanSite(t *testing.T) site {
	t.Helper()
	return newPanel(t, oceanAPI).site(func(token string, api publish.API) publish.Publisher {
		return &publish.DigitalOcean{Token: token, API: api}
	})
}

type oceanBody struct {
	Type, Name, Data, Tag  string
	Priority, Port, Weight *int
	Flags                  *int
	TTL                    uint32
}

// oceanAPI speaks the part of DigitalOcean's API v2 that DNS needs.
func oceanAPI(p *panel) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /domains/example.org/records", func(w http.ResponseWriter, r *http.Request) {
		const each = 4
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		records := []any{}
		for _, row := range p.rows[min(len(p.rows), (page-1)*each):min(len(p.rows), page*each)] {
			records = append(records, oceanRow(row))
		}
		links := map[string]any{}
		if page*each < len(p.rows) {
			links["pages"] = map[string]any{"next": "https://elsewhere.example/?page=" + fmt.Sprint(page+1)}
		}
		answer(w, 200, map[string]any{"domain_records": records, "links": links, "meta": map[string]any{"total": len(p.rows)}})
	})
	do := func(w http.ResponseWriter, r *http.Request, change func(b oceanBody) error) {
		var b oceanBody
		if r.Method != http.MethodDelete {
			if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
				answer(w, 400, map[string]any{"id": "bad_request", "message": err.Error()})
				return
			}
		}
		err := p.commit(func() error { return change(b) })
		switch {
		case errors.Is(err, errGone):
			answer(w, 404, map[string]any{"id": "not_found", "message": "The resource you were accessing could not be found."})
		case err != nil:
			answer(w, 422, map[string]any{"id": "unprocessable_entity", "message": err.Error()})
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			answer(w, 201, map[string]any{"domain_record": map[string]any{}})
		}
	}
	mux.HandleFunc("POST /domains/example.org/records", func(w http.ResponseWriter, r *http.Request) {
		do(w, r, func(b oceanBody) error {
			data, err := b.rdata()
			p.add(above(b.Name), b.Type, b.TTL, data)
			return err
		})
	})
	mux.HandleFunc("PATCH /domains/example.org/records/{id}", func(w http.ResponseWriter, r *http.Request) {
		do(w, r, func(b oceanBody) error {
			row := p.at(r.PathValue("id"))
			if row == nil {
				return errGone
			}
			if b.Type != row.typ {
				return errors.New("type is required")
			}
			var err error
			if b.Data != "" {
				row.data, err = b.rdata()
			}
			row.ttl = b.TTL
			return err
		})
	})
	mux.HandleFunc("DELETE /domains/example.org/records/{id}", func(w http.ResponseWriter, r *http.Request) {
		do(w, r, func(oceanBody) error {
			if p.remove(func(row row) bool { return fmt.Sprint(row.id) == r.PathValue("id") }) == 0 {
				return errGone
			}
			return nil
		})
	})
	return authorised(mux, "Bearer "+rightToken, 401, `{"id": "Unauthorized", "message": "Unable to authenticate you"}`)
}

var errGone = errors.New("gone")

func oceanRow(r row) map[string]any {
	host := func(name string) string {
		if name == "example.org." {
			return "@"
		}
		return strings.TrimSuffix(name, ".")
	}
	o := map[string]any{"id": r.id, "type": r.typ, "name": below(r.name, "@"), "data": r.data, "ttl": r.ttl, "priority": nil, "port": nil, "weight": nil, "flags": nil, "tag": nil}
	f := strings.Fields(r.data)
	switch r.typ {
	case "SOA":
		o["data"] = "1800"
	case "TXT":
		o["data"], _ = zone.JoinTXT(r.data)
	case "CNAME", "NS":
		o["data"] = host(r.data)
	case "MX":
		o["priority"], _ = strconv.Atoi(f[0])
		o["data"] = host(f[1])
	case "SRV":
		o["priority"], _ = strconv.Atoi(f[0])
		o["weight"], _ = strconv.Atoi(f[1])
		o["port"], _ = strconv.Atoi(f[2])
		o["data"] = host(f[3])
	case "CAA":
		o["flags"], _ = strconv.Atoi(f[0])
		o["tag"], o["data"] = f[1], strings.Trim(f[2], `"`)
	}
	return o
}

// rdata refuses a name without its final dot, as DigitalOcean takes it for a
// name below the zone.
func (b oceanBody) rdata() (string, error) {
	switch b.Type {
	case "TXT":
		return zone.TXT(b.Data), nil
	case "CAA", "CNAME", "MX", "NS", "SRV":
		if !dns.IsFqdn(b.Data) {
			return "", errors.New("Data needs to end with a dot (.)")
		}
		switch b.Type {
		case "CAA":
			return fmt.Sprintf(`%d %s "%s"`, *b.Flags, b.Tag, strings.TrimSuffix(b.Data, ".")), nil
		case "MX":
			return fmt.Sprintf("%d %s", *b.Priority, b.Data), nil
		case "SRV":
			return fmt.Sprintf("%d %d %d %s", *b.Priority, *b.Weight, *b.Port, b.Data), nil
		}
	}
	return b.Data, nil
}

func TestDigitalOceanWritesEveryType(t *testing.T) {
	t.Parallel()
	s := oceanSite(t)
	for _, c := range []dnsplan.Change{
		update(nil, set("_imaps._tcp.example.org.", dns.TypeSRV, 300, "0 1 993 imap.provider.example.")),
		update(nil, set("x.example.org.", dns.TypeCAA, 300, `0 issue "ca.example"`)),
		update(nil, set("x.example.org.", dns.TypeAAAA, 300, "2001:db8::1")),
	} {
		mustPublish(t, s, c)
		slower := update(c.After, set(c.After.Name, c.After.Type, 3600, c.After.Data...))
		mustPublish(t, s, slower)
		mustPublish(t, s, slower.Reverse())
		mustPublish(t, s, c.Reverse())
	}
	err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{update(nil, set("x.example.org.", dns.TypeHINFO, 300, `"a" "b"`))})
	if !errors.Is(err, publish.ErrRefused) {
		t.Errorf("HINFO: Publish = %v, want ErrRefused", err)
	}
}
